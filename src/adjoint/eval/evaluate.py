"""Evaluation: a program over rows, many at once, every failure kept apart from every score."""

from __future__ import annotations

import contextlib
import time
import uuid
from asyncio import Future
from typing import TYPE_CHECKING, Any

from adjoint.base.code import code_digest
from adjoint.base.errors import BudgetExceeded, NoLMError, UsageError
from adjoint.base.json import digest, plain
from adjoint.base.portal import portal
from adjoint.data.records import distinct, id_of
from adjoint.eval.cells import HOPELESS, run_cells
from adjoint.eval.compare import compare_scores
from adjoint.eval.report import Report, ordered
from adjoint.exec.local import all_of
from adjoint.lm.base import identity_of
from adjoint.lm.budget import Account, Budget
from adjoint.program.context import CONCURRENCY, active_ledger, active_lm, context, current
from adjoint.program.metric import check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.eval.compare import Comparison
    from adjoint.lm.base import BaseLM
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module


def evaluate(
    program: Module,
    data: Sequence[Example],
    metric: Metric,
    *,
    lm: BaseLM | str | None = None,
    name: str = "program",
    limit: int = CONCURRENCY,
    budget: Budget | str | int | None = None,
    on_cell: Callable[[Cell], None] | None = None,
) -> Report:
    """Run `program` on every row and measure it; `limit` rows run at once.

    Rows that fail are counted as errors, never as 0. A spent budget ends the evaluation; the report says so and holds
    everything that was measured. Cells go to the ledger as they end. In asynchronous code use `aevaluate`.
    """
    return portal.run(aevaluate(program, data, metric, lm=lm, name=name, limit=limit, budget=budget, on_cell=on_cell))


async def aevaluate(
    program: Module,
    data: Sequence[Example],
    metric: Metric,
    *,
    lm: BaseLM | str | None = None,
    name: str = "program",
    limit: int = CONCURRENCY,
    budget: Budget | str | int | None = None,
    on_cell: Callable[[Cell], None] | None = None,
) -> Report:
    """`evaluate` for asynchronous code."""
    check(metric)
    rows = distinct(data)
    if not rows:
        message = "there is nothing to evaluate: the data has no rows."
        raise UsageError(message)
    changes: dict[str, Any] = {"lm": lm} if lm is not None else {}
    with context(**changes):
        run = run_id("evaluate", program, rows, metric)
        own = budget is not None or current().account is None
        account = Account(Budget.parse(budget), payer=run) if own else current().account
        with context(account=account):
            return await portal.here(_evaluate(program, rows, metric, run, name=name, limit=limit, on_cell=on_cell))


async def _evaluate(
    program: Module,
    rows: list[Example],
    metric: Metric,
    run: str,
    *,
    name: str,
    limit: int,
    on_cell: Callable[[Cell], None] | None,
) -> Report:
    started, ledger = time.monotonic(), active_ledger()
    if ledger:
        ledger.append(run, "begin", {"what": "evaluate", "name": name, "rows": len(rows), "state": plain(dict(program.state_dict()))})
    found: dict[int, Cell] = {}
    stopped, written = None, list[Future[Any]]()
    try:
        jobs = [(program, row) for row in rows]
        async with contextlib.aclosing(run_cells(jobs, metric, limit=limit, patience=HOPELESS)) as cells:
            async for index, cell in cells:
                found[index] = cell
                if ledger:
                    written.append(ledger.append_soon(run, "cell", cell.record()))
                if on_cell:
                    on_cell(cell)
    except BudgetExceeded as error:
        stopped = str(error)
    finally:
        await all_of(written)  # however it ends, what was measured is kept
    account = current().account
    by_role = account.usage_by("role", replayed=False) if account and account.payer == run else {}
    report = Report(name, tuple(rows), ordered(rows, found), time.monotonic() - started, stopped, by_role)
    if ledger:
        ledger.append(run, "end", report.to_dict(cells=False))
    return report


def run_id(what: str, program: Module, rows: Sequence[Example], metric: Metric, *more: Any) -> str:
    """The name of a run: a digest of everything that decides it, so the same command names the same run.

    What decides it are the program (its class and state), the rows, the metric, the LM and `more`. A run that asks anew
    (`cache` is "off" or "refresh") cannot be continued, so each has a name, and with it an account, of its own.
    """
    described = {
        "program": fingerprint(program),
        "rows": [id_of(row) for row in rows],
        "metric": code_digest(metric),
        "lm": answerer(_configured()),
        "more": plain(list(more)),
    }
    if current().cache in ("off", "refresh"):
        described["began"] = uuid.uuid4().hex
    return f"{what}-{digest(described, length=12)}"


def fingerprint(program: Module) -> str:
    """A digest of the program as it stands: the code and names of its modules, its signatures and its state."""
    modules = [
        [
            name,
            code_digest(type(module)),
            repr(getattr(module, "signature", "")),
            plain(getattr(module, "config", {})),
            answerer(getattr(module, "lm", None)),
        ]
        for name, module in program.named_modules()
    ]
    return digest({"modules": modules, "state": dict(program.state_dict())}, length=16)


def answerer(lm: BaseLM | None) -> Any:
    """Who answers, with which default options."""
    return None if lm is None else [identity_of(lm) or lm.name, plain(getattr(lm, "options", {}))]


def _configured() -> BaseLM | None:
    """The LM in force, if there is one: programs may have their own, and some strategies need none."""
    with contextlib.suppress(NoLMError):
        return active_lm()
    return None


def compare(before: Report, after: Report) -> Comparison:
    """The paired comparison of two reports on the same rows: difference with interval, exact test, flips, verdict."""
    left, right = (
        {cell.example: None if cell.score is None else cell.score.value for cell in report.cells} for report in (before, after)
    )
    ids = [name for name in left if name in right]
    if not ids:
        message = f"{before.name!r} and {after.name!r} share no row, so they cannot be compared; evaluate both on the same data."
        raise UsageError(message)
    return compare_scores([left[name] for name in ids], [right[name] for name in ids], ids)


class Evaluate:
    """DSPy's spelling: `Evaluate(devset=rows, metric=metric)(program)` gives a `Report`."""

    def __init__(
        self,
        *,
        devset: Sequence[Example],
        metric: Metric | None = None,
        num_threads: int | None = None,
        display_progress: bool = False,
        display_table: bool | int = False,
        **unused: Any,
    ) -> None:
        self.devset, self.metric, self.limit = devset, metric, num_threads
        self.shown = {"display_progress": display_progress, "display_table": display_table, **unused}

    def __call__(self, program: Module, metric: Metric | None = None, devset: Sequence[Example] | None = None) -> Report:
        chosen = metric or self.metric
        if chosen is None:
            message = "Evaluate needs a metric: Evaluate(devset=..., metric=...) or evaluator(program, metric=...)."
            raise UsageError(message)
        rows = self.devset if devset is None else devset
        return evaluate(program, rows, chosen, limit=CONCURRENCY if self.limit is None else self.limit)
