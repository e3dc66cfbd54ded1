"""What an allocator is: it decides which cells to buy for a round of candidates, and which of them they show to be best."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from adjoint.base import rng
from adjoint.program.state import name_of

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from adjoint.base.errors import BudgetExceeded
    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.optim.bench import Bench
    from adjoint.program.state import State


@dataclass(frozen=True)
class Round:
    """What there is to decide. All states differ; `kept` are those that earlier rounds have kept, the incumbent apart.

    `rows` are the selection rows in the one random order of the run: who buys them from the front uses the incumbent's
    cells again. `shuffled` draws an order anew for this round.
    """

    number: int
    incumbent: State
    candidates: tuple[State, ...]
    kept: tuple[State, ...]
    rows: tuple[Example, ...]
    seed: int
    bench: Bench = field(repr=False)

    def rng(self, *names: str | int) -> random.Random:
        """The random stream of this round with that name."""
        return rng.stream(self.seed, "allocate", self.number, *names)

    def shuffled(self) -> tuple[Example, ...]:
        """The rows in an order that no earlier round has seen."""
        rows = list(self.rows)
        self.rng("order").shuffle(rows)
        return tuple(rows)


@dataclass(frozen=True)
class Outcome:
    """The best state now, and those that later rounds may go on with. `cut` is the spent budget if it ended the round."""

    best: State
    kept: tuple[State, ...] = ()
    cut: BudgetExceeded | None = None


@runtime_checkable
class Allocator(Protocol):
    """Its decisions depend on the round only, so that a run is replayed by doing it again."""

    name: str

    def settings(self) -> Mapping[str, Json]:
        """Everything that decides what is bought: part of the name of the run."""
        ...

    async def choose(self, work: Round) -> Outcome:
        """Buy cells and choose. The incumbent stays unless another state is strictly better on the cells bought."""
        ...


def best_of(states: Sequence[State], incumbent: State, rows: Sequence[Example], bench: Bench) -> State:
    """The best of the states over the rows that all of them answered: an error is no zero. Ties keep the incumbent.

    Without such a row nothing is known, and the incumbent stays.
    """
    table = [[bench.score_of(state, row) for state in states] for row in rows if all(bench.has(state, row) for state in states)]
    paired = [scores for scores in table if None not in scores]
    if not paired:
        return incumbent
    sums = [sum(score or 0.0 for score in scores) for scores in zip(*paired, strict=True)]
    first = name_of(incumbent)
    place = max(range(len(states)), key=lambda place: (sums[place], name_of(states[place]) == first))
    return states[place]
