"""Two programs on the same rows: how much they differ, how sure that is, and which rows changed."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.words import count
from adjoint.eval.intervals import LEAST, binary, paired_interval
from adjoint.eval.significance import mcnemar_exact, rows_needed, sign_flip_test

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.eval.intervals import Interval

_ROUNDING = 1e-12
"""A mean or a spread below this is rounding, not a difference."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """b against a on the rows that both answered; a positive `difference` means that b is better."""

    n: int
    """Pairs: rows with a score on both sides."""
    errors_a: int
    errors_b: int
    """Rows on which a side had an error; a row with two errors counts on both sides."""
    mean_a: float
    mean_b: float
    """Means over the pairs only, so that mean_b - mean_a is the difference; 0 without pairs."""
    difference: float
    low: float
    high: float
    """A paired interval of the difference at `level`."""
    p: float
    """Two-sided: exact McNemar for 0/1 scores, sign-flip permutation for graded ones."""
    test: str
    effect: float | None
    """Cohen's d_z: mean difference over the standard deviation of the differences; None where that is 0 or n < 2."""
    wins: int
    losses: int
    """Pairs in which b, or a, has the higher score; the rest are ties."""
    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    """Ids of rows that pass with b only, or with a only."""
    verdict: str
    """`better`, `worse`, `inconclusive: about N more rows would tell` or `inconclusive: no difference seen in n pairs`."""
    rows_more: int | None
    """That N, if the true difference is the observed one (80 % power); None if the verdict is conclusive or no N would do."""
    level: float

    @property
    def conclusive(self) -> bool:
        return self.verdict in ("better", "worse")

    @property
    def words(self) -> str:
        """The whole result in one line.

        >>> compare_scores([0.0] * 12, [1.0] * 12, [str(row) for row in range(12)]).words
        'better: +100.0 points, 95 % interval +58.7 to +100.0, n = 12, p = 0.00049'
        """
        text = (
            f"{self.verdict}: {100 * self.difference:+.1f} points, {100 * self.level:g} % interval "
            f"{100 * self.low:+.1f} to {100 * self.high:+.1f}, n = {self.n}, p = {self.p:.2g}"
        )
        errors = self.errors_a + self.errors_b
        return text + (f"; errors left out: {self.errors_a} and {self.errors_b}" if errors else "")

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def compare_scores(
    a: Sequence[float | None],
    b: Sequence[float | None],
    ids: Sequence[str],
    *,
    level: float = 0.95,
    passing: float = 0.5,
    seed: int = 0,
) -> Comparison:
    """Compare b with a, row by row; a score lies in [0, 1], None is an error.

    Rows with an error on either side are left out and counted. An id that occurs several times (repeats of a row) is one pair,
    the mean of its repeats, because repeats are no new evidence about other rows. The verdict is conclusive if p <= 1 - level
    *and* the interval excludes 0. A row passes with a score >= `passing`. This is a test at a size fixed beforehand: to
    look while rows come in, use a `Certificate`. Raises `UsageError` for unequal lengths and scores outside [0, 1].

    >>> found = compare_scores([1, 0, 0, None, 1], [1, 1, 0, 1, 1], ["r1", "r2", "r3", "r4", "r5"])
    >>> found.n, found.errors_a, found.difference, found.fixed, found.verdict
    (4, 1, 0.25, ('r2',), 'inconclusive: about 25 more rows would tell')
    """
    if not len(a) == len(b) == len(ids):
        message = f"compare_scores: {len(a)} and {len(b)} scores for {len(ids)} ids; give one score (or None) per id and side."
        raise UsageError(message)
    rows = _pairs(a, b, ids)
    left, right = [pair[0] for pair in rows.values()], [pair[1] for pair in rows.values()]
    differences = [after - before for before, after in rows.values()]
    interval = paired_interval(differences, level, seed=seed)
    p, test = _test(left + right, differences, seed)
    mean, n = math.fsum(differences) / max(1, len(differences)), len(differences)
    verdict, rows_more = _verdict(differences, p, interval, alpha=1 - level)
    return Comparison(
        n=n, errors_a=sum(score is None for score in a), errors_b=sum(score is None for score in b),
        mean_a=math.fsum(left) / max(1, n), mean_b=math.fsum(right) / max(1, n), difference=mean,
        low=interval.low, high=interval.high, p=p, test=test, effect=_effect(differences),
        wins=sum(value > 0 for value in differences), losses=sum(value < 0 for value in differences),
        fixed=tuple(row for row, (before, after) in rows.items() if before < passing <= after),
        broken=tuple(row for row, (before, after) in rows.items() if after < passing <= before),
        verdict=verdict, rows_more=rows_more, level=level,
    )  # fmt: skip


def _pairs(a: Sequence[float | None], b: Sequence[float | None], ids: Sequence[str]) -> dict[str, tuple[float, float]]:
    """The scores of both sides by id, in order, without rows that have an error; repeats are averaged."""
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for before, after, row in zip(a, b, ids, strict=True):
        for score in (before, after):
            if score is not None and not 0.0 <= score <= 1.0:
                message = f"row {row!r} has the score {score}, which does not lie in [0, 1]; give None for an error."
                raise UsageError(message)
        if before is not None and after is not None:
            found[row].append((float(before), float(after)))
    return {row: (fmean([x for x, _ in pairs]), fmean([y for _, y in pairs])) for row, pairs in found.items()}


def _test(scores: Sequence[float], differences: Sequence[float], seed: int) -> tuple[float, str]:
    if not binary(scores):
        return sign_flip_test(differences, seed=seed), "sign-flip permutation"
    wins, losses = sum(value > 0 for value in differences), sum(value < 0 for value in differences)
    return mcnemar_exact(wins, losses), "exact McNemar"


def _verdict(differences: Sequence[float], p: float, interval: Interval, *, alpha: float) -> tuple[str, int | None]:
    n = len(differences)
    if n == 0:
        return "inconclusive: no pairs to compare", None
    mean = fmean(differences)
    if p <= alpha and not interval.holds(0.0):
        return ("better" if mean > 0 else "worse"), None
    squares = fmean([value * value for value in differences])
    needed = None if abs(mean) < _ROUNDING else rows_needed(mean, squares, alpha=alpha)
    if needed is None:
        return f"inconclusive: no difference seen in {count(n, 'pair')}", None
    more = _about(max(1, needed - n))
    return f"inconclusive: about {count(more, 'more row')} would tell", more


def _about(number: int) -> int:
    """Two digits, rounded up: the estimate is not better than that."""
    step: int = 10 ** max(0, len(str(number)) - 2)
    return -(-number // step) * step


def _effect(differences: Sequence[float]) -> float | None:
    if len(differences) < LEAST:
        return None
    mean = fmean(differences)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in differences) / (len(differences) - 1))
    return mean / spread if spread > _ROUNDING else None
