"""Intervals of means: of scores in [0, 1], and of paired differences in [-1, 1].

Nothing here draws a random number without a seed, and the same input gives the same output on every run. numpy is loaded only
to resample.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from adjoint.base.errors import UsageError
from adjoint.base.rng import seed_of
from adjoint.eval.quantiles import NORMAL, t_quantile, z_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

RESAMPLES = 4000
"""Bootstrap resamples: the ends of a 95 % interval then wander by about a thirtieth of its half width."""

LEAST = 2
"""A spread needs two values."""

_CHUNK = 1_000_000
"""Numbers drawn at a time, so that 10,000 rows need no more memory than 100."""

_FEW_ROWS = 10
_FEW_CHANGES = 30

_ROUNDING = 1e-9
"""Scores that differ by less are equal: no metric means such a difference, and its square is lost in floating point."""


class Interval(NamedTuple):
    """Both ends of an interval, which belong to it."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


UNIT = Interval(0.0, 1.0)
"""Where scores lie."""

SIGNED = Interval(-1.0, 1.0)
"""Where paired differences lie."""


def wilson(successes: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share: centre (p + z²/2n) / (1 + z²/n), inside [0, 1] and sensible at 0 and n successes.

    Wilson (1927), JASA 22. `n` >= 0, 0 <= `successes` <= `n`; no rows give [0, 1]. `successes` may be a fraction, because
    scores in [0, 1] vary at most as much as 0/1 scores of the same mean, so the interval is then too wide, never too narrow.
    Raises `UsageError` outside these ranges.

    >>> [round(end, 3) for end in wilson(8, 10)]
    [0.49, 0.943]
    """
    if n < 0 or not 0 <= successes <= n:
        message = f"wilson({successes}, {n}): successes lie between 0 and n."
        raise UsageError(message)
    z = z_of(level)
    if n == 0:
        return UNIT
    share, weight = successes / n, z * z / n
    centre = (share + weight / 2) / (1 + weight)
    half = math.sqrt(weight) * math.sqrt(share * (1 - share) + weight / 4) / (1 + weight)
    # At the borders the formula gives 0 and 1 exactly, but floating point does not.
    low = 0.0 if successes < _ROUNDING else max(0.0, centre - half)
    high = 1.0 if successes > n - _ROUNDING else min(1.0, centre + half)
    return Interval(low, high)


def mean_interval(values: Sequence[float], level: float = 0.95, *, seed: int = 0) -> Interval:
    """An interval of the mean of scores in [0, 1].

    0/1 scores get Wilson's interval, graded ones a seeded BCa bootstrap (`bootstrap_interval`). No row or one row say nothing
    about spread: [0, 1]. Rows that are all equal say little, so they get Wilson's interval of their mean, which assumes the
    largest spread that a score of that mean can have. Raises `UsageError` for values outside [0, 1] or NaN.

    >>> [round(end, 2) for end in mean_interval([True, True, False, True])]
    [0.3, 0.95]
    >>> mean_interval([0.4])
    Interval(low=0.0, high=1.0)
    """
    _check_range(values, UNIT)
    n = len(values)
    if n < LEAST:
        z_of(level)
        return UNIT
    if binary(values) or max(values) - min(values) < _ROUNDING:
        return wilson(min(n, math.fsum(values)), n, level)
    return bootstrap_interval(values, level, seed=seed)


def paired_interval(differences: Sequence[float], level: float = 0.95, *, seed: int = 0) -> Interval:
    """An interval of the mean paired difference in [-1, 1].

    Differences of 0/1 scores get the interval of Bonett and Price (2012), Psychol. Methods 17: one win and one loss are added,
    (sum d) / (n + 2) ± z · sqrt((m2 - m1²) / (n + 2)). It keeps its level with few discordant pairs, and has a width even when
    all pairs tie. Graded differences get a seeded BCa bootstrap over pairs; if fewer than 30 of them are not 0, joined with the
    interval above (with a win and a loss as large as the largest difference), for a bootstrap cannot know the rare rows that it
    has not seen. Fewer than 2 pairs: [-1, 1]. Raises `UsageError` for values outside [-1, 1] or NaN.

    >>> [round(end, 3) for end in paired_interval([0] * 85 + [1] * 12 + [-1] * 3)]
    [0.011, 0.166]
    """
    _check_range(differences, SIGNED)
    z_of(level)
    if len(differences) < LEAST:
        return SIGNED
    sizes = [abs(value) for value in differences]
    if binary(sizes) or max(differences) - min(differences) < _ROUNDING:
        return _plus_two_pairs(differences, level, 1.0)
    resampled = bootstrap_interval(differences, level, seed=seed, bounds=SIGNED)
    if sum(size > 0 for size in sizes) >= _FEW_CHANGES:
        return resampled
    cautious = _plus_two_pairs(differences, level, max(sizes))
    return Interval(min(resampled.low, cautious.low), max(resampled.high, cautious.high))


def bootstrap_interval(values: Sequence[float], level: float = 0.95, *, seed: int = 0, bounds: Interval = UNIT) -> Interval:
    """BCa bootstrap interval of the mean, with levels widened for small samples, cut at `bounds`.

    The ends are the quantiles Phi(z0 + (z0 ± z) / (1 - a (z0 ± z))) of the resampled means: Efron (1987), JASA 82. A bootstrap
    spreads by sqrt((n-1)/n) too little and knows no t, so z = t(n-1) · sqrt(n/(n-1)) (Hesterberg (2015), Am. Stat. 69). Below
    10 values the result is joined with Student's interval, because so few values resample to too few different means.
    Needs 2 values that are not all equal (`UsageError`).

    >>> values = [0.2, 0.9, 0.8, 1.0, 0.7, 0.6, 0.9, 0.4, 1.0, 0.8, 0.7, 0.95]
    >>> [round(end, 1) for end in bootstrap_interval(values)]
    [0.6, 0.9]
    """
    import numpy as np

    data = np.asarray(values, dtype=np.float64)
    n = data.size
    if n < LEAST or float(np.ptp(data)) < _ROUNDING:
        message = f"bootstrap_interval needs 2 values that differ, not {n} equal ones; mean_interval takes any."
        raise UsageError(message)
    mean = float(data.mean())
    centred = data - mean
    quantile = t_quantile((1 + level) / 2, n - 1) if z_of(level) else 0.0
    means = _resampled_means(data, seed)
    # Ties count half: scores are lumpy, and mirrored data must give the mirrored interval.
    tie = _ROUNDING / 10
    below = float(np.mean(means < mean - tie) + 0.5 * np.mean(np.abs(means - mean) <= tie))
    bias = NORMAL.inv_cdf(min(max(below, 0.5 / RESAMPLES), 1 - 0.5 / RESAMPLES))
    acceleration = float((centred**3).sum() / (6 * (centred**2).sum() ** 1.5))
    wide = quantile * math.sqrt(n / (n - 1))
    levels = [_bca_level(bias, acceleration, side * wide) for side in (-1, 1)]
    low, high = (float(end) for end in np.quantile(means, levels))
    if n < _FEW_ROWS:
        half = quantile * float(data.std(ddof=1)) / math.sqrt(n)
        low, high = min(low, mean - half), max(high, mean + half)
    return Interval(max(bounds.low, min(low, mean)), min(bounds.high, max(high, mean)))


def binary(values: Sequence[float]) -> bool:
    """Whether every value is 0 or 1.

    >>> binary([True, 0, 1.0]), binary([0.5]), binary([])
    (True, False, True)
    """
    return all(value in (0, 1) for value in values)


def portions(times: int, width: int) -> Iterator[int]:
    """`times` draws of `width` numbers, in portions that fit into memory."""
    most = max(1, _CHUNK // width)
    for begun in range(0, times, most):
        yield min(most, times - begun)


def _check_range(values: Sequence[float], allowed: Interval) -> None:
    for value in values:
        if not allowed.holds(value):
            bounds = f"[{allowed.low:g}, {allowed.high:g}]"
            message = f"{value} does not lie in {bounds}; leave out rows with an error, and scale scores to [0, 1]."
            raise UsageError(message)


def _plus_two_pairs(differences: Sequence[float], level: float, size: float) -> Interval:
    """The normal interval after a win and a loss of that size were added."""
    n = len(differences)
    mean, first = math.fsum(differences) / n, math.fsum(differences) / (n + 2)
    second = (math.fsum(value * value for value in differences) + 2 * size * size) / (n + 2)
    half = z_of(level) * math.sqrt((second - first * first) / (n + 2))
    # The pull towards 0 must not leave the observed mean outside.
    return Interval(max(-1.0, min(mean, first - half)), min(1.0, max(mean, first + half)))


def _resampled_means(data: Array, seed: int) -> Array:
    import numpy as np

    draw = np.random.default_rng(seed_of(seed, "bootstrap"))
    drawn = (draw.integers(0, data.size, size=(times, data.size)) for times in portions(RESAMPLES, data.size))
    return np.concatenate([data[rows].mean(axis=1) for rows in drawn])


def _bca_level(bias: float, acceleration: float, z: float) -> float:
    """The quantile of the resampled means that stands for `z`; past the pole of the formula it is the far end."""
    room = 1 - acceleration * (bias + z)
    if room <= 0:
        return 1.0 if z > 0 else 0.0
    return NORMAL.cdf(bias + (bias + z) / room)
