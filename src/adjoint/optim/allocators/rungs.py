"""Growing rungs for candidates that arrive: each meets the incumbent on the same rows, and leaves as soon as it looks no better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.optim.allocate import Outcome, able, paired, ranked
from adjoint.optim.knobs import checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.optim.allocate import Cells, Round

_REMEMBERED = 24
"""Of so many of the last candidates it is seen on which rows they differ."""
_PRIOR = (0.15, 12)
"""What the share of rows on which two prompts differ is thought to be beforehand, and how many rows that thought weighs."""


class Rungs:
    """Candidate against incumbent on the first `rungs` rows, then on all of them.

    After each rung the candidate leaves if z, the sum of the differences over the root of their expected square sum, is below
    `stop` there; from the second rung on it takes the incumbent's place at once if z >= `promote`. At the end it must be ahead.
    The incumbent's cells are bought once, for all candidates that meet it.

    With `order="telling"` the rows come first on which the last candidates differed most: two prompts agree on most rows, and
    where all agreed the next one seldom tells anything. The z of the first rungs is then no estimate of the gain, only a sieve.
    With "random" they come in the one order of the run.
    """

    name = "rungs"

    @checked
    def __init__(
        self,
        rungs: Sequence[int] = (6, 24, 100),
        stop: Sequence[float] = (0.0, 0.4, 0.4),
        *,
        promote: float = 1.6,
        order: Literal["telling", "random"] = "telling",
    ) -> None:
        if len(rungs) != len(stop) or sorted({*rungs}) != list(rungs) or any(rung < 1 for rung in rungs):
            message = f"Rungs({list(rungs)}, {list(stop)}): give growing numbers of rows and one bound for each."
            raise UsageError(message)
        self.rungs, self.stop, self.promote, self.order = tuple(rungs), tuple(stop), promote, order

    def settings(self) -> Mapping[str, Json]:
        return {"rungs": list(self.rungs), "stop": list(self.stop), "promote": self.promote, "order": self.order}

    async def choose(self, work: Round) -> Outcome:
        best, tried, cut = work.incumbent, list(work.kept), None
        try:
            for name in work.candidates:
                rows = work.rows if self.order == "random" else telling(work.rows, [*tried, best], work.cells)
                better = await self._better(work, rows, name, best)
                best, loser = (name, best) if better else (best, name)
                tried = [*tried, loser][-_REMEMBERED:]
        except BudgetExceeded as error:
            cut = error
        return Outcome(best, tuple(tried), cut)

    async def _better(self, work: Round, rows: Sequence[str], name: str, best: str) -> bool:
        for number, (rung, bound) in enumerate(zip(self.rungs, self.stop, strict=True)):
            if rung >= len(rows):
                break
            await work.cells.buy([best, name], rows[:rung])
            z = _z(*paired([best, name], rows[:rung], work.cells))
            if z < bound or not able([name], rows[:rung], work.cells):
                return False
            if number and z >= self.promote:
                return True
        await work.cells.buy([best, name], rows)
        return ranked([best, name], best, rows, work.cells)[0] == name


def telling(rows: Sequence[str], names: Sequence[str], cells: Cells) -> list[str]:
    """The rows, those first on which these candidates differ most; of equals in their order.

    A row on which k of n were right has the expected variance (k+1)(n-k+1) / ((n+2)(n+3)): unknown rows stand in the middle.
    """

    def variance(row: str) -> float:
        scores = [score for name in names if cells.has(name, row) and (score := cells.score(name, row)) is not None]
        n, k = len(scores), math.fsum(scores)
        return (k + 1) * (n - k + 1) / ((n + 2) * (n + 3))

    return sorted(rows, key=lambda row: -variance(row))


def _z(before: Sequence[float], after: Sequence[float]) -> float:
    """The paired z with a prior on how often two prompts differ, so that few rows are no certainty."""
    differences = [b - a for a, b in zip(before, after, strict=True)]
    share, weight = _PRIOR
    spread = (share * weight + math.fsum(value * value for value in differences)) / (weight + len(differences))
    return math.fsum(differences) / math.sqrt(max(1, len(differences)) * spread)
