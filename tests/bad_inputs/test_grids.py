"""Axes, grids, schemes, boundaries and their operators, made or used wrongly."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.Axis(5, 0.0, 1.0, 8)  # name … 5
ude.Axis("", 0.0, 1.0, 8)  # name … ''
ude.Axis("2x", 0.0, 1.0, 8)  # name … '2x'
ude.Axis("time", 0.0, 1.0, 8)  # `time` is taken
ude.Axis("x", "a", 1.0, 8)  # `start` … 'a'
ude.Axis("x", "0", 1.0, 8)  # `start` … '0'
ude.Axis("x", 0.0, None, 8)  # `stop` … None
ude.Axis("x", 0.0, 1j, 8)  # `stop` … 1j
ude.Axis("x", True, 2.0, 8)  # `start` … True
ude.Axis("x", 0.0, np.nan, 8)  # `stop` … nan
ude.Axis("x", 1.0, 0.0, 8)  # 1 … 0
ude.Axis("x", 0.0, 0.0, 8)  # 0
ude.Axis("x", 0.0, 1.0, 0)  # `points` … 0
ude.Axis("x", 0.0, 1.0, 2.5)  # `points` … 2.5
ude.Axis("x", 0.0, 1.0, "8")  # `points` … '8'
ude.Axis("x", 0.0, 1.0, True)  # `points` … True
ude.Axis("x", 0.0, 1.0, (8,))  # `points` … (8,)
ude.Axis("x", 0.0, 1.0, 8, boundary="wall")  # `wall` … `periodic`
ude.Axis("x", 0.0, 1.0, 8, boundary=5)  # boundary … 5
ude.Axis("x", 0.0, 1.0, 8, boundary=None)  # boundary … None
ude.Axis("x", 0.0, 1.0, 8, boundary=ude.Dirichlet)  # boundary … Dirichlet
ude.Axis("x", 0.0, 1.0, 8, boundary=(ude.Dirichlet(0.0),))  # boundary … pair
ude.Axis("x", 0.0, 1.0, 8, boundary=(ude.Dirichlet(0.0), "periodic"))  # periodic at one end
ude.Axis("x", 0.0, 1.0, 8, boundary=(ude.Dirichlet(0.0), 5))  # 5
ude.Axis("x", 0.0, 1.0, 8, units=5)  # `units` … text … 5
ude.Axis("x", 0.0, 1.0)  # `points`
ude.Dirichlet("a")  # dirichlet … 'a'
ude.Dirichlet(None)  # dirichlet … None
ude.Dirichlet(True)  # dirichlet … True
ude.Dirichlet(np.nan)  # dirichlet … nan
ude.Dirichlet(1j)  # dirichlet … 1j
ude.Dirichlet(np.array([1j]))  # dirichlet … 1.j
ude.Dirichlet(["a"])  # dirichlet … ['a']
ude.Dirichlet(lambda: 1.0)  # dirichlet … function of t
ude.Dirichlet(lambda t: None)  # dirichlet … nothing
ude.Dirichlet(lambda t: "a")  # dirichlet
ude.Dirichlet(np.zeros((2, 2)))  # dirichlet … shape
ude.Neumann("0")  # neumann … '0'
ude.Neumann(np.inf)  # neumann … inf
ude.Neumann({})  # neumann … {}
ude.Grid()  # one or two axes
ude.Grid(5)  # axes … 5
ude.Grid("x")  # axes … 'x'
ude.Grid([grid.axes[0]])  # axes
ude.Grid(grid.axes[0], grid.axes[0])  # `x`
ude.Grid(*plane.axes, ude.Axis("z", 0.0, 1.0, 8))  # not 3
ude.Grid(grid.axes[0], scheme="central")  # `scheme` … 'central'
ude.Grid(grid.axes[0], scheme=4)  # `scheme` … 4
ude.Grid(grid.axes[0], scheme=ude.schemes.Central)  # `scheme` … Central
ude.Grid(grid.axes[0], scheme=None)  # `scheme` … None
ude.Grid(grid.axes[0], scheme=ude.schemes.WENO(5))  # flux_divergence
ude.Grid(walls.axes[0], scheme=ude.schemes.Fourier())  # periodic
ude.schemes.Central(3)  # Central(3) … `Central(2)`
ude.schemes.Central("4")  # Central('4') … `Central(4)`
ude.schemes.Central(None)  # Central(None)
ude.schemes.Central([4])  # Central([4])
ude.schemes.Central(4.5)  # Central(4.5)
ude.schemes.Forward(0)  # Forward(0)
ude.schemes.Backward("1")  # Backward('1')
ude.schemes.Compact(5)  # Compact(5)
ude.schemes.Compact(True)  # Compact(True)
ude.schemes.Upwind(2)  # Upwind(2)
ude.schemes.WENO(4)  # WENO(4)
ude.schemes.WENO(5, epsilon=0)  # `epsilon` … 0
ude.schemes.WENO(5, epsilon="a")  # `epsilon` … 'a'
ude.schemes.WENO(5, epsilon=np.nan)  # `epsilon` … nan
ude.schemes.TVD("van_leer2")  # `van_leer2` … `van_leer`
ude.schemes.TVD(5)  # `limiter` … 5
ude.schemes.TVD(["minmod"])  # `limiter` … ['minmod']
ude.schemes.Fourier(dealias="yes")  # `dealias` … True or False … 'yes'
ude.schemes.Central(2).stencil(7)  # 7
ude.schemes.Central(2).stencil("1")  # '1'
ude.schemes.Central(2).order(0)  # 0
ude.schemes.Central(2).truncation_error(terms=0)  # `terms` … 0
ude.schemes.Central(2).modified_wavenumber(1, "a")  # 'a'
grid.d(u, "y")  # `y` … `x`
grid.d(u, 5)  # 5 … `x`
grid.d(u, order=0)  # 0
grid.d(u, order=9)  # 9
grid.d(u, order="1")  # '1'
grid.d(u, order=1.5)  # 1.5
grid.d(u, order=True)  # True
grid.d(u[:3])  # shape (3,)
grid.d("a")  # 'a'
grid.d(None)  # None
grid.d(1j * u)  # complex
grid.d(u, scheme="central")  # `scheme` … 'central'
grid.d(u, scheme=ude.schemes.TVD())  # flux_divergence
plane.d(np.zeros((16, 16)))  # two axes
walls.d(np.zeros(16), t="now")  # `t` … 'now'
ude.Grid(ude.Axis("x", 0.0, 1.0, 8, boundary=ude.Dirichlet(lambda t: t))).d(np.zeros(8))  # `t
grid.upwind(u, "a")  # 'a'
grid.upwind(u, 1.0, order=2)  # 2
grid.upwind(u, np.zeros(3))  # 3
grid.divergence((u, u))  # 1 components, not 2
grid.divergence(u[:3])  # shape (3,)
grid.flux_divergence(u, 5)  # `flux` … 5
grid.flux_divergence(u, lambda u: None)  # nothing
grid.flux_divergence(u, lambda u: u, speed="a")  # `speed` … 'a'
grid.flux_divergence(u, lambda u: u, speed=-1.0)  # `speed` … -1
grid.flux_divergence(u, lambda u: u, scheme=ude.schemes.Central(2))  # flux form
grid.flux_divergence(u, lambda u: u, scheme="weno")  # 'weno'
grid.fourier(u, 5)  # symbol … 5
grid.fourier(u, plane.symbols.x)  # symbol
grid.symbols.y  # `y` … `x`
walls.symbols  # periodic
walls.dealias(np.zeros(16))  # periodic
grid.product(u, u[:3])  # shape (3,)
grid.patch(u, -1)  # `radius` … -1
grid.patch(u, 1.5)  # `radius` … 1.5
grid.patch(u, "1")  # `radius` … '1'
grid.patch(u, True)  # `radius` … True
grid.patch(u, 20)  # 41
grid.to_faces(u, "y")  # `y`
grid.face_gradient(u[:2])  # shape (2,)
grid.integral("a")  # 'a'
grid.integral(u[:2])  # shape (2,)
grid.coordinates("y")  # `y` … `x`
grid.axis(3)  # 3
grid.with_boundary(y=ude.Dirichlet(0.0))  # `y`
grid.with_boundary(x=5)  # 5
grid.with_scheme("central")  # 'central'
grid.axes[0].with_points(0)  # `points` … 0
ude.Axis.from_coordinates("x", [0.0, 1.0, 5.0])  # uniform
ude.Axis.from_coordinates("x", ["a", "b"])  # number
ude.Axis.from_coordinates("x", [0.0])  # two
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
