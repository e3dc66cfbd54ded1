"""Successive halving: each rung the better half goes on, over the same rows. At once for a round, or as candidates arrive.

Karnin, Koren and Somekh (2013), "Almost Optimal Exploration in Multi-Armed Bandits"; Li et al. (2020), "A System for Massively
Parallel Hyperparameter Tuning" (ASHA). Here every comparison is paired.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.optim.allocate import Outcome, able, eliminate, ranked
from adjoint.optim.knobs import checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.optim.allocate import Round

LEAST_ETA = 2


class Halving:
    """Spends `share` of the grid of a round, the same in each rung; one in `eta` goes on. No guarantee, but little regret.

    `share` lies in (0, 1], `eta` >= 2 is a whole number.
    """

    name = "halving"

    @checked
    def __init__(self, share: float = 0.1, eta: int = 2) -> None:
        if not 0 < share <= 1 or eta < LEAST_ETA:
            message = f"Halving(share={share}, eta={eta}): 0 < share <= 1 and eta >= {LEAST_ETA} are allowed."
            raise UsageError(message)
        self.share, self.eta = share, eta

    def settings(self) -> Mapping[str, Json]:
        return {"share": self.share, "eta": self.eta}

    async def choose(self, work: Round) -> Outcome:
        rows, arms = work.shuffled(), (work.incumbent, *work.candidates)
        seen = 0

        def survivors(active: Sequence[str], block: Sequence[str]) -> Sequence[str]:
            nonlocal seen
            seen += len(block)
            return ranked(active, work.incumbent, rows[:seen], work.cells)[: math.ceil(len(active) / self.eta)]

        left, cut = await eliminate(work, arms, rows, rungs(len(arms), len(rows), self.share, self.eta), survivors)
        return Outcome(left[0], cut=cut)


def rungs(arms: int, rows: int, share: float, eta: int) -> list[int]:
    """How many rows have been seen at the end of each rung: all rungs cost the same, together `share` of arms x rows.

    >>> rungs(64, 1000, 0.1, 2)
    [17, 50, 117, 250, 517, 1000]
    """
    sizes = [arms]
    while sizes[-1] > 1:
        sizes.append(math.ceil(sizes[-1] / eta))
    cost = share * arms * rows / max(1, len(sizes) - 1)
    ends, seen = list[int](), 0.0
    for size in sizes[:-1]:
        seen = min(rows, seen + max(1.0, cost / size))
        ends.append(math.ceil(seen))
    return [end for before, end in pairwise([0, *ends]) if end > before]


class ASHA:
    """For candidates that arrive one by one: rungs of `first`, `first * eta`, ... rows, the same for all.

    A candidate climbs if it is among the best of every `eta` that have reached its rung, over the rows of the rung. Those that
    stay behind are kept, and climb when enough others have come; at the end of the run the best on the highest rung climbs to
    the top. Who has seen all rows and beats the incumbent takes its place.
    """

    name = "asha"

    @checked
    def __init__(self, first: int = 10, eta: int = 3) -> None:
        if first < 1 or eta < LEAST_ETA:
            message = f"ASHA(first={first}, eta={eta}): first >= 1 and eta >= {LEAST_ETA} are allowed."
            raise UsageError(message)
        self.first, self.eta = first, eta

    def settings(self) -> Mapping[str, Json]:
        return {"first": self.first, "eta": self.eta}

    async def choose(self, work: Round) -> Outcome:
        everyone = [work.incumbent, *work.kept, *work.candidates]
        ends = [self.first]
        while ends[-1] < len(work.rows):
            ends.append(ends[-1] * self.eta)
        cut = None
        try:
            await work.cells.buy(everyone, work.rows[: ends[0]])
            here = top = able(everyone, work.rows[: ends[0]], work.cells)
            for end, longer in pairwise(ends):
                order = ranked(here, work.incumbent, work.rows[:end], work.cells)
                climbing = order[: len(order) // self.eta]
                await work.cells.buy([work.incumbent, *climbing] if climbing else [], work.rows[:longer])
                here = [name for name in here if all(work.cells.has(name, row) for row in work.rows[:longer])]
                top = here if any(name != work.incumbent for name in here) else top
            if work.final:
                await work.cells.buy([work.incumbent, *self._first(work, top)], work.rows)
        except BudgetExceeded as error:
            cut = error
        whole = [name for name in everyone if work.full(name)]
        best = ranked(whole, work.incumbent, work.rows, work.cells)[0] if whole else work.incumbent
        return Outcome(best, tuple(name for name in everyone if name != best), cut)

    def _first(self, work: Round, names: Sequence[str]) -> list[str]:
        """The best of those on a rung that is not the incumbent, if there is one."""
        others = [name for name in names if name != work.incumbent]
        return [max(others, key=work.mean)] if others else []
