"""The zoo's models on grids: PDEs by the method of lines, and steppers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import unideq as ude

from .specimen import Specimen, fields, snapshots

TIMES = np.linspace(0.0, 0.5, 4)
CIRCLE = ude.Axis("x", 0.0, 2 * np.pi, 32)


# ---- adaptive solvers ----------------------------------------------------------------------------------------------


def reaction_between_walls() -> Specimen:
    """Diffusion between a wall whose value swings and one with a slope; a neural reaction in every cell. Stiff."""
    walls = (ude.Dirichlet(lambda t: 1.0 + 0.3 * np.sin(2.0 * t)), ude.Neumann(-0.2))
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 48, boundary=walls), scheme=ude.schemes.Central(2))

    def rhs(t: Any, s: Any, p: Any, net: Any) -> Any:
        return p.diffusion * grid.laplacian(s.u) + net.reaction(s.u)

    reaction = ude.nn.MLP(1, 1, (6, 6), "tanh")
    model = ude.PDE(rhs, grid, ["u"], {"diffusion": ude.Parameter(0.5, positive=True)}, {"reaction": reaction})
    return Specimen(model, fields(model, TIMES), ude.Trajectory(), stiff=True)


def brusselator_with_walls() -> Specimen:
    """Two fields of different diffusivities between walls of fixed values; the reaction is a network of both. Stiff."""
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 24, boundary=ude.Dirichlet(1.0)), scheme=ude.schemes.Central(4))

    def rhs(t: Any, s: Any, p: Any, net: Any) -> dict[str, Any]:
        reaction = s.u**2 * s.v + net.reaction(s.u, s.v)
        return {
            "u": 1.0 + reaction - 4.0 * s.u + p.slow * grid.laplacian(s.u),
            "v": 3.0 * s.u - reaction + p.fast * grid.laplacian(s.v),
        }

    rates = {"slow": ude.Parameter(0.1, positive=True), "fast": ude.Parameter(0.4, positive=True)}
    model = ude.PDE(rhs, grid, ["u", "v"], rates, {"reaction": ude.nn.MLP(2, 1, (6,), "tanh")})
    return Specimen(model, fields(model, TIMES), ude.Trajectory(), stiff=True)


def spectral_waves() -> Specimen:
    """Dealiased Burgers' equation with dispersion, all in Fourier space, and a network of u and its slope."""
    grid = ude.Grid(CIRCLE, scheme=ude.schemes.Fourier())

    def rhs(t: Any, s: Any, p: Any, net: Any) -> Any:
        return -0.5 * p.speed * grid.d(grid.product(s.u, s.u)) + 0.1 * net.closure(s.u, grid.d(s.u))

    parameters = {"speed": 1.0, "viscosity": ude.Parameter(0.05, free=False)}
    model = ude.PDE(
        rhs,
        grid,
        ["u"],
        parameters,
        {"closure": ude.nn.MLP(2, 1, (6,), "tanh")},
        linear=lambda d, p: p.viscosity * d.x**2 - 0.01 * d.x**3,
    )
    return Specimen(model, fields(model, TIMES), ude.Trajectory())


def stiff_spectral() -> Specimen:
    """Allen–Cahn with strong diffusion in Fourier space: a full Jacobian through the transforms. Stiff."""
    grid = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 20), scheme=ude.schemes.Fourier())

    def rhs(t: Any, s: Any, p: Any, net: Any) -> Any:
        return p.rate * (s.u - s.u**3) + net.closure(s.u)

    model = ude.PDE(
        rhs, grid, ["u"], {"rate": 1.0}, {"closure": ude.nn.MLP(1, 1, (5,), "tanh")}, linear=lambda d, p: 5.0 * d.x**2
    )
    return Specimen(model, fields(model, TIMES), ude.Trajectory(), stiff=True)


def conservation_law(scheme: Any, dt: float | None = None) -> Specimen:
    """Inviscid Burgers' equation in flux form with a learned source."""
    grid = ude.Grid(CIRCLE)

    def rhs(t: Any, s: Any, p: Any, net: Any) -> Any:
        return net.source(s.u) - p.speed * grid.flux_divergence(s.u, lambda u: 0.5 * u**2, scheme=scheme)

    model = ude.PDE(rhs, grid, ["u"], {"speed": 1.0}, {"source": ude.nn.MLP(1, 1, (5,), "tanh")})
    return Specimen(model, fields(model, TIMES), ude.Trajectory(), dt=dt)


def weno_burgers() -> Specimen:
    return conservation_law(ude.schemes.WENO(5))


def tvd_burgers() -> Specimen:
    return conservation_law(ude.schemes.TVD("van_leer"), dt=1 / 48)


def plane_with_cnn() -> Specimen:
    """Diffusion and upwind advection on a plane, with a convolutional closure."""
    axes = ude.Axis("x", 0.0, 1.0, 10), ude.Axis("y", 0.0, 1.0, 8)
    grid = ude.Grid(*axes, scheme=ude.schemes.Central(2))

    def rhs(t: Any, s: Any, p: Any, net: Any) -> Any:
        drift = grid.upwind(s.u, 0.5, "x") + grid.upwind(s.u, -0.25, "y")
        return p.diffusion * grid.laplacian(s.u) - drift + net.closure(s.u)

    closure = ude.nn.CNN(1, 1, (3, 3), kernel=3, dimensions=2)
    model = ude.PDE(rhs, grid, ["u"], {"diffusion": ude.Parameter(0.02, positive=True)}, {"closure": closure})
    return Specimen(model, fields(model, TIMES), ude.Trajectory())


# ---- steppers ------------------------------------------------------------------------------------------------------


def burgers_closure() -> Specimen:
    """Upwind Burgers' equation by SSPRK3, and a network on a patch of the stencil: all derivatives go through."""
    grid = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 32))

    def rhs(t: Any, s: Any, p: Any, net: Any) -> Any:
        steep = grid.d(s.u, scheme=ude.schemes.Backward(1))
        return p.viscosity * grid.d(s.u, order=2) - s.u * steep + net.closure(*grid.patch(s.u, 1))

    closure = ude.nn.MLP(3, 1, (6, 6), "tanh")
    model = ude.PDE(rhs, grid, ["u"], {"viscosity": ude.Parameter(0.03, positive=True)}, {"closure": closure})
    stepper = ude.Stepper(model, 0.05, "ssprk3", substeps=2)
    return Specimen(stepper, snapshots(stepper, 7), ude.Unrolled(steps=4, warmup=1, checkpoint=True))


def kuramoto_sivashinsky(coupling: str, **settings: Any) -> Specimen:
    """ETDRK4 on domains of several lengths, corrected by a small convolutional network."""
    problem = ude.problems.KuramotoSivashinsky(points=24, length=8 * np.pi, scheme="etdrk4", dt=0.5)
    correction = ude.Stepper(
        problem.model(),
        problem.dt,
        problem.scheme,
        correction=lambda t, s, p, net: {"u": net.correction(s.u)},
        coupling=coupling,
        networks={"correction": ude.nn.CNN(1, 1, (4, 4), kernel=3)},
    )
    return Specimen(correction, snapshots(correction, 6), ude.Unrolled(**{"steps": 4, **settings}))


def ks_through_the_steps() -> Specimen:
    return kuramoto_sivashinsky("parallel")


def ks_without_derivatives_between_steps() -> Specimen:
    return kuramoto_sivashinsky("sequential", gradient="none")


def ks_one_step() -> Specimen:
    return kuramoto_sivashinsky("prediction", gradient="one_step")


def kolmogorov_flow() -> Specimen:
    """Driven vorticity on a square by ETDRK2, corrected by a convolutional network."""
    problem = ude.problems.KolmogorovFlow(points=16, reynolds=50.0, forcing=2, dt=0.05)
    stepper = ude.Stepper(
        problem.model(),
        problem.dt,
        problem.scheme,
        correction=lambda t, s, p, net: {"vorticity": net.correction(s.vorticity)},
        networks={"correction": ude.nn.CNN(1, 1, (4,), kernel=3, dimensions=2)},
    )
    return Specimen(stepper, fields(stepper, problem.dt * np.arange(6)), ude.Unrolled(steps=3))


def closed_flow() -> Specimen:
    """Subgrid terms and their spectra at snapshots, by a closure that turns with the flow and loses enstrophy."""
    problem = ude.problems.KolmogorovFlow(points=12, reynolds=50.0, forcing=2)
    network = ude.nn.CNN(2, 4, (3,), kernel=3, dimensions=2)
    closure = ude.closures.Learned(network, form="skew", dissipation=True, equivariant=True)
    model = problem.model().closed(closure)
    data = fields(model, np.arange(3.0))
    data = data.assign(vorticity_subgrid=np.cos(2.0 * data.vorticity) - data.vorticity)
    return Specimen(ude.Stepper(model, 0.05, "etdrk2"), data, ude.APriori(spectral=0.3))


def closed_waves() -> Specimen:
    """A flux closure of Burgers' equation, trained coupled, on fields and spectra."""
    problem = ude.problems.Burgers(points=16, dt=0.05)
    closure = ude.closures.Learned(ude.nn.CNN(1, 1, (3,), kernel=3), form="flux")
    stepper = ude.Stepper(problem.model().closed(closure), problem.dt, "etdrk4")
    return Specimen(stepper, snapshots(stepper, 5), ude.Unrolled(steps=2, spectral=0.3))


FIELDS: dict[str, Callable[[], Specimen]] = {
    "reaction_between_walls": reaction_between_walls,
    "brusselator_with_walls": brusselator_with_walls,
    "spectral_waves": spectral_waves,
    "stiff_spectral": stiff_spectral,
    "weno_burgers": weno_burgers,
    "tvd_burgers": tvd_burgers,
    "plane_with_cnn": plane_with_cnn,
    "burgers_closure": burgers_closure,
    "ks_full": ks_through_the_steps,
    "ks_none": ks_without_derivatives_between_steps,
    "ks_one_step": ks_one_step,
    "kolmogorov_flow": kolmogorov_flow,
    "closed_flow": closed_flow,
    "closed_waves": closed_waves,
}
"""Name → maker of a specimen."""
