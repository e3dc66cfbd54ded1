"""Ensembles of what a search proposes: members that are right on different rows answer together.

After Caruana et al., "Ensemble Selection from Libraries of Models" (2004): beginning with the best few, each seat goes to the
one with which the ensemble does best on feedback rows; the same one may be taken again.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import FATAL, AdjointError, ProgramError, UsageError
from adjoint.base.foreign import foreign_call
from adjoint.base.json import plain
from adjoint.exec.local import all_of
from adjoint.modules.ensemble import EnsembledProgram
from adjoint.modules.vote import majority
from adjoint.optim.base import Candidate
from adjoint.optim.knobs import require
from adjoint.optim.registry import optimizer_of
from adjoint.optim.strategy import Strategy
from adjoint.program.context import context
from adjoint.program.metric import measure
from adjoint.program.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.optim.base import Memory, Optimizer, Workbench
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State

_MEMBER = "programs.{}."


class EnsembleSearch(Strategy):
    """Fills an ensemble of `size` copies of a program with what `optimizer` proposes in its first round.

    `compile(student)` makes the ensemble: `size` copies whose answers `reduce_fn` makes one (default: `majority`). For
    `optimize`, give an `Ensemble(reduce_fn=...).compile([...])` of copies. Members are chosen on at most `rows` feedback rows;
    what races are those that are best together, the best few, and the best one alone.
    """

    name = "ensemble"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        optimizer: Optimizer | str = "bootstrap-rs",
        size: int = 3,
        reduce_fn: Callable[[list[Any]], Any] = majority,
        rows: int = 16,
    ) -> None:
        super().__init__(metric)
        self.optimizer, self.size, self.reduce_fn, self.rows = optimizer_of(optimizer), size, reduce_fn, rows

    def settings(self) -> Mapping[str, Json]:
        return {"optimizer": [self.optimizer.name, plain(dict(self.optimizer.settings()))], "rows": self.rows}

    def compile(self, student: Module, **options: Any) -> Module:
        """The ensemble of copies of the student, optimized as any program is."""
        require("EnsembleSearch.compile", "student", student, "Module")
        copies = [student.deepcopy() for _ in range(self.size)]
        return super().compile(EnsembledProgram(copies, self.reduce_fn, None, 0), **options)

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State | Candidate]:
        if memory["asked"]:
            return []
        program = work.program
        if not isinstance(program, EnsembledProgram) or program.reduce_fn is None:
            message = (
                f"EnsembleSearch fills an ensemble, not a {type(program).__name__}; optimize "
                "Ensemble(reduce_fn=majority).compile([program.deepcopy() for _ in range(3)]), or use compile(program, ...)."
            )
            raise UsageError(message)
        size, member = len(program.programs), program.programs[0]
        one = replace(work, program=member, best=member.state_dict())
        asked = await self.optimizer.ask(self.optimizer.init(one.best), one)
        members = [one.best, *(found.state if isinstance(found, Candidate) else found for found in asked)]
        rows = list(work.feedback)
        work.rng("rows").shuffle(rows)
        rows = rows[: self.rows]
        cells = await all_of(one.run(state, rows) for state in members)
        ranked = sorted(range(len(members)), key=lambda place: (-_sum(cells[place]), place))
        best = (ranked * size)[:size]
        chosen = [await self._swapped(work, program, rows, cells, best), best, [ranked[0]] * size]
        return [_filled(work.best, [members[place] for place in places]) for places in chosen]

    async def _swapped(
        self,
        work: Workbench,
        program: EnsembledProgram,
        rows: Sequence[Example],
        cells: Sequence[Sequence[Cell]],
        start: list[int],
    ) -> list[int]:
        """Places of members, one after the other exchanged for the one with which the ensemble does best."""
        taken = start
        for seat in range(len(start)):
            tried = [taken, *([*taken[:seat], place, *taken[seat + 1 :]] for place in range(len(cells)))]
            sums = await all_of(_together(work, program, rows, [cells[place] for place in places]) for places in tried)
            taken = tried[sums.index(max(sums))]
        return taken


async def _together(
    work: Workbench, program: EnsembledProgram, rows: Sequence[Example], members: Sequence[Sequence[Cell]]
) -> float:
    """The sum of the scores that these members reach together, from the predictions they have made."""
    assert program.reduce_fn is not None
    scores = []
    for place, row in enumerate(rows):
        said = [cells[place].prediction for cells in members]
        if None not in said:
            with context(tape=Tape(), role="judge"):
                try:
                    answer = foreign_call(partial(program.reduce_fn, said), ProgramError, "reduce_fn")
                    scores.append((await measure(work.bench.metric, row, answer, Tape(), compiling=True)).value)
                except FATAL:
                    raise
                except AdjointError:
                    return -math.inf  # the metric cannot judge what they say together
    return math.fsum(scores)


def _sum(cells: Sequence[Cell]) -> float:
    return math.fsum(cell.score.value for cell in cells if cell.score is not None)


def _filled(state: State, members: Sequence[State]) -> State:
    """The state of the ensemble with these members."""
    found = {_MEMBER.format(place) + name: value for place, member in enumerate(members) for name, value in member.items()}
    return {**state, **{name: value for name, value in found.items() if name in state}}
