"""Upper confidence bounds: the next rows go to whoever may be best, as ProTeGi chooses prompts.

Auer, Cesa-Bianchi and Fischer (2002), "Finite-time Analysis of the Multiarmed Bandit Problem".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.optim.allocate import Outcome, able, ranked
from adjoint.optim.knobs import checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.optim.allocate import Cells, Round


class UCB:
    """Spends `share` of the grid of a round in batches of `batch` rows, each on the arm with the largest mean + c sqrt(ln t / n).

    All arms take the rows in the same order, so whoever is behind has seen what the others saw. The best mean wins if it is
    also ahead of the incumbent on the rows that both have seen.
    """

    name = "ucb"

    @checked
    def __init__(self, share: float = 0.1, *, batch: int = 8, c: float = 0.5) -> None:
        if not 0 < share <= 1 or batch < 1 or c < 0:
            message = f"UCB(share={share}, batch={batch}, c={c}): 0 < share <= 1, batch >= 1 and c >= 0 are allowed."
            raise UsageError(message)
        self.share, self.batch, self.c = share, batch, c

    def settings(self) -> Mapping[str, Json]:
        return {"share": self.share, "batch": self.batch, "c": self.c}

    async def choose(self, work: Round) -> Outcome:
        rows, arms, cells = work.shuffled(), [work.incumbent, *work.candidates], work.cells
        room, cut = round(self.share * len(arms) * len(rows)), None
        scores: dict[str, list[float | None]] = {name: [] for name in arms}
        try:
            await self._pull(arms, rows, scores, cells)
            scores = {name: scores[name] for name in able(arms, rows[: self.batch], cells)}
            while self.batch <= room - sum(map(len, scores.values())):
                name = max(scores, key=lambda name: self._bound(scores[name], scores, len(rows)), default=work.incumbent)
                if len(scores.get(name, rows)) >= len(rows):
                    break
                await self._pull([name], rows, scores, cells)
        except BudgetExceeded as error:
            cut = error
        best = max(scores, key=lambda name: (_mean(scores[name]), name == work.incumbent), default=work.incumbent)
        return Outcome(ranked([work.incumbent, best], work.incumbent, rows, cells)[0], cut=cut)

    async def _pull(
        self, arms: Sequence[str], rows: Sequence[str], scores: Mapping[str, list[float | None]], cells: Cells
    ) -> None:
        """The next batch of rows of each of the arms."""
        seen = len(scores[arms[0]])
        batch = rows[seen : seen + self.batch]
        await cells.buy(arms, batch)
        for name in arms:
            scores[name] += [cells.score(name, row) for row in batch]

    def _bound(self, own: Sequence[float | None], scores: Mapping[str, Sequence[float | None]], rows: int) -> float:
        """The bound of an arm; one that has seen every row needs no more."""
        if len(own) >= rows:
            return -math.inf
        return _mean(own) + self.c * math.sqrt(math.log(sum(map(len, scores.values()))) / len(own))


def _mean(scores: Sequence[float | None]) -> float:
    known = [score for score in scores if score is not None]
    return math.fsum(known) / len(known) if known else -math.inf
