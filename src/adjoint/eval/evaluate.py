"""Evaluation: a program over rows, many at once, every failure kept apart from every score."""

from __future__ import annotations

import contextlib
import logging
import time
from asyncio import Future
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, overload

from adjoint.base.errors import BudgetExceeded, UnknownNameError, UsageError
from adjoint.base.json import plain
from adjoint.base.portal import portal
from adjoint.data.records import distinct
from adjoint.eval.cells import HOPELESS, run_cells
from adjoint.eval.fingerprint import run_id
from adjoint.eval.report import Report, ordered
from adjoint.eval.several import Reports
from adjoint.exec.local import all_of, ended
from adjoint.lm.budget import Account, Budget
from adjoint.program.context import CONCURRENCY, active_ledger, context, current
from adjoint.program.metric import check
from adjoint.program.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.eval.sampling import Sampling
    from adjoint.lm.base import BaseLM
    from adjoint.program.metric import Metric

_log = logging.getLogger("adjoint.evaluate")

Models: TypeAlias = "list[BaseLM | str] | list[BaseLM] | list[str] | tuple[BaseLM | str, ...]"


class Options(TypedDict, total=False):
    """What `evaluate` may be told besides program, rows, metric and LM."""

    name: str
    """The name of the program in reports."""
    limit: int
    """Rows at once (64)."""
    budget: Budget | str | int | None
    """A cap on all that is paid: `2000` or "2000calls", "500000tokens", "$5", "30m"."""
    timeout: float | None
    """Seconds that one row may take; later it is cancelled, and an error."""
    repeats: int
    """How often each row is measured, with samples of its own (1). The mean of a row's scores is the score of the row."""
    sampling: Sampling | None
    """How the rows were drawn, if not one by one: in clusters or strata."""
    max_errors: int | None
    """Failed cells after which no further row begins; by default a run gives up only if its first 10 all fail."""
    on_cell: Callable[[Cell], None] | None
    """Called with each cell as it ends."""


_DEFAULTS = Options(name="program", limit=CONCURRENCY, timeout=None, repeats=1, sampling=None, max_errors=None, on_cell=None)


@overload
def evaluate(
    program: Module, data: Sequence[Example], metric: Metric, *, lm: BaseLM | str | None = None, **options: Unpack[Options]
) -> Report: ...
@overload
def evaluate(program: Module, data: Sequence[Example], metric: Metric, *, lm: Models, **options: Unpack[Options]) -> Reports: ...
@overload
def evaluate(
    program: Mapping[str, Module],
    data: Sequence[Example],
    metric: Metric,
    *,
    lm: BaseLM | str | Models | None = None,
    **options: Unpack[Options],
) -> Reports: ...
def evaluate(program: Any, data: Sequence[Example], metric: Metric, *, lm: Any = None, **options: Unpack[Options]) -> Any:
    """Run `program` on every row and measure it, many rows at once; `options` are those of `Options`.

    Rows that fail are counted as errors, never as 0. A spent budget ends the evaluation; the report says so and holds
    everything that was measured. Cells go to the ledger as they end. Several LMs (`lm=["openai/a", "openai/b"]`) or several programs
    (`{"before": a, "after": b}`) give `Reports`, with paired comparisons. In asynchronous code use `aevaluate`.

    >>> from adjoint import Example, Predict, exact_match
    >>> from adjoint.testing import ScriptedLM
    >>> rows = [Example(q=word, answer=word.upper()).with_inputs("q") for word in ("a", "b", "c", "d")]
    >>> report = evaluate(Predict("q -> answer"), rows, exact_match, lm=ScriptedLM(["A", "B", "C", "?"]), limit=1)
    >>> report.mean, report.n, report.errors, [round(end, 2) for end in report.interval]
    (0.75, 4, 0, [0.3, 0.95])
    """
    return portal.run(aevaluate(program, data, metric, lm=lm, **options))


@overload
async def aevaluate(
    program: Module, data: Sequence[Example], metric: Metric, *, lm: BaseLM | str | None = None, **options: Unpack[Options]
) -> Report: ...
@overload
async def aevaluate(
    program: Module, data: Sequence[Example], metric: Metric, *, lm: Models, **options: Unpack[Options]
) -> Reports: ...
@overload
async def aevaluate(
    program: Mapping[str, Module],
    data: Sequence[Example],
    metric: Metric,
    *,
    lm: BaseLM | str | Models | None = None,
    **options: Unpack[Options],
) -> Reports: ...
async def aevaluate(program: Any, data: Sequence[Example], metric: Metric, *, lm: Any = None, **options: Unpack[Options]) -> Any:
    """`evaluate` for asynchronous code."""
    chosen: dict[str, Any] = {**_DEFAULTS, **options}
    for name in chosen:
        if name not in Options.__annotations__:
            raise UnknownNameError.of("option of evaluate", name, Options.__annotations__)
    check(metric)
    rows = distinct(data)
    if not rows:
        message = "there is nothing to evaluate: the data has no rows."
        raise UsageError(message)
    if len(rows) < len(data):
        _log.warning("%d of %d rows have the id of another one and are not measured again", len(data) - len(rows), len(data))
    if chosen["repeats"] < 1:
        message = f"repeats={chosen['repeats']} would measure nothing; give 1 or more."
        raise UsageError(message)
    if chosen["timeout"] is not None and not chosen["timeout"] > 0:
        message = f"timeout={chosen['timeout']} would let no row end; give seconds above 0, or None for no limit."
        raise UsageError(message)
    if chosen["sampling"] is not None:
        chosen["sampling"].check(rows)
    if isinstance(program, Module) and not isinstance(lm, list | tuple):
        return await _one(program, rows, metric, lm, chosen)
    return await _several(program, rows, metric, lm, chosen)


async def _several(program: Any, rows: list[Example], metric: Metric, lm: Any, chosen: dict[str, Any]) -> Reports:
    """Every program with every LM at the same time, on one budget."""
    programs = program if isinstance(program, Mapping) else {chosen["name"]: program}
    lms = lm if isinstance(lm, list | tuple) else [lm]
    if not programs or not lms:
        message = "there is nothing to evaluate: give at least one program and one LM."
        raise UsageError(message)
    with context(account=Account(Budget.parse(chosen.pop("budget", None)))):
        jobs = []
        for name, one in programs.items():
            for model in lms:
                label = name if len(lms) == 1 else _name(model) if len(programs) == 1 else f"{name}, {_name(model)}"
                jobs.append(_one(one, rows, metric, model, {**chosen, "name": label}))
        return Reports(tuple(await all_of(jobs)))


def _name(lm: BaseLM | str) -> str:
    return lm if isinstance(lm, str) else lm.name


async def _one(program: Module, rows: list[Example], metric: Metric, lm: BaseLM | str | None, chosen: dict[str, Any]) -> Report:
    with context(**({} if lm is None else {"lm": lm})):
        more = [chosen["repeats"]] if chosen["repeats"] > 1 else []
        run = run_id("evaluate", program, rows, metric, *more)
        own = chosen.get("budget") is not None or current().account is None
        account = Account(Budget.parse(chosen.get("budget")), payer=run) if own else current().account
        with context(account=account):
            return await portal.here(_evaluate(program, rows, metric, run, chosen))


async def _evaluate(program: Module, rows: list[Example], metric: Metric, run: str, chosen: dict[str, Any]) -> Report:
    started, ledger, name = time.monotonic(), active_ledger(), chosen["name"]
    if ledger:
        state = plain(dict(program.state_dict()))
        ledger.append(run, "begin", {"what": "evaluate", "name": name, "rows": len(rows), "state": state})
    found: dict[int, Cell] = {}
    stopped, written, failed = None, list[Future[Any]](), 0
    jobs = [(program, row) for row in rows for _ in range(chosen["repeats"])]
    repeats = [repeat for _ in rows for repeat in range(chosen["repeats"])]
    running = run_cells(jobs, metric, limit=chosen["limit"], patience=HOPELESS, seconds=chosen["timeout"], repeats=repeats)
    try:
        async with contextlib.aclosing(running) as cells:
            async for index, cell in cells:
                found[index] = cell
                if ledger:
                    written.append(ledger.append_soon(run, "cell", cell.record()))
                if chosen["on_cell"]:
                    chosen["on_cell"](cell)
                failed += cell.error is not None
                if chosen["max_errors"] is not None and failed >= chosen["max_errors"]:
                    stopped = f"{failed} cells failed (max_errors={chosen['max_errors']}). The last said: {cell.error}"
                    break
    except BudgetExceeded as error:
        stopped = str(error)
    finally:
        await ended(written)  # however it ends, what was measured is kept
    account = current().account
    by_role = account.usage_by("role", replayed=False) if account and account.payer == run else {}
    seconds = time.monotonic() - started
    report = Report(name, tuple(rows), ordered(len(jobs), found), seconds, stopped, by_role, chosen["sampling"])
    if ledger:
        ledger.append(run, "end", report.to_dict(cells=False))
    return report
