"""The Pareto frontier over rows: keeps every candidate that is the best somewhere, as GEPA does, or that none dominates.

Agrawal et al. (2025), "GEPA: Reflective Prompt Evolution Can Outperform Reinforcement Learning".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.optim.allocate import Outcome, able, paired, ranked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.optim.allocate import Round


class Pareto:
    """Buys all rows for each candidate, if it first beats the incumbent on `gate` random ones (0: no gate).

    What is kept is the frontier: with `front="instance"` those that have the best score of a row that no better one covers
    (GEPA), with "dominance" all that no other equals everywhere and beats somewhere: an all-rounder that is best nowhere too.
    """

    name = "pareto"

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
        kept = instance_front(scores) if self.front == "instance" else non_dominated(scores)
        best = ranked(names, work.incumbent, work.rows, work.cells)[0]
        return Outcome(best, tuple(name for name in kept if name != best), cut)

    async def _passes(self, work: Round, name: str) -> bool:
        batch = work.rng("gate", name).sample(work.rows, min(self.gate, len(work.rows)))
        await work.cells.buy([name], batch)
        child, parent = paired([name, work.incumbent], batch, work.cells)
        return sum(child) > sum(parent)


def instance_front(scores: Mapping[str, Sequence[float]]) -> list[str]:
    """Those with the largest score of at least one row; from the worst on, those are dropped all of whose rows others hold too.

    `scores` are over the same rows.

    >>> instance_front({"all-rounder": [0.9, 0.9], "left": [1.0, 0.0], "right": [0.0, 1.0], "poor": [0.0, 1.0]})
    ['left', 'right']
    """
    rows = range(len(next(iter(scores.values()), ())))
    tops = [max(own[row] for own in scores.values()) for row in rows]
    holders = [{name for name, own in scores.items() if own[row] == top} for row, top in zip(rows, tops, strict=True)]
    front = [name for name in scores if any(name in held for held in holders)]
    for name in sorted(front, key=lambda name: (sum(scores[name]), -list(scores).index(name))):
        if all(name not in held or len(held) > 1 for held in holders):
            front.remove(name)
            for held in holders:
                held.discard(name)
    return front


def non_dominated(scores: Mapping[str, Sequence[float]]) -> list[str]:
    """Those that no other equals or beats on every row while beating it on one; of equals the first.

    >>> non_dominated({"all-rounder": [0.9, 0.9], "left": [1.0, 0.0], "right": [0.0, 1.0], "poor": [0.0, 0.9]})
    ['all-rounder', 'left', 'right']
    """
    names = list(scores)

    def loses(place: int, other: int) -> bool:
        mine, theirs = scores[names[place]], scores[names[other]]
        return all(b >= a for a, b in zip(mine, theirs, strict=True)) and (list(mine) != list(theirs) or other < place)

    return [
        name for place, name in enumerate(names) if not any(loses(place, other) for other in range(len(names)) if other != place)
    ]
