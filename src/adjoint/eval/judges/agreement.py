"""How far a judge and people agree: shares, Cohen's kappa, the confusion table, and the threshold that fits best."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from adjoint.base.rng import seed_of, stream
from adjoint.eval.intervals import RESAMPLES, Interval, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows by what people (pass, fail) and the judge (pass, fail) say."""

    both_pass: int
    judge_only: int
    """The judge passes what people fail: it is too mild here."""
    people_only: int
    """The judge fails what people pass: it is too strict here."""
    both_fail: int

    @classmethod
    def of(cls, people: Sequence[bool], judge: Sequence[bool]) -> Confusion:
        both = list(zip(people, judge, strict=True))
        return cls(both.count((True, True)), both.count((False, True)), both.count((True, False)), both.count((False, False)))

    @property
    def n(self) -> int:
        return self.both_pass + self.judge_only + self.people_only + self.both_fail

    @property
    def agreement(self) -> float:
        """The share of rows on which both say the same; 0 without rows."""
        return (self.both_pass + self.both_fail) / max(1, self.n)

    @property
    def sensitivity(self) -> Interval:
        """Wilson's 95 % interval of the share of passes (by people) that the judge passes."""
        return wilson(self.both_pass, self.both_pass + self.people_only)

    @property
    def specificity(self) -> Interval:
        """Wilson's 95 % interval of the share of fails (by people) that the judge fails."""
        return wilson(self.both_fail, self.both_fail + self.judge_only)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa (1960): (agreement - chance) / (1 - chance); None if chance alone explains everything.

        >>> round(Confusion(20, 10, 5, 15).kappa or 0, 3)
        0.4
        """
        if not self.n:
            return None
        people, judge = (self.both_pass + self.people_only) / self.n, (self.both_pass + self.judge_only) / self.n
        chance = people * judge + (1 - people) * (1 - judge)
        return None if chance == 1.0 else (self.agreement - chance) / (1 - chance)


def kappa_interval(found: Confusion, *, seed: int = 0) -> Interval:
    """The 95 % percentile bootstrap over rows of Cohen's kappa; resamples without a kappa count as 0, no rows give [-1, 1]."""
    import numpy as np

    if not found.n:
        return Interval(-1.0, 1.0)
    counts = np.array([found.both_pass, found.judge_only, found.people_only, found.both_fail])
    draws = np.random.default_rng(seed_of(seed, "kappa")).multinomial(found.n, counts / found.n, size=RESAMPLES)
    kappas = [Confusion(*map(int, draw)).kappa or 0.0 for draw in draws]
    low, high = np.quantile(kappas, [0.025, 0.975])
    return Interval(float(low), float(high))


def best_threshold(people: Sequence[bool], scores: Sequence[float], start: float) -> float:
    """The cut between judge scores that agrees with people most often; `start` if none is better, the widest gap on ties.

    >>> best_threshold([False, False, True, True], [0.25, 0.5, 0.75, 1.0], 0.5)
    0.625
    """
    gaps = [(low, high) for low, high in pairwise(sorted(set(scores)))]
    cuts = [(_agreeing(people, scores, (low + high) / 2), high - low, (low + high) / 2) for low, high in gaps]
    agreeing, _, best = max(cuts, default=(0, 0.0, start))
    return best if agreeing > _agreeing(people, scores, start) else start


def held_out(people: Sequence[bool], scores: Sequence[float], start: float, *, seed: int = 0) -> Confusion:
    """What the fitted threshold is worth: each of 5 random parts is cut by the threshold that the other four choose."""
    order = list(range(len(people)))
    stream(seed, "folds").shuffle(order)
    said = [False] * len(people)
    for fold in range(_FOLDS):
        inside = [row for row in order if row not in order[fold::_FOLDS]]
        cut = best_threshold([people[row] for row in inside], [scores[row] for row in inside], start)
        for row in order[fold::_FOLDS]:
            said[row] = scores[row] >= cut
    return Confusion.of(people, said)


def _agreeing(people: Sequence[bool], scores: Sequence[float], cut: float) -> int:
    return sum((score >= cut) == wanted for wanted, score in zip(people, scores, strict=True))
