"""Operations of one's own that mean nothing."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
graph.register_elementwise("erf", partials=[None])  # no function `erf` … `evaluate=`
graph.register_elementwise("erf", 5, partials=[None])  # nothing to do with 5 … `evaluate=`
graph.register_elementwise(5, partials=[None])  # `name` … 5
graph.register_elementwise("", np.sinc, partials=[None])  # `name` … ''
graph.register_elementwise("exp", partials=[None])  # `exp` is registered already
graph.register_elementwise("cube_root", np.cbrt, partials=[None])  # ufunc `cbrt` is the operation `cbrt`
graph.register_elementwise("sinc")  # `partials`
graph.register_elementwise("sinc", partials=[])  # `partials` of `sinc` … None, for each operand … []
graph.register_elementwise("sinc", partials=[1.0])  # `partials` of `sinc` … [1.0]
graph.register_elementwise("sinc", partials=np.cos)  # `partials` of `sinc` … cos
graph.register_elementwise("sinc", partials=[None], dtype="int")  # `dtype` … `int` … `float64`
graph.register_elementwise("sinc", partials=[None], breaks="jumps")  # `breaks` … `jumps` … `jump`
graph.register_elementwise("sinc", partials=[None], tolerates="infinite")  # `tolerates` … `infinite` … `infinity`
graph.register_elementwise("sinc", partials=[None], simplfy=None)  # `simplfy` … `simplify`
graph.Operation(name="flip", family="structure")  # `infer`
graph.register(np.exp)  # `register` … an `Operation` … exp
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
