"""The bench: buys cells, each once, and keeps them in the ledger so that a resumed run has them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adjoint.data.records import id_of
from adjoint.eval.cells import HOPELESS, hopeless, run_cells
from adjoint.exec.local import all_of
from adjoint.program.state import name_of

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Sequence

    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.ledger.store import Ledger
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State


class Bench:
    """Runs candidates on rows for one run, each cell once.

    A resumed run goes through its cells again on the replies of the ledger. That costs no call, counts what was spent where
    it was spent, and measures with the metric as it is now.
    """

    def __init__(
        self,
        program: Module,
        metric: Metric,
        run: str,
        ledger: Ledger | None,
        *,
        limit: int,
        on_cell: Callable[[Cell], None] | None,
    ) -> None:
        self.program, self.metric, self.run_name, self.ledger, self.limit, self.on_cell = (
            program,
            metric,
            run,
            ledger,
            limit,
            on_cell,
        )
        self.cells: dict[tuple[str, str], Cell] = {}
        self.bought = 0
        self._failures: list[str] = []
        self._succeeded = False
        events = ledger.events(run, "cell") if ledger else ()
        self._kept = {(event.body["candidate"], event.body["example"]) for event in events if event.body["error"] is None}

    async def score(self, states: Sequence[State], rows: Sequence[Example]) -> None:
        """Make sure that every state has a cell on every row; what is missing is bought, all of it at once."""
        programs = {name_of(state): self.program.with_state(state) for state in states}
        wanted = [(name, row) for row in rows for name in programs if (name, id_of(row)) not in self.cells]
        jobs = [(programs[name], row) for name, row in wanted]
        written: list[Future[Any]] = []
        try:
            async with contextlib.aclosing(run_cells(jobs, self.metric, limit=self.limit)) as cells:
                async for index, cell in cells:
                    name, row = wanted[index]
                    self.cells[name, id_of(row)] = replace(cell, tape=None, prediction=None)
                    if self.ledger and (name, id_of(row)) not in self._kept:
                        written.append(self.ledger.append_soon(self.run_name, "cell", {"candidate": name, **cell.record()}))
                    self._announce(cell)
        finally:
            await all_of(written)  # however it ends, what was bought is kept
        self._check_hope()

    def has(self, state: State, row: Example) -> bool:
        """Whether the cell was bought."""
        return (name_of(state), id_of(row)) in self.cells

    def score_of(self, state: State, row: Example) -> float | None:
        """The score of a bought cell; None if it failed."""
        score = self.cells[name_of(state), id_of(row)].score
        return None if score is None else score.value

    def scores(self, state: State, rows: Sequence[Example]) -> dict[str, float]:
        """The scores of a state by id of the row, on those of the rows that were bought and did not fail."""
        name = name_of(state)
        cells = [self.cells.get((name, id_of(row))) for row in rows]
        return {cell.example: cell.score.value for cell in cells if cell is not None and cell.score is not None}

    def errors(self, state: State, rows: Sequence[Example]) -> int:
        """How many of the bought cells of a state on these rows have failed."""
        name = name_of(state)
        cells = [self.cells.get((name, id_of(row))) for row in rows]
        return sum(cell is not None and cell.error is not None for cell in cells)

    async def run(self, jobs: Sequence[tuple[Module, Example]]) -> list[Cell]:
        """Run programs on rows with tapes, in the order given. These cells teach; they are not kept."""
        found: dict[int, Cell] = {}
        async with contextlib.aclosing(run_cells(jobs, self.metric, limit=self.limit, compiling=True)) as cells:
            async for index, cell in cells:
                found[index] = cell
                self._announce(cell)
        self._check_hope()
        return [found[index] for index in range(len(jobs))]

    def _check_hope(self) -> None:
        """Give up if nothing has gone well so far. A candidate that fails is no reason: it only loses its race."""
        if not self._succeeded and len(self._failures) >= HOPELESS:
            raise hopeless(self._failures)

    def _announce(self, cell: Cell) -> None:
        self.bought += 1
        if cell.error is None:
            self._succeeded = True
        else:
            self._failures.append(cell.error)
        if self.on_cell:
            self.on_cell(cell)
