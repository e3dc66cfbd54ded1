"""Growing rungs for candidates that arrive: each meets the incumbent on the same rows, and leaves as soon as it looks no better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.optim.allocate import Outcome, able, paired, ranked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.optim.allocate import Round

_PRIOR = (0.15, 12)
"""What the share of rows on which two prompts differ is thought to be beforehand, and how many rows that thought weighs."""


class Rungs:
    """Candidate against incumbent on the first `rungs` rows of the run's one order, then on all of them.

    After each rung the candidate leaves if z, the sum of the differences over the root of their expected square sum, is below
    `stop` there; from the second rung on it takes the incumbent's place at once if z >= `promote`. At the end it must be ahead.
    The incumbent's cells are bought once, for all candidates that meet it.
    """

    name = "rungs"

    def __init__(
        self, rungs: Sequence[int] = (10, 30, 90), stop: Sequence[float] = (0.0, 0.5, 0.8), *, promote: float = 3.0
    ) -> None:
        if len(rungs) != len(stop) or sorted({*rungs}) != list(rungs) or any(rung < 1 for rung in rungs):
            message = f"Rungs({list(rungs)}, {list(stop)}): give growing numbers of rows and one bound for each."
            raise UsageError(message)
        self.rungs, self.stop, self.promote = tuple(rungs), tuple(stop), promote

    def settings(self) -> Mapping[str, Json]:
        return {"rungs": list(self.rungs), "stop": list(self.stop), "promote": self.promote}

    async def choose(self, work: Round) -> Outcome:
        best, cut = work.incumbent, None
        try:
            for name in work.candidates:
                if await self._better(work, name, best):
                    best = name
        except BudgetExceeded as error:
            cut = error
        return Outcome(best, cut=cut)

    async def _better(self, work: Round, name: str, best: str) -> bool:
        for number, (rung, bound) in enumerate(zip(self.rungs, self.stop, strict=True)):
            rows = work.rows[:rung]
            await work.cells.buy([best, name], rows)
            z = _z(*paired([best, name], rows, work.cells))
            if z < bound or not able([name], rows, work.cells):
                return False
            if number and z >= self.promote:
                return True
            if rung >= len(work.rows):
                break
        await work.cells.buy([best, name], work.rows)
        return ranked([best, name], best, work.rows, work.cells)[0] == name


def _z(before: Sequence[float], after: Sequence[float]) -> float:
    """The paired z with a prior on how often two prompts differ, so that few rows are no certainty."""
    differences = [b - a for a, b in zip(before, after, strict=True)]
    share, weight = _PRIOR
    spread = (share * weight + math.fsum(value * value for value in differences)) / (weight + len(differences))
    return math.fsum(differences) / math.sqrt(max(1, len(differences)) * spread)
