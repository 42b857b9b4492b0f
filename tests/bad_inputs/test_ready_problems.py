"""Ready problems and their data, asked wrongly."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.problems.Burgers(points=0).data()  # `points` … 0
ude.problems.Burgers(points="64").data()  # `points` … '64'
ude.problems.Burgers(points=2.5).data()  # `points` … 2.5
ude.problems.Burgers(viscosity="a").data()  # `viscosity` … 'a'
ude.problems.Burgers(viscosity=-1.0)  # `viscosity` … -1
ude.problems.Burgers(viscosity=None)  # `viscosity` … None
ude.problems.Burgers(dt=0)  # `dt` … 0
ude.problems.Burgers(dt="a")  # `dt` … 'a'
ude.problems.Burgers(substeps=0)  # `substeps` … 0
ude.problems.Burgers(length=-1)  # `length` … -1
ude.problems.Burgers(length="a")  # `length` … 'a'
ude.problems.Burgers(mean="a")  # `mean` … 'a'
ude.problems.Burgers(mean=np.nan)  # `mean` … nan
ude.problems.Burgers(advection="upwind")  # `advection` … 'upwind'
ude.problems.Burgers(diffusion=6)  # `diffusion` … 6
ude.problems.Burgers(advection=ude.schemes.Central)  # `advection` … Central
ude.problems.Burgers(nu=0.1)  # `nu` … `viscosity`
ude.problems.Advection(speed="a")  # `speed` … 'a'
ude.problems.Advection(speed=np.inf)  # `speed` … inf
ude.problems.Advection(scheme="weno")  # `scheme` … 'weno'
ude.problems.Advection(points=0)  # `points` … 0
ude.problems.AllenCahn(diffusivity=-1)  # `diffusivity` … -1
ude.problems.AllenCahn(rate="a")  # `rate` … 'a'
ude.problems.FisherKPP(diffusivity=0)  # `diffusivity` … 0
ude.problems.FisherKPP(growth="a")  # `growth` … 'a'
ude.problems.FisherKPP(scheme=5)  # `scheme` … 5
ude.problems.ForcedBurgers(amplitude=0)  # `amplitude` … 0
ude.problems.ForcedBurgers(amplitude=np.inf)  # `amplitude` … inf
ude.problems.ForcedBurgers(modes=0)  # `modes` … 0
ude.problems.ForcedBurgers(modes=20, points=32)  # `modes` … 20 … 32 points
ude.problems.ForcedBurgers(correlation="a")  # `correlation` … 'a'
ude.problems.ForcedBurgers(forcing=3)  # `forcing`
ude.problems.ForcedBurgers().data(1, 10, conditions={"start": 1.0})  # `start` … `force_start`
ude.problems.ForcedBurgers().budget(5)  # `data` … `u`
ude.problems.ForcedBurgers().budget(xr.Dataset({"v": ("x", np.zeros(512))}))  # `u`
ude.problems.ForcedBurgers().budget(ude.problems.ForcedBurgers(points=32).data(steps=1))  # own grid … 512 points
ude.problems.Burgers(points=16).spectra(ude.problems.Burgers(points=32).data(steps=1))  # `x` … 16 points
ude.problems.Burgers(points=16).spectra(ude.problems.Burgers(points=16).data(steps=1) + np.nan)  # `u` … NaN
ude.problems.Burgers(points=16).developed(0)  # `trajectories` … 0
ude.problems.Burgers(points=16).developed(1, seed="a")  # `seed` … 'a'
ude.problems.Burgers(points=16).developed(longest=0)  # `longest` … 0
ude.problems.Burgers(points=16).developed(conditions={"a": 1.0})  # `a`
ude.problems.Burgers(points=16).developed(cache="yes")  # `cache` … True or False
ude.problems.Burgers(points=16).developed(engine="rust")  # `engine` … `rust`
ude.problems.Burgers().data(1, 10, warmup="developped")  # `warmup` … `developed`
ude.problems.Burgers().data(1, 10, warmup="developed", initial={"u": np.zeros(256)})  # `initial`
ude.problems.Advection().data(1, 10, warmup="developed")  # `Advection` … warmup=100
ude.problems.KolmogorovFlow(reynolds=0)  # `reynolds` … 0
ude.problems.KolmogorovFlow(forcing=1.5)  # `forcing` … 1.5
ude.problems.KolmogorovFlow(drag="a")  # `drag` … 'a'
ude.problems.KolmogorovFlow(scheme="rk5")  # `rk5` … `rk4`
ude.problems.KolmogorovFlow(forcing=4.5)  # `forcing` … 4.5
ude.problems.TwoDimensionalTurbulence(forcing=0)  # `forcing` … 0
ude.problems.TwoDimensionalTurbulence(forcing=25, points=32)  # `forcing` … 25 … 32 points … more than 50
ude.problems.TwoDimensionalTurbulence(amplitude=0)  # `amplitude` … 0
ude.problems.TwoDimensionalTurbulence(beta="a")  # `beta` … 'a'
ude.problems.TwoDimensionalTurbulence(beta=np.nan)  # `beta` … nan
ude.problems.TwoDimensionalTurbulence(viscosity=0.1)  # `viscosity` … `reynolds`
ude.problems.KortewegDeVries(power=0)  # `power` … 0
ude.problems.KortewegDeVries(power=1.5)  # `power` … 1.5
ude.problems.KortewegDeVries().soliton("a")  # `speed` … 'a'
ude.problems.KortewegDeVries().soliton(-1.0)  # `speed` … -1
ude.problems.KuramotoSivashinsky(dealias="no")  # `dealias` … True or False … 'no'
ude.problems.KuramotoSivashinsky(points=(48,))  # `points` … (48,)
ude.problems.KuramotoSivashinsky(scheme=5)  # `scheme` … 5
ude.problems.CylinderWake(points=64)  # `points` … 64
ude.problems.CylinderWake(points=(64,))  # `points` … (64,)
ude.problems.CylinderWake(reynolds=-1)  # `reynolds` … -1
ude.problems.CylinderWake(penalisation=0)  # `penalisation` … 0
ude.problems.CylinderWake(height="a")  # `height` … 'a'
ude.problems.Burgers().data(0)  # `trajectories` … 0
ude.problems.Burgers().data("1")  # `trajectories` … '1'
ude.problems.Burgers().data(1, 0)  # `steps` … 0
ude.problems.Burgers().data(1, 10, every=3)  # `every`
ude.problems.Burgers().data(1, 10, every="2")  # `every` … '2'
ude.problems.Burgers().data(1, 10, warmup=-1)  # `warmup` … -1
ude.problems.Burgers().data(1, 10, warmup="1")  # `warmup` … '1'
ude.problems.Burgers().data(1, 10, warmup=np.nan)  # `warmup` … nan
ude.problems.Burgers().data(1, 10, seed=-1)  # `seed` … -1
ude.problems.Burgers().data(1, 10, seed="a")  # `seed` … 'a'
ude.problems.Burgers().data(1, 10, seed=1.5)  # `seed` … 1.5
ude.problems.Burgers().data(1, 10, initial=5)  # `initial` … 5
ude.problems.Burgers().data(1, 10, initial={"v": np.zeros(256)})  # `v`
ude.problems.Burgers().data(1, 10, initial={"u": 1j * np.zeros(256)})  # `u` … complex
ude.problems.Burgers().data(1, 10, initial={"u": "a"})  # `u` … 'a'
ude.problems.ForcedBurgers().data(1, 10, initial={"u": np.zeros(10)})  # `u` … (10,)
ude.problems.Burgers().data(1, 10, conditions={"a": 1.0})  # `a`
ude.problems.Burgers().data(1, 10, on=5)  # `on` … 5
ude.problems.Burgers().data(1, 10, on=walls)  # `x`
ude.problems.Burgers().data(1, 10, engine="")  # `engine` … ''
ude.problems.Burgers().initial(0)  # `trajectories` … 0
ude.problems.Burgers().initial("1")  # `trajectories` … '1'
ude.problems.Burgers().initial(1, seed="a")  # `seed` … 'a'
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
