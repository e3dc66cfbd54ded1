"""The Pareto frontier over rows: keeps every candidate that is the best somewhere, as GEPA does, or that none dominates.

Agrawal et al. (2025), "GEPA: Reflective Prompt Evolution Can Outperform Reinforcement Learning".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.optim.allocate import Outcome, able, paired, ranked
from adjoint.optim.frontier import instance_front, non_dominated
from adjoint.optim.knobs import checked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.base.json import Json
    from adjoint.optim.allocate import Round


class Pareto:
    """Buys all rows for each candidate, if it first beats the incumbent on `gate` random ones (0: no gate).

    What is kept is the frontier: with `front="instance"` those that have the best score of a row that no better one covers
    (GEPA), with "dominance" all that no other equals everywhere and beats somewhere: an all-rounder that is best nowhere too.
    """

    name = "pareto"

    @checked
    def __init__(self, front: Literal["instance", "dominance"] = "instance", *, gate: int = 0) -> None:
        if front not in ("instance", "dominance") or gate < 0:
            message = f"Pareto(front={front!r}, gate={gate}): front is 'instance' or 'dominance', and gate >= 0."
            raise UsageError(message)
        self.front, self.gate = front, gate

    def settings(self) -> Mapping[str, Json]:
        return {"front": self.front, "gate": self.gate}

    async def choose(self, work: Round) -> Outcome:
        cut = None
        try:
            await work.cells.buy([work.incumbent, *(() if self.gate else work.candidates)], work.rows)
            for name in work.candidates if self.gate else ():
                if await self._passes(work, name):
                    await work.cells.buy([name], work.rows)
        except BudgetExceeded as error:
            cut = error
        tried = [name for name in (work.incumbent, *work.kept, *work.candidates) if work.full(name)]
        names = able(tried, work.rows, work.cells) or [work.incumbent]
        scores = dict(zip(names, paired(names, work.rows, work.cells), strict=True))
        by_row = {name: dict(enumerate(own)) for name, own in scores.items()}
        kept = list(instance_front(by_row)) if self.front == "instance" else non_dominated(scores)
        best = ranked(names, work.incumbent, work.rows, work.cells)[0]
        return Outcome(best, tuple(name for name in kept if name != best), cut)

    async def _passes(self, work: Round, name: str) -> bool:
        batch = work.rng("gate", name).sample(work.rows, min(self.gate, len(work.rows)))
        await work.cells.buy([name], batch)
        child, parent = paired([name, work.incumbent], batch, work.cells)
        return sum(child) > sum(parent)
