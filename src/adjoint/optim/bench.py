"""The bench: buys cells, each once, and keeps them in the ledger so that a resumed run has them."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any, TypeAlias

from adjoint.base.errors import BudgetExceeded
from adjoint.data.records import id_of, identified
from adjoint.eval.cells import HOPELESS, hopeless, run_cells
from adjoint.exec.local import ended
from adjoint.program.state import name_of

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Iterable, Sequence

    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.ledger.store import Ledger
    from adjoint.optim.weights.task import Step
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State


Job: TypeAlias = "tuple[Module, Example]"


class Bench:
    """Runs candidates on rows for one run, each cell once; candidates and rows go by their names.

    A cell is the mean over `repeats` runs, each with replies of its own; runs that fail are left out, and if all fail the cell
    has. A resumed run goes through its cells again on the replies of the ledger. That costs no call, counts what was spent
    where it was spent, and measures with the metric as it is now.
    """

    def __init__(
        self,
        program: Module,
        metric: Metric,
        *,
        limit: int,
        run: str = "",
        ledger: Ledger | None = None,
        repeats: int = 1,
        on_cell: Callable[[Cell], None] | None = None,
        on_step: Callable[[Step], None] | None = None,
    ) -> None:
        self.program, self.metric, self.limit, self.repeats = program, metric, limit, repeats
        self.run_name, self.ledger, self.on_cell, self.on_step = run, ledger, on_cell, on_step
        self.bought = 0
        self.most: int | None = None
        """The most rows that may be run, all programs together."""
        self._programs: dict[str, Module] = {}
        self._rows: dict[str, Example] = {}
        self._scores: dict[str, dict[str, float | None]] = {}
        self._failures: list[str] = []
        self._succeeded = False
        events = ledger.events(run, "cell") if ledger else ()
        bodies = [event.body for event in events if event.body["error"] is None]
        self._kept = {(body["candidate"], body["example"], body.get("repeat", 0)) for body in bodies}

    def add(self, state: State) -> str:
        """Take up a candidate; its name."""
        name = name_of(state)
        if name not in self._programs:
            self._programs[name] = self.program.with_state(state)
            self._scores[name] = {}
        return name

    def add_rows(self, rows: Iterable[Example]) -> tuple[str, ...]:
        """Take up rows; their names."""
        named = [identified(row) for row in rows]
        self._rows.update((id_of(row), row) for row in named)
        return tuple(dict.fromkeys(map(id_of, named)))

    async def buy(self, names: Sequence[str], rows: Sequence[str]) -> None:
        """Make sure that every candidate was tried on every row; what is missing is bought, all of it at once."""
        wanted = [(name, row) for row in rows for name in names if row not in self._scores[name]]
        found: list[list[float | None]] = [[] for _ in wanted]

        def take(place: int, cell: Cell) -> None:
            found[place].append(None if cell.score is None else cell.score.value)
            if len(found[place]) == self.repeats:
                scores = [score for score in found[place] if score is not None]
                name, row = wanted[place]
                self._scores[name][row] = math.fsum(scores) / len(scores) if scores else None

        for repeat in range(self.repeats):
            await self._run(wanted, repeat, take)
        self._check_hope()

    def has(self, name: str, row: str) -> bool:
        """Whether the cell was bought, with all its repeats."""
        return row in self._scores[name]

    def score(self, name: str, row: str) -> float | None:
        """The score of a bought cell; None if it failed."""
        return self._scores[name][row]

    def known(self, state: State) -> dict[str, float]:
        """The scores of a state on all rows that were bought and did not fail; none of one that was never tried."""
        return {row: score for row, score in self._scores.get(name_of(state), {}).items() if score is not None}

    def scores(self, name: str, rows: Iterable[str]) -> dict[str, float]:
        """The scores of a candidate on those of the rows that were bought and did not fail."""
        known = self._scores[name]
        return {row: score for row in rows if (score := known.get(row)) is not None}

    def errors(self, name: str, rows: Iterable[str]) -> int:
        """How many of the bought cells of a candidate on these rows have failed."""
        known = self._scores[name]
        return sum(row in known and known[row] is None for row in rows)

    async def run(self, jobs: Sequence[Job]) -> list[Cell]:
        """Run programs on rows with tapes, in the order given. These cells teach; they are not kept."""
        jobs, refused = self._allowed(jobs)
        found: dict[int, Cell] = {}
        async with contextlib.aclosing(run_cells(jobs, self.metric, limit=self.limit, compiling=True)) as cells:
            async for index, cell in cells:
                found[index] = cell
                self._announce(cell)
        self._check_hope()
        if refused:
            raise refused
        return [found[index] for index in range(len(jobs))]

    async def _run(self, wanted: Sequence[tuple[str, str]], repeat: int, take: Callable[[int, Cell], None]) -> None:
        """One repeat of cells. However it ends, what was bought is taken and kept."""
        jobs, refused = self._allowed([(self._programs[name], self._rows[row]) for name, row in wanted])
        written: list[Future[Any]] = []
        try:
            async with contextlib.aclosing(run_cells(jobs, self.metric, limit=self.limit, repeats=[repeat] * len(jobs))) as cells:
                async for place, cell in cells:
                    candidate = wanted[place][0]
                    if self.ledger and (candidate, cell.example, repeat) not in self._kept:
                        body = {"candidate": candidate, **cell.record()}
                        written.append(self.ledger.append_soon(self.run_name, "cell", body))
                    take(place, cell)
                    self._announce(cell)
        finally:
            await ended(written)
        if refused:
            raise refused

    def _allowed(self, jobs: Sequence[Job]) -> tuple[Sequence[Job], BudgetExceeded | None]:
        """The jobs that may run, and the error of those that may not."""
        if self.most is None or self.bought + len(jobs) <= self.most:
            return jobs, None
        message = f"the search may run {self.most} rows, and has; everything received is kept. Raise that number to go on."
        return jobs[: max(0, self.most - self.bought)], BudgetExceeded(message)

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
