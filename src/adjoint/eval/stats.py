"""The statistics behind every number that a user sees: intervals, paired tests and sample sizes.

Scores lie in [0, 1], paired differences in [-1, 1]. Nothing here draws a random number without a seed, and the same input
gives the same output on every run. numpy is loaded only by the functions that resample.
"""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from adjoint.base.errors import UsageError
from adjoint.base.rng import seed_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

RESAMPLES = 4000
"""Bootstrap resamples: the ends of a 95 % interval then wander by about a thirtieth of its half width."""

FLIPS = 20_000
"""Random sign patterns of a Monte Carlo test: p = 0.05 is then known to about 0.0015."""

_EXACT_FLIPS = 18
"""Up to so many differences all 2^n sign patterns are listed (2 MB)."""

_CHUNK = 1_000_000
"""Numbers drawn at a time, so that 10,000 rows need no more memory than 100."""

LEAST = 2
"""A spread needs two values."""

_FEW_ROWS = 10
_FEW_CHANGES = 30
_LARGE_DEGREES = 1000

_ROUNDING = 1e-9
"""Scores that differ by less are equal: no metric means such a difference, and its square is lost in floating point."""

_NORMAL = NormalDist()


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


def bootstrap_interval(
    values: Sequence[float], level: float = 0.95, *, seed: int = 0, bounds: Interval = UNIT, resamples: int = RESAMPLES
) -> Interval:
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
    means = _resampled_means(data, resamples, seed)
    # Ties count half: scores are lumpy, and mirrored data must give the mirrored interval.
    tie = _ROUNDING / 10
    below = float(np.mean(means < mean - tie) + 0.5 * np.mean(np.abs(means - mean) <= tie))
    bias = _NORMAL.inv_cdf(min(max(below, 0.5 / resamples), 1 - 0.5 / resamples))
    acceleration = float((centred**3).sum() / (6 * (centred**2).sum() ** 1.5))
    wide = quantile * math.sqrt(n / (n - 1))
    levels = [_bca_level(bias, acceleration, side * wide) for side in (-1, 1)]
    low, high = (float(end) for end in np.quantile(means, levels))
    if n < _FEW_ROWS:
        half = quantile * float(data.std(ddof=1)) / math.sqrt(n)
        low, high = min(low, mean - half), max(high, mean + half)
    return Interval(max(bounds.low, min(low, mean)), min(bounds.high, max(high, mean)))


def mcnemar_exact(wins: int, losses: int) -> float:
    """Two-sided p value of wins against losses in the discordant pairs: min(1, 2 · P(Binomial(wins + losses, 1/2) <= fewer)).

    McNemar (1947), Psychometrika 12, in its exact form. Ties carry no information and do not enter; none discordant: p = 1.
    Computed in whole numbers, so it never underflows to a wrong value. Raises `UsageError` for negative counts.

    >>> mcnemar_exact(9, 1)
    0.021484375
    """
    if wins < 0 or losses < 0:
        message = f"mcnemar_exact({wins}, {losses}): counts are not negative."
        raise UsageError(message)
    n, ways, tail = wins + losses, 1, 0
    for taken in range(min(wins, losses) + 1):
        tail += ways
        ways = ways * (n - taken) // (taken + 1)
    return min(1.0, 2 * tail / (1 << n))


def sign_flip_test(differences: Sequence[float], *, seed: int = 0, flips: int = FLIPS) -> float:
    """Two-sided p value of the paired permutation test: how often random signs give a sum as far from 0 as the observed one.

    Exact for at most 18 nonzero differences, and for any number of them if they are equally large (then it is McNemar's test).
    Otherwise `flips` random patterns with p = (1 + hits) / (1 + flips), which is valid and never 0: Phipson and Smyth (2010).
    No nonzero difference: p = 1.

    >>> sign_flip_test([0.5, 0.2, 0.1, 0.4, 0.3, 0.2])
    0.03125
    """
    import numpy as np

    data = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(data).all():
        message = "sign_flip_test: a difference is not finite; leave out the rows with an error."
        raise UsageError(message)
    sizes = np.abs(data[data != 0.0])
    if sizes.size == 0:
        return 1.0
    if float(np.ptp(sizes)) == 0.0:
        return mcnemar_exact(int((data > 0).sum()), int((data < 0).sum()))
    # Sums that are equal on paper differ in the last bits; they are as extreme as the observed one.
    far = abs(float(data.sum())) - 1e-12 * float(sizes.sum())
    if sizes.size <= _EXACT_FLIPS:
        sums = np.zeros(1)
        for size in sizes:
            sums = np.concatenate((sums + size, sums - size))
        return float(np.mean(np.abs(sums) >= far))
    draw, hits, left = np.random.default_rng(seed_of(seed, "sign-flip")), 0, flips
    while left:
        rows = min(left, max(1, _CHUNK // sizes.size))
        signs = draw.integers(0, 2, size=(rows, sizes.size), dtype=np.int8)
        # Twice the sum of the positive part minus everything is the signed sum.
        hits += int((np.abs(2 * (signs @ sizes) - sizes.sum()) >= far).sum())
        left -= rows
    return (1 + hits) / (1 + flips)


def clustered_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Standard error of the mean when rows of one cluster (one document, one user) resemble each other.

    sqrt(G/(G-1) · Σ_g (Σ_{i in g} (x_i - mean))²) / n over G clusters; clusters of one row give s/sqrt(n). Miller (2024),
    arXiv 2411.00640, section 2.2. Fewer than 2 clusters cannot tell: infinity. Raises `UsageError` on unequal lengths.

    >>> clustered_error([0, 0, 1, 1], "aabb") > clustered_error([0, 0, 1, 1], "abcd")
    True
    """
    if len(values) != len(clusters):
        message = f"clustered_error: {len(values)} values but {len(clusters)} cluster names."
        raise UsageError(message)
    groups: defaultdict[Hashable, list[float]] = defaultdict(list)
    mean = math.fsum(values) / max(1, len(values))
    for value, cluster in zip(values, clusters, strict=True):
        groups[cluster].append(value - mean)
    count = len(groups)
    if count < LEAST:
        return math.inf
    squares = math.fsum(math.fsum(group) ** 2 for group in groups.values())
    return math.sqrt(count / (count - 1) * squares) / len(values)


def rows_needed(difference: float, discordance: float, power: float = 0.8, alpha: float = 0.05, *, sides: int = 2) -> int | None:
    """How many pairs a paired test of that size needs to see a true mean difference with that power; None if no number will do.

    n = (z_alpha · sqrt(v) + z_power · sqrt(v - d²))² / d² with d = `difference` and v = `discordance`, the share of pairs that
    differ (for graded scores: the mean squared difference). Connor (1987), Biometrics 43. An exact test of signs never rejects
    below log2(sides/alpha) pairs, so neither does this. Raises `UsageError` unless d² <= v <= 1, 0 < alpha < power < 1 and
    `sides` is 1 or 2.

    >>> [rows_needed(d, 0.15, sides=1) for d in (0.05, 0.08, 0.10)], rows_needed(0.0, 0.15)
    ([369, 143, 91], None)
    """
    square = difference * difference
    # The mean of squares may come out a rounding error below the square of the mean.
    if not (square <= discordance + 1e-12 and discordance <= 1 and 0 < alpha < power < 1 and sides in (1, 2)):
        message = (
            f"rows_needed({difference}, {discordance}, power={power}, alpha={alpha}, sides={sides}): "
            "difference² <= discordance <= 1, 0 < alpha < power < 1 and sides 1 or 2 are allowed."
        )
        raise UsageError(message)
    if square == 0.0:
        return None
    under_null = -_NORMAL.inv_cdf(alpha / sides) * math.sqrt(discordance)
    under_truth = _NORMAL.inv_cdf(power) * math.sqrt(max(0.0, discordance - square))
    pairs = (under_null + under_truth) ** 2 / square
    return math.ceil(max(pairs, math.log2(sides / alpha))) if math.isfinite(pairs) else None


def binary(values: Sequence[float]) -> bool:
    """Whether every value is 0 or 1.

    >>> binary([True, 0, 1.0]), binary([0.5]), binary([])
    (True, False, True)
    """
    return all(value in (0, 1) for value in values)


def z_of(level: float) -> float:
    """The normal quantile of a two-sided level in (0, 1); raises `UsageError` outside.

    >>> round(z_of(0.95), 3)
    1.96
    """
    if not 0 < level < 1:
        message = f"level {level}: a confidence level lies between 0 and 1, for example 0.95."
        raise UsageError(message)
    return _NORMAL.inv_cdf((1 + level) / 2)


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


def _resampled_means(data: Array, resamples: int, seed: int) -> Array:
    import numpy as np

    draw, parts, left = np.random.default_rng(seed_of(seed, "bootstrap")), [], resamples
    while left:
        rows = min(left, max(1, _CHUNK // data.size))
        parts.append(data[draw.integers(0, data.size, size=(rows, data.size))].mean(axis=1))
        left -= rows
    return np.concatenate(parts)


def _bca_level(bias: float, acceleration: float, z: float) -> float:
    """The quantile of the resampled means that stands for `z`; past the pole of the formula it is the far end."""
    room = 1 - acceleration * (bias + z)
    if room <= 0:
        return 1.0 if z > 0 else 0.0
    return _NORMAL.cdf(bias + (bias + z) / room)


def t_quantile(share: float, degrees: int) -> float:
    """Student's t quantile for `share` > 1/2, by bisection of the exact series for whole degrees (Abramowitz and Stegun 26.7)."""
    z = _NORMAL.inv_cdf(share)
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
