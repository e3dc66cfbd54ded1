"""`evaluate`: programs over rows, many at once, every failure kept apart from every score."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, overload

from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.base.portal import portal
from adjoint.data.splits import distinct
from adjoint.eval.evaluation import Evaluation
from adjoint.eval.several import Reports
from adjoint.exec.local import all_of
from adjoint.lm.budget import Account, Budget
from adjoint.program.context import context
from adjoint.program.metric import check
from adjoint.program.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.eval.report import Report
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
    for name in options:
        if name not in Options.__annotations__:
            raise UnknownNameError.of("option of evaluate", name, Options.__annotations__)
    rows = distinct(data)
    if not rows:
        message = "there is nothing to evaluate: the data has no rows."
        raise UsageError(message)
    if len(rows) < len(data):
        _log.warning("%d of %d rows have the id of another one and are not measured again", len(data) - len(rows), len(data))
    what: dict[str, Any] = {"rows": rows, "metric": check(metric), **options}
    if isinstance(program, Module) and not isinstance(lm, list | tuple):
        return await Evaluation(program=program, lm=lm, **what).report()
    return await _several(program, lm, what)


async def _several(program: Module | Mapping[str, Module], lm: Any, what: dict[str, Any]) -> Reports:
    """Every program with every LM at the same time, on one budget."""
    own = what.pop("name", "program")
    programs = program if isinstance(program, Mapping) else {own: program}
    lms = lm if isinstance(lm, list | tuple) else [lm]
    if not programs or not lms:
        message = "there is nothing to evaluate: give at least one program and one LM."
        raise UsageError(message)
    with context(account=Account(Budget.parse(what.pop("budget", None)))):
        jobs = []
        for name, one in programs.items():
            for model in lms:
                label = name if len(lms) == 1 else _name(model) if len(programs) == 1 else f"{name}, {_name(model)}"
                jobs.append(Evaluation(program=one, lm=model, name=label, **what))
        return Reports(tuple(await all_of(job.report() for job in jobs)))


def _name(lm: BaseLM | str) -> str:
    return lm if isinstance(lm, str) else lm.name
