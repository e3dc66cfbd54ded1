"""The certificate: is a candidate better than the baseline on rows that nobody has used before? Watch as often as you like.

Testing by betting (Waudby-Smith and Ramdas (2024), JRSS-B 86; Shafer (2021), JRSS-A 184). A gambler starts with 1 and bets on
each row that the candidate wins: the capital is multiplied by 1 + c · d, with d = candidate score - baseline score in [-1, 1].
If the candidate is not better, E[d | past] <= 0, the expected capital never grows, and by Ville's inequality it reaches
1/alpha *ever* with probability at most alpha. So one may look after every row, and stop or go on at will. Several bets run side
by side and their mean is the e-value, since nobody knows the size of the difference beforehand.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from adjoint.base.errors import UsageError
from adjoint.eval.intervals import SIGNED, Interval

if TYPE_CHECKING:
    from collections.abc import Mapping

BETS = (0.04, 0.10, 0.19, 0.38, 0.67, 0.95)
"""Shares of the capital at stake, fixed before the data; the best one for a difference D of variance V is about D / V."""

_LARGEST = math.log(1e300)
"""An e-value beyond 1e300 is told as 1e300: it must be a number in JSON."""

_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a certificate says: "better" exactly if the confidence sequence [low, high] leaves the negative side, `low` >= 0."""

    verdict: Literal["better", "not shown better"]
    n: int
    """Pairs without an error."""
    errors: int
    """Pairs left out because either side had an error."""
    difference: float
    """Mean of candidate minus baseline; 0 without pairs."""
    low: float
    high: float
    e_value: float
    """The capital now; it may have fallen again after it crossed 1/alpha."""
    crossed_at: int | None
    """The number of pairs at which it first reached 1/alpha."""
    alpha: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Certificate:
    """A one-sided, anytime-valid test of "the candidate is not better than the baseline"; `update` once a row.

    `alpha` in (0, 1) is the chance to certify a candidate that is no better, however often one looks. The rows must come in an
    order that does not depend on their scores. The promise is about the distribution of the rows, not about these rows alone.

    >>> certificate = Certificate()
    >>> for _ in range(12):
    ...     certificate.update(1.0, 0.5)
    >>> certificate.crossed, certificate.summary().crossed_at, certificate.summary().verdict
    (True, 12, 'better')
    """

    def __init__(self, alpha: float = 0.05) -> None:
        if not 0 < alpha < 1:
            message = f"Certificate(alpha={alpha}): 0 < alpha < 1 is allowed, for example 0.05."
            raise UsageError(message)
        self.alpha = alpha
        self.errors = 0
        self.crossed_at: int | None = None
        self._differences: list[float] = []
        self._logs = [0.0] * len(BETS)

    @property
    def n(self) -> int:
        """Pairs that count."""
        return len(self._differences)

    @property
    def e_value(self) -> float:
        """The evidence now, 1 at the start; anytime-valid, but only its reaching 1/alpha is the test."""
        return math.exp(min(self._log_capital(), _LARGEST))

    @property
    def crossed(self) -> bool:
        """Whether the e-value has ever reached 1/alpha. Once is enough: that is what Ville's inequality bounds."""
        return self.crossed_at is not None

    def update(self, candidate_score: float | None, baseline_score: float | None) -> None:
        """Take the two scores in [0, 1] of one row. None is an error: the row is counted apart and is no evidence either way.

        Raises `UsageError` for other values.
        """
        for score in (candidate_score, baseline_score):
            if score is not None and not 0.0 <= score <= 1.0:
                message = f"the score {score} does not lie in [0, 1]; give None for an error."
                raise UsageError(message)
        if candidate_score is None or baseline_score is None:
            self.errors += 1
            return
        self._add(float(candidate_score) - float(baseline_score))

    def interval(self) -> Interval:
        """The confidence sequence of the mean difference: at level 1 - alpha it covers the truth at *all* sample sizes together.

        Betting against every m in [-1, 1] instead of 0: capital up(m) = mean over c of Π (1 + c · (d - m) / (1 + m)) grows if
        the mean exceeds m, down(m) is its mirror image. For m > 0 the money is halved between both; for m <= 0 all of it is on
        up(m), so 0 is excluded at the very row on which the certificate crosses. Each m has one capital process, hence coverage
        1 - alpha by Ville. The price: `high` never falls below 0, for this sequence does not try to prove harm. Values once
        excluded stay excluded, so it only shrinks, and the mean of the moment may lie outside after a drift.
        """
        if not self._differences:
            return SIGNED
        both = math.log(2 / self.alpha)
        mirrored = [-value for value in self._differences]
        low = self._last_excluded(self._differences, both, 0.0, 1.0)
        if not self.crossed:
            low = self._last_excluded(self._differences, math.log(1 / self.alpha), -1.0, 0.0)
        high = -self._last_excluded(mirrored, both, -1.0, 0.0)
        # Everything is excluded only in the alpha cases where the truth was: then give the gap instead of an empty set.
        return Interval(min(low, high), max(low, high))

    def summary(self) -> Verdict:
        """The record to report and to keep."""
        low, high = self.interval()
        return Verdict(
            verdict="better" if self.crossed else "not shown better",
            n=self.n, errors=self.errors, difference=math.fsum(self._differences) / max(1, self.n),
            low=low, high=high, e_value=self.e_value, crossed_at=self.crossed_at, alpha=self.alpha,
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Everything, as JSON."""
        return {"alpha": self.alpha, "errors": self.errors, "differences": list(self._differences)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Certificate:
        """The certificate that gave this `state()`: the same bets are made again."""
        certificate = cls(state["alpha"])
        certificate.errors = state["errors"]
        for difference in state["differences"]:
            certificate._add(difference)
        return certificate

    def _add(self, difference: float) -> None:
        self._differences.append(difference)
        self._logs = [log + math.log1p(bet * difference) for log, bet in zip(self._logs, BETS, strict=True)]
        if self.crossed_at is None and self._log_capital() >= -math.log(self.alpha):
            self.crossed_at = self.n

    def _log_capital(self) -> float:
        top = max(self._logs)
        return top + math.log(math.fsum(math.exp(log - top) for log in self._logs) / len(self._logs))

    @staticmethod
    def _last_excluded(differences: list[float], threshold: float, low: float, high: float) -> float:
        """The largest m in [low, high] that up(m) excludes: bisection, since each of its factors falls with m.

        If not even `low` is excluded the answer is `low`.
        """
        import numpy as np

        data = np.asarray(differences, dtype=np.float64)

        def excluded(m: float) -> bool:
            gain = (data - m) / (1 + m)
            paths = np.array([np.cumsum(np.log1p(bet * gain)) for bet in BETS])
            return bool((np.logaddexp.reduce(paths, axis=0) - math.log(len(BETS)) >= threshold).any())

        if excluded(high):
            return high
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if excluded(middle) else (low, middle)
        return low
