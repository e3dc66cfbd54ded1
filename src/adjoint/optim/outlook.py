"""The outlook: what rows and a budget can buy and show, said before anything is spent, and the probe of the headroom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjoint.base.portal import portal
from adjoint.base.words import count
from adjoint.eval.evaluate import aevaluate
from adjoint.eval.significance import rows_needed
from adjoint.lm.budget import Budget
from adjoint.optim.knobs import require
from adjoint.program.context import context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.data.records import Example
    from adjoint.data.splits import Split
    from adjoint.lm.base import BaseLM
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module

DISCORDANCE = 0.15
"""On so many rows two prompts of real tasks differ (1.5 to 19 % were measured); nobody knows it beforehand."""
_RACE = 24
"""Rows after which most losers have left a race."""
_PROPOSING = 2
"""Calls to think of one candidate."""
_SEARCH = 0.8
_REALISTIC = 0.10
"""A gain in the score that a search may hope for."""


@dataclass(frozen=True)
class Outlook:
    """About how many proposals the budget buys (None: no cap on calls), and the least true gain that the holdout certifies in
    about every second run (None: not even a gain of 1). Both are estimates, not bounds.
    """

    proposals: int | None
    detectable: float | None
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.notes)


def outlook(split: Split, budget: Budget | str | int, *, calls_per_row: int = 1) -> Outlook:
    """What a search with these rows and this budget can do; nothing is asked. `calls_per_row` >= 1 are the program's."""
    require("outlook", "calls_per_row", calls_per_row, "int")
    require("outlook", "split", split, "Split")
    budget = Budget.parse(budget)
    proposals, gain = _proposals(split, budget, calls_per_row), detectable(len(split.holdout))
    notes = []
    if proposals is not None:
        notes.append(
            f"this budget buys about {count(proposals, 'proposal')}"
            if proposals
            else "this budget is too small to try a proposal"
        )
    rows = len(split.holdout)
    if gain is None or gain > _REALISTIC:
        least = rows_needed(_REALISTIC, DISCORDANCE, sides=1)
        notes.append(
            f"{rows} holdout rows are too few to certify a gain of {100 * _REALISTIC:.0f} points"
            + (f" (they certify one of about {100 * gain:.0f})" if gain is not None else "")
            + f"; about {least} would do"
        )
    else:
        notes.append(f"{rows} holdout rows certify a gain of about {100 * gain:.0f} points in every second run")
    return Outlook(proposals, gain, tuple(notes))


def detectable(rows: int) -> float | None:
    """The least gain that so many holdout rows certify in about half of all runs, in steps of half a point; None if none.

    A certificate may be looked at after each row, and for that it needs in the median about as many rows as a test of a fixed
    size needs for a power of 80 %.

    >>> detectable(369), detectable(3)
    (0.05, None)
    """
    for step in range(1, 200):
        gain = step / 200
        needed = rows_needed(gain, max(DISCORDANCE, gain), sides=1)
        if needed is not None and needed <= rows:
            return gain
    return None


@dataclass(frozen=True)
class Headroom:
    """`mean` is the score as it stands, `oracle` that of the best reply for each row; `errors` the share of rows that fail."""

    mean: float | None
    oracle: float | None
    errors: float

    def __str__(self) -> str:
        if self.mean is None or self.oracle is None:
            return "every row fails: repair the program first"
        room = 100 * (self.oracle - self.mean)
        return f"{100 * self.mean:.0f} % now, {100 * self.oracle:.0f} % with the best of several replies: about {room:.0f} points of headroom"


def headroom(
    program: Module,
    rows: Sequence[Example],
    metric: Metric,
    *,
    lm: BaseLM | str | None = None,
    tries: int = 4,
    temperature: float = 1.0,
) -> Headroom:
    """Run a program once, and `tries` times more with other replies. In asynchronous code use `aheadroom`."""
    return portal.run(aheadroom(program, rows, metric, lm=lm, tries=tries, temperature=temperature))


async def aheadroom(
    program: Module,
    rows: Sequence[Example],
    metric: Metric,
    *,
    lm: BaseLM | str | None = None,
    tries: int = 4,
    temperature: float = 1.0,
) -> Headroom:
    """How much better the same model could do if it always gave its best reply: little headroom means that a search will find little.

    It buys (`tries` + 1) x `rows` cells, whose replies are kept like any other.
    """
    require("headroom", "tries", tries, "int")
    require("headroom", "temperature", temperature, "float")
    first = await aevaluate(program, rows, metric, lm=lm)
    best = {cell.example: cell.score.value for cell in first.cells if cell.score is not None}
    warm = program.deepcopy()
    for predictor in warm.predictors():
        predictor.config = {**predictor.config, "temperature": temperature}
    for sample in range(1, tries + 1):
        with context(sample=sample):
            for cell in (await aevaluate(warm, rows, metric, lm=lm)).cells:
                if cell.score is not None:
                    best[cell.example] = max(best.get(cell.example, 0.0), cell.score.value)
    oracle = sum(best.values()) / len(best) if best else None
    return Headroom(first.mean, oracle, sum(cell.error is not None for cell in first.cells) / max(1, len(first.cells)))


def _proposals(split: Split, budget: Budget, calls_per_row: int) -> int | None:
    if budget.calls is None:
        return None
    rows = len(split.selection)
    left = _SEARCH * budget.calls - rows * calls_per_row
    return max(0, int(left // (_PROPOSING + min(rows, _RACE) * calls_per_row)))
