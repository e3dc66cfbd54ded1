"""Quantiles of the normal distribution and of Student's t: how wide an interval of a given level is."""

from __future__ import annotations

import math
from statistics import NormalDist

from adjoint.base.errors import UsageError

NORMAL = NormalDist()

_LARGE_DEGREES = 1000
"""From here on the first terms of a series in 1/degrees are exact enough."""


def z_of(level: float) -> float:
    """The normal quantile of a two-sided level in (0, 1); raises `UsageError` outside.

    >>> round(z_of(0.95), 3)
    1.96
    """
    if not 0 < level < 1:
        message = f"level {level}: a confidence level lies between 0 and 1, for example 0.95."
        raise UsageError(message)
    return NORMAL.inv_cdf((1 + level) / 2)


def t_quantile(share: float, degrees: int) -> float:
    """Student's t quantile for `share` > 1/2, by bisection of the exact series for whole degrees (Abramowitz and Stegun 26.7)."""
    z = NORMAL.inv_cdf(share)
    if degrees > _LARGE_DEGREES:
        return z + (z**3 + z) / (4 * degrees)
    low, high = 0.0, math.pi / 2  # the angle atan(t / sqrt(degrees))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_inside(middle, degrees) < 2 * share - 1 else (low, middle)
    return math.sqrt(degrees) * math.tan((low + high) / 2)


def _t_inside(angle: float, degrees: int) -> float:
    """P(|T| < sqrt(degrees) · tan(angle))."""
    odd = degrees % 2
    cosine, total, power = math.cos(angle), 0.0, math.cos(angle) if odd else 1.0
    for step in range(1 + odd, degrees, 2):
        total += power
        power *= cosine * cosine * step / (step + 1)
    inside = math.sin(angle) * total
    return 2 / math.pi * (angle + inside) if odd else inside
