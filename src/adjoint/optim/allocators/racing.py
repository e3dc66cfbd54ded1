"""Paired racing with a guarantee: leader-betting elimination over all candidates of a round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.base.errors import BudgetExceeded
from adjoint.eval.race import Race
from adjoint.optim.allocate import Outcome, best_of
from adjoint.program.state import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.base.json import Json
    from adjoint.optim.allocate import Round

_FIRST_BLOCK = 8
"""Rows of the first block; each further block is half as long again as what was seen."""


class Racing:
    """The incumbent and all candidates see the same rows in the same random order, drawn anew; losers leave early.

    `delta` is the chance that the best of a round is lost (see `eval.race`). Rows are bought in growing blocks, so that
    they run at once; a candidate that fails on the whole first block leaves without a score.
    """

    name = "racing"

    def __init__(self, delta: float = 0.05) -> None:
        self.delta = delta

    def settings(self) -> Mapping[str, Json]:
        return {"delta": self.delta}

    async def choose(self, work: Round) -> Outcome:
        """Race until one is left or all rows are seen. If the budget ends it, those still in the race are compared."""
        rows, bench = work.shuffled(), work.bench
        states = {name_of(state): state for state in (work.incumbent, *work.candidates)}
        active, seen, cut = tuple(states), 0, None
        try:
            await bench.score(list(states.values()), rows[:_FIRST_BLOCK])
            able = [name for name, state in states.items() if bench.scores(state, rows[:_FIRST_BLOCK])]
            race = Race(able or [name_of(work.incumbent)], len(rows), delta=self.delta)
            active = race.active
            while not race.finished:
                block = rows[race.seen : race.seen + max(_FIRST_BLOCK, race.seen // 2)]
                await bench.score([states[name] for name in race.active], block)
                for row in block:
                    if not race.finished:
                        race.update({name: bench.score_of(states[name], row) for name in race.active})
                active, seen = race.active, race.seen
        except BudgetExceeded as error:
            cut, seen = error, len(rows)
        alive = [states[name] for name in active]
        return Outcome(best_of(alive, work.incumbent, rows[:seen], bench), cut=cut)
