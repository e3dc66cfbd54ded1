"""One evaluation: one program with one LM over rows. Its cells are kept as they end, and become a report."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.adapters.adaptive import AdaptiveAdapter
from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.base.json import plain
from adjoint.base.portal import portal
from adjoint.eval.cells import HOPELESS, run_cells
from adjoint.eval.fingerprint import run_id
from adjoint.eval.report import Report, ordered
from adjoint.exec.local import ended
from adjoint.lm.budget import Account, Budget
from adjoint.program.context import CONCURRENCY, active_ledger, context, current

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable

    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.eval.sampling import Sampling
    from adjoint.ledger.store import Ledger
    from adjoint.lm.base import BaseLM
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is measured, and how: the options are those of `evaluate`, where each is explained."""

    program: Module
    rows: list[Example]
    metric: Metric
    lm: BaseLM | str | None = None
    name: str = "program"
    limit: int = CONCURRENCY
    budget: Budget | str | int | None = None
    timeout: float | None = None
    repeats: int = 1
    sampling: Sampling | None = None
    max_errors: int | None = None
    on_cell: Callable[[Cell], None] | None = None

    def __post_init__(self) -> None:
        if self.repeats < 1:
            message = f"repeats={self.repeats} would measure nothing; give 1 or more."
            raise UsageError(message)
        if self.timeout is not None and not self.timeout > 0:
            message = f"timeout={self.timeout} would let no row end; give seconds above 0, or None for no limit."
            raise UsageError(message)
        if self.sampling is not None:
            self.sampling.check(self.rows)

    async def report(self) -> Report:
        """Measure every row. Without a budget of its own it spends from the account in force."""
        with context(**({} if self.lm is None else {"lm": self.lm})):
            more = [self.repeats] if self.repeats > 1 else []
            run = run_id("evaluate", self.program, self.rows, self.metric, *more)
            own = self.budget is not None or current().account is None
            account = Account(Budget.parse(self.budget), payer=run) if own else current().account
            with context(account=account):
                return await portal.here(self._measured(run))

    async def _measured(self, run: str) -> Report:
        started, ledger = time.monotonic(), active_ledger()
        if ledger:
            state = plain(dict(self.program.state_dict()))
            ledger.append(run, "begin", {"what": "evaluate", "name": self.name, "rows": len(self.rows), "state": state})
        found: dict[int, Cell] = {}
        stopped = await self._fill(found, run, ledger)
        adapter = current().adapter
        if ledger and isinstance(adapter, AdaptiveAdapter):
            ledger.append(run, "decision", {"forms": dict(adapter.forms)})
        account = current().account
        by_role = account.usage_by("role", replayed=False) if account and account.payer == run else {}
        cells, seconds = ordered(len(self.rows) * self.repeats, found), time.monotonic() - started
        report = Report(self.name, tuple(self.rows), cells, seconds, stopped, by_role, self.sampling)
        if ledger:
            ledger.append(run, "end", report.to_dict(cells=False))
        return report

    async def _fill(self, found: dict[int, Cell], run: str, ledger: Ledger | None) -> str | None:
        """Put every cell in its place as it ends; gives the reason if some are missing."""
        jobs = [(self.program, row) for row in self.rows for _ in range(self.repeats)]
        repeats = [repeat for _ in self.rows for repeat in range(self.repeats)]
        running = run_cells(jobs, self.metric, limit=self.limit, patience=HOPELESS, seconds=self.timeout, repeats=repeats)
        written: list[Future[Any]] = []
        failed = 0
        try:
            async with contextlib.aclosing(running) as cells:
                async for index, cell in cells:
                    found[index] = cell
                    if ledger:
                        written.append(ledger.append_soon(run, "cell", cell.record()))
                    if self.on_cell:
                        self.on_cell(cell)
                    failed += cell.error is not None
                    if self.max_errors is not None and failed >= self.max_errors:
                        return f"{failed} cells failed (max_errors={self.max_errors}). The last said: {cell.error}"
        except BudgetExceeded as error:
            return str(error)
        finally:
            await ended(written)  # however it ends, what was measured is kept
        return None
