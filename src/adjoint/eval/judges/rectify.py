"""Rectified estimates: many judged rows and a few labelled ones give a mean that the judge's mistakes do not bend."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjoint.base.errors import UsageError
from adjoint.eval.intervals import LEAST, Interval
from adjoint.eval.quantiles import t_quantile, z_of

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Rectified:
    """The mean that people would give, in [0, 1], with its interval, beside what the judge alone and the labels alone say."""

    mean: float
    low: float
    high: float
    judged: float
    """The judge's mean over all rows, as it is: what one would quote without labels."""
    labelled: Interval
    """The interval from the labels alone."""
    weight: float
    """How much the judge is used, in [0, 1]: 0 if it tells nothing about the labels."""
    n: int
    """Rows with a label."""
    unlabelled: int

    def __str__(self) -> str:
        return (
            f"{100 * self.mean:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}] rectified from {self.n} labelled and {self.unlabelled} "
            f"judged rows; the judge alone says {100 * self.judged:.1f} %"
        )


def rectified_mean(
    labels: Sequence[float], judged: Sequence[float], unlabelled: Sequence[float], level: float = 0.95
) -> Rectified:
    """Prediction-powered inference for a mean, with power tuning: Angelopoulos, Duchi and Zrnic (2023), arXiv 2311.01453.

    labels y and judged f belong to the same n rows; `unlabelled` f' are the judge's scores of N further rows of the same kind. The
    estimate is w · mean(f') + mean(y - w · f), unbiased whatever the judge, with w = cov(y, f) / (var(f) · (1 + n/N)) cut to [0, 1]
    and the variance w² var(f')/N + var(y - w · f)/n; the interval uses Student's t with n - 1 degrees and is cut at [0, 1]. All
    scores lie in [0, 1]. Needs 2 labelled and 2 unlabelled rows; raises `UsageError` for fewer and for unequal lengths.

    >>> found = rectified_mean([1, 1, 0, 1, 0, 0, 1, 0], [1, 1, 0, 1, 0, 1, 1, 0], [1, 0] * 100)
    >>> round(found.mean, 3), round(found.judged, 3), found.unlabelled
    (0.404, 0.505, 200)
    """
    import numpy as np

    y, f, more = (np.asarray(values, dtype=np.float64) for values in (labels, judged, unlabelled))
    if len(y) != len(f) or len(y) < LEAST or len(more) < LEAST:
        message = (
            f"rectified_mean: {len(y)} labels, {len(f)} judged and {len(more)} unlabelled scores; labels and judged belong together, "
            f"and 2 rows of each kind are the least."
        )
        raise UsageError(message)
    spread = float(f.var(ddof=1))
    weight = float(np.clip(np.cov(y, f)[0, 1] / (spread * (1 + len(y) / len(more))), 0, 1)) if spread > 0 else 0.0
    mean = weight * float(more.mean()) + float((y - weight * f).mean())
    variance = weight**2 * float(more.var(ddof=1)) / len(more) + float((y - weight * f).var(ddof=1)) / len(y)
    low, high = _around(mean, variance, len(y), level)
    alone = _around(float(y.mean()), float(y.var(ddof=1)) / len(y), len(y), level)
    everything = float(np.concatenate([f, more]).mean())
    return Rectified(min(1.0, max(0.0, mean)), low, high, everything, alone, weight, len(y), len(more))


def _around(mean: float, variance: float, n: int, level: float) -> Interval:
    half = t_quantile((1 + level) / 2, n - 1) * math.sqrt(variance) if z_of(level) else 0.0
    return Interval(max(0.0, mean - half), min(1.0, mean + half))
