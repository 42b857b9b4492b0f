"""Solvers with settings that they don't have or that can't be, alone and in the calls that take them."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.Solver()  # Choose one … ude.Tsit5
ude.Tsit5(1e-8)  # by name … ude.Tsit5(rtol=
ude.RK4(0.1)  # by name … ude.RK4(dt=
ude.Tsit5(rtoll=1e-8)  # `rtoll` … `rtol`
ude.Tsit5(dt=0.1)  # `Tsit5` … no `dt` … ude.RK4(dt=0.01)
ude.Auto(dt=0.1)  # `Auto` … no `dt`
ude.Kvaerno5(dt=None)  # no `dt`
ude.RK4(dt=0.1, rtol=1e-8)  # `RK4` … no `rtol` … ude.Tsit5(rtol=
ude.SSPRK33(dt=0.1, atol=1e-8)  # `SSPRK33` … no `atol`
ude.RK4()  # `RK4` needs `dt` … None … ude.RK4(dt=0.01)
ude.RK4(dt="0.1")  # `dt` … '0.1' … without quotes
ude.RK4(dt=-1)  # `dt` … -1
ude.RK4(dt=np.nan)  # `dt` … nan
ude.Euler(dt=0)  # `dt` … 0
ude.Tsit5(rtol=0)  # `rtol` … 0
ude.Tsit5(rtol="1e-6")  # `rtol` … '1e-6'
ude.Tsit5(rtol=np.nan)  # `rtol` … nan
ude.Tsit5(rtol=True)  # `rtol` … True
ude.Tsit5(atol=-1e-6)  # `atol` … -1e-06
ude.Tsit5(atol=["a"])  # `atol` … 'a'
ude.Tsit5(atol={"x": 0})  # `atol['x']` … 0
ude.Tsit5(max_steps=0)  # `max_steps` … 0
ude.Tsit5(max_steps=2.5)  # `max_steps` … 2.5
ude.Tsit5(max_steps="100")  # `max_steps` … '100'
ude.Tsit5(adjoint="back")  # `back` … `backsolve`
ude.Tsit5(adjoint=5)  # `adjoint` … 5
ude.fit(ode, data, solver=ude.Tsit5)  # `solver` … brackets … Tsit5()
ude.fit(ode, data, solver=ude.Tsit5(), rtol=1e-8)  # `rtol` … `solver=ude.Tsit5(rtol=1e-8)`
ude.fit(ode, data, solver=ude.RK4(dt=0.1), dt=0.2)  # `dt` … `solver=ude.RK4(dt=
ude.fit(ode, data, solver=ude.Auto(), max_steps=5)  # `max_steps` … setting of the solver
ude.fit(closure, fields, solver=ude.Tsit5())  # `solver … stepper
ude.fit(problem, solver=ude.Tsit5())  # `solver` … residual
ode.solve([0.0, 1.0], {"x": 1.0}, solver=ude.Tsit5(), atol=1e-9)  # `atol` … `solver=ude.Tsit5(
ode.export_julia(folder / "a.jl", [0.0, 1.0], {"x": 1.0}, solver=ude.RK4)  # `solver` … RK4()
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0, 2 / 3], order=2)  # `b_error` … give `dt`
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0, 2 / 3], order=2, dt=0)  # `dt` … 0
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0, 2 / 3], order=2, dt=0.1, rtol=1e-3)  # no `rtol`
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0, 2 / 3], order=2, dt=0.1, b_error=[-1, 1])  # no `dt`
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0, 2 / 3], order=3, dt=0.1)  # order 3 … Σ b·a(c) is 0
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 1 / 4], [0, 2 / 3], order=2, dt=0.1)  # Σ b·1 is 0.5 … order 1
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0, 1 / 2], order=2, dt=0.1)  # Row 1 of `a` … `c[1]` is 0.5
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0], order=2, dt=0.1)  # `c` as 2 numbers … 1
ude.ExplicitRungeKutta([[0, 0], [2 / 3, 1]], [1 / 4, 3 / 4], [0, 2 / 3], order=2, dt=0.1)  # `a[1][1]` … 1 … zeros
ude.ExplicitRungeKutta([[0], [0, 0], [2 / 3]], [1 / 4, 3 / 4], [0, 2 / 3], order=2, dt=0.1)  # `a` as 2 rows … 3
ude.ExplicitRungeKutta([[0], [0, 0, 0]], [1 / 4, 3 / 4], [0, 2 / 3], order=2, dt=0.1)  # `a[1]` … 2 numbers … 3
ude.ExplicitRungeKutta(5, [1 / 4, 3 / 4], [0, 2 / 3], order=2, dt=0.1)  # `a` as rows … 5
ude.ExplicitRungeKutta([["a"]], [1 / 4, 3 / 4], [0, 2 / 3], order=2, dt=0.1)  # `a[1]` … 'a'
ude.ExplicitRungeKutta([[2 / 3]], "b", [0, 2 / 3], order=2, dt=0.1)  # `b` … 'b'
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, np.nan], [0, 2 / 3], order=2, dt=0.1)  # `b` … nan
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0, 2 / 3], order=0, dt=0.1)  # `order` … 0
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0, 2 / 3], order=9, dt=0.1)  # `order` … <= 8 … 9
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0, 2 / 3], order=2, b_error=[1, 0])  # sum to 0 … b - b_embedded
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0, 2 / 3], order=2, b_error=[0, 0])  # `b_error` … zero … `dt`
ude.ExplicitRungeKutta([[2 / 3]], [1 / 4, 3 / 4], [0, 2 / 3], order=2, b_error=[1])  # `b_error` as 2 numbers … 1
ude.Rosenbrock([[1]], [[0.1], [0, 0.1]], [1 / 2, 1 / 2], order=2, dt=0.1)  # Σ b·c is 0.6 … order 2
ude.Rosenbrock([[1]], [[0.1], [0, 0.2]], [1 / 2, 1 / 2], order=2, dt=0.1)  # `gamma` … diagonal … 0.1, 0.2
ude.Rosenbrock([[1]], [[0], [0, 0]], [1 / 2, 1 / 2], order=2, dt=0.1)  # `gamma` … > 0
ude.Rosenbrock([[1]], [[1, 1], [0, 1]], [1 / 2, 1 / 2], order=2, dt=0.1)  # `gamma[0][1]` … zero … 1
ode.solve([0.0, 1.0], {"x": 1.0}, engine="jax",
    solver=ude.Rosenbrock([[1]], [[1.7071], [-3.4142, 1.7071]], [0.5, 0.5], order=2, dt=0.1))  # `jax` lacks
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_was_wrong_is_said_in_words(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
