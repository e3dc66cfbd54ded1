"""Whether a paired difference is chance: exact and permutation tests, and how many pairs they need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from adjoint.base.errors import UsageError
from adjoint.base.rng import seed_of
from adjoint.eval.intervals import portions
from adjoint.eval.quantiles import NORMAL

if TYPE_CHECKING:
    from collections.abc import Sequence

FLIPS = 20_000
"""Random sign patterns of a Monte Carlo test: p = 0.05 is then known to about 0.0015."""

_EXACT_FLIPS = 18
"""Up to so many differences all 2^n sign patterns are listed (2 MB)."""


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
    draw, hits = np.random.default_rng(seed_of(seed, "sign-flip")), 0
    for times in portions(flips, sizes.size):
        signs = draw.integers(0, 2, size=(times, sizes.size), dtype=np.int8)
        # Twice the sum of the positive part minus everything is the signed sum.
        hits += int((np.abs(2 * (signs @ sizes) - sizes.sum()) >= far).sum())
    return (1 + hits) / (1 + flips)


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
    under_null = -NORMAL.inv_cdf(alpha / sides) * math.sqrt(discordance)
    under_truth = NORMAL.inv_cdf(power) * math.sqrt(max(0.0, discordance - square))
    pairs = (under_null + under_truth) ** 2 / square
    return math.ceil(max(pairs, math.log2(sides / alpha))) if math.isfinite(pairs) else None
