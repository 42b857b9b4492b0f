"""The normal distribution's tails, as far out as one likes: what measurements beyond a limit cost."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["log_normal_between", "log_normal_cdf"]

# log(e^{z²} erfc(z) / s) with s = 2/(2 + z), as a Chebyshev series in 2s − 1 over z ≥ 0; the next coefficient is 1e-16.
_SERIES = (
    -0.6513268598908547, 0.6419697923564903, 0.019476473204185836, -0.009561514786808632, -0.0009465953444820369,
    0.00036683949785276145, 4.252332480690777e-05, -2.0278578112534243e-05, -1.6242900046470255e-06,
    1.3036558355805233e-06, 1.5626441722066143e-08, -8.523809591494254e-08, 6.529054439098851e-09,
    5.059343495551469e-09, -9.913641566930331e-10, -2.273651222931836e-10, 9.646791102015527e-11,
    2.3940380830391147e-12, -6.886027526497553e-12, 8.944879273090726e-13, 3.1309213993429583e-13,
    -1.1270822361367252e-13, 3.810905255189232e-16, 7.106097613609237e-15, -1.5230282014571043e-15,
)  # fmt: skip


def log_normal_cdf(x: Any) -> Any:
    """log Φ(x) of a symbolic array, to 1e-14 relative or absolute, with its slope, however far x is from zero."""
    z = abs(x) * (1.0 / np.sqrt(2.0))
    s = 2.0 / (2.0 + z)
    twice = 4.0 * s - 2.0
    ahead, beyond = 0.0, 0.0
    for coefficient in reversed(_SERIES[1:]):  # Clenshaw
        ahead, beyond = twice * ahead - beyond + coefficient, ahead
    lower: Any = np.log(0.5 * s) - z * z + 0.5 * twice * ahead - beyond + _SERIES[0]  # log Φ(−|x|)
    return np.where(x < 0.0, lower, np.log1p(-np.exp(lower)))


def log_normal_between(low: Any, high: Any) -> Any:
    """log(Φ(high) − Φ(low)) of symbolic arrays, low < high, taken in whichever tail they lie."""
    turned: Any = low + high > 0.0
    first, second = np.where(turned, -high, low), np.where(turned, -low, high)
    upper = log_normal_cdf(second)
    return upper + np.log(-np.expm1(log_normal_cdf(first) - upper))
