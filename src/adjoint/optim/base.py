"""What an optimizer is: a proposer of states with a JSON memory. The Study owns the loop, the budget and the decisions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from adjoint.base import rng
from adjoint.data.records import id_of
from adjoint.program.context import context
from adjoint.program.state import name_of

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.lm.base import BaseLM
    from adjoint.optim.allocate import Allocator
    from adjoint.optim.bench import Bench
    from adjoint.program.module import Module
    from adjoint.program.state import State

Memory = Any
"""What an optimizer remembers between rounds; JSON, so that a run can be replayed."""


@dataclass(frozen=True)
class Candidate:
    """A proposed state with a note of the strategy's own (its parents, why): JSON that comes back with the trial."""

    state: State
    note: Json = None


@dataclass(frozen=True)
class Trial:
    """What came of one proposed state: its scores on the selection rows that were bought, and whether it became the best.

    `scores` are by id of the row, in [0, 1], without rows that failed; those are counted in `errors`.
    """

    state: State
    scores: Mapping[str, float]
    errors: int
    accepted: bool
    note: Json = None

    @property
    def n(self) -> int:
        return len(self.scores)

    @property
    def mean(self) -> float | None:
        return math.fsum(self.scores.values()) / self.n if self.scores else None

    @property
    def name(self) -> str:
        return name_of(self.state)


@dataclass(frozen=True)
class Workbench:
    """What an optimizer may use while it proposes: the best state so far, the feedback rows, and runs on them.

    Selection and holdout rows are not here, by construction.
    """

    program: Module
    best: State
    feedback: tuple[Example, ...]
    proposer_lm: BaseLM | None
    """Who criticises and proposes; None is the LM of the context."""
    seed: int
    round: int
    bench: Bench = field(repr=False)

    def rng(self, *names: str | int) -> random.Random:
        """The random stream of this round with that name."""
        return rng.stream(self.seed, "round", self.round, *names)

    async def run(self, state: State, rows: Sequence[Example]) -> list[Cell]:
        """Run a state on feedback rows, with tapes, in the order of the rows."""
        program = self.program.with_state(state)
        return await self.bench.run([(program, row) for row in rows])

    async def run_programs(self, jobs: Sequence[tuple[Module, Example]], *, sample: int = 0) -> list[Cell]:
        """Run other programs, such as teachers, each on its feedback row; `sample` > 0 draws their replies anew."""
        with context(sample=sample):
            return await self.bench.run(jobs)

    def scores(self, state: State) -> Mapping[str, float]:
        """The scores of a state on the selection rows that the run has bought of it so far, by id of the row; no contents."""
        return self.bench.known(state)

    def rows_of(self, cells: Sequence[Cell]) -> list[Example]:
        """The feedback rows of cells."""
        by_id = {id_of(row): row for row in self.feedback}
        return [by_id[cell.example] for cell in cells]


@runtime_checkable
class Optimizer(Protocol):
    """`ask` may call LMs and run rows; `init` and `tell` are pure, so that a run is replayed by doing it again."""

    name: str
    allocator: Allocator | None
    """Who chooses among its candidates unless the user says so; None is `Racing`."""
    max_cells: int | None
    """The most rows that its search may run, all candidates together; None leaves that to the budget."""

    def settings(self) -> Mapping[str, Json]:
        """Everything that decides what is proposed: part of the name of the run."""
        ...

    def init(self, seed_state: State) -> Memory:
        """The memory before the first round."""
        ...

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State | Candidate]:
        """States to try next; none ends the run.

        Each comes back in one trial, with its note. A state that has lost before, or is the best already, buys nothing: it is
        told as it stands. One that was kept may be asked again.
        """
        ...

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        """The memory after the trials of one round."""
        ...

    def notes(self, memory: Memory) -> Sequence[str]:
        """What a reader of the report should know, such as why it chose what it did."""
        ...
