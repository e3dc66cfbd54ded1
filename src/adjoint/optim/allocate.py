"""The allocator: decides which cells to buy for a round of candidates, and which of them is best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adjoint.eval.race import Race
from adjoint.optim.base import Trial
from adjoint.program.state import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.data.records import Example
    from adjoint.optim.bench import Bench
    from adjoint.program.state import State

_FIRST_BLOCK = 8
"""Rows of the first block; each further block is half as long again as what was seen."""


@dataclass(frozen=True)
class Outcome:
    """The best state of a round, and what came of each candidate."""

    best: State
    trials: tuple[Trial, ...]


class Racing:
    """Paired racing: the incumbent and all candidates see the same rows in the same random order; losers leave early.

    `delta` is the chance that the best of a round is lost (leader-betting elimination, see `eval.race`). Rows are bought in
    growing blocks, so that they run at once; a candidate that fails on the whole first block leaves without a score.
    """

    def __init__(self, delta: float = 0.05) -> None:
        self.delta = delta

    async def choose(self, incumbent: State, candidates: Sequence[State], rows: Sequence[Example], bench: Bench) -> Outcome:
        """Race over `rows`, which must come in random order. The incumbent stays unless a candidate is strictly better."""
        states = {name_of(state): state for state in (incumbent, *candidates)}
        await bench.score(list(states.values()), rows[:_FIRST_BLOCK])
        able = [name for name, state in states.items() if bench.scores(state, rows[:_FIRST_BLOCK])]
        race = Race(able or [name_of(incumbent)], len(rows), delta=self.delta)
        while not race.finished:
            block = rows[race.seen : race.seen + max(_FIRST_BLOCK, race.seen // 2)]
            await bench.score([states[name] for name in race.active], block)
            for row in block:
                if not race.finished:
                    race.update({name: bench.score_of(states[name], row) for name in race.active})
        best = _best({name: states[name] for name in race.active}, name_of(incumbent), rows[: race.seen], bench)
        trials = (self._trial(states[name_of(state)], name_of(state) == best, rows, bench) for state in candidates)
        return Outcome(states[best], tuple(trials))

    @staticmethod
    def _trial(state: State, accepted: bool, rows: Sequence[Example], bench: Bench) -> Trial:  # noqa: FBT001
        scores = bench.scores(state, rows)
        errors = bench.errors(state, rows)
        return Trial(state, sum(scores) / len(scores) if scores else None, len(scores), errors, accepted)


def _best(active: Mapping[str, State], incumbent: str, rows: Sequence[Example], bench: Bench) -> str:
    """The name of the best of those left, over the rows that all of them answered: an error is no zero. Ties keep the incumbent."""
    table = [{name: bench.score_of(state, row) for name, state in active.items()} for row in rows]
    paired = [row for row in table if None not in row.values()]
    return max(active, key=lambda name: (sum(row[name] or 0.0 for row in paired), name == incumbent))
