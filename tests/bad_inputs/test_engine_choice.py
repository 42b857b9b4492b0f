"""The choice of an engine."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.set_engine("")  # engine … ''
ude.set_engine("jaxx")  # `jaxx` … `jax`
ude.set_engine("JAX")  # `JAX` … `jax`
ude.set_engine(5)  # `engine` … 5
ude.set_engine(["jax"])  # `engine` … ['jax']
ude.set_engine(True)  # `engine` … True
ude.get_engine("")  # engine … ''
ude.get_engine("jax ")  # `jax ` … `jax`
ude.get_engine("Julia")  # `Julia` … `julia`
ude.get_engine(5)  # `engine` … 5
ude.get_engine(["jax"])  # `engine` … ['jax']
ude.get_engine({"name": "jax"})  # `engine`
ude.get_engine(object())  # `engine`
ude.get_engine(np)  # `engine`
ude.get_engine(b"jax")  # `engine` … b'jax'
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
