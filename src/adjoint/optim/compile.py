"""`optimize`: the one front door of all optimizers."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import engine_of
from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.base.portal import portal
from adjoint.base.words import count
from adjoint.data.records import id_of
from adjoint.data.splits import Split, distinct, split
from adjoint.lm.budget import Budget
from adjoint.optim.registry import allocator_of, optimizer_of
from adjoint.optim.stop import Stop
from adjoint.optim.study import Study
from adjoint.program.context import CONCURRENCY, context
from adjoint.program.metric import check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.data.records import Example
    from adjoint.lm.base import BaseLM
    from adjoint.optim.allocate import Allocator
    from adjoint.optim.base import Optimizer
    from adjoint.optim.result import Result
    from adjoint.optim.study import Progress, Ship
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module

_log = logging.getLogger("adjoint.optimize")


def optimize(
    program: Module,
    trainset: Sequence[Example],
    metric: Metric,
    *,
    optimizer: str | Optimizer = "bootstrap-rs",
    allocator: str | Allocator | None = None,
    budget: Budget | str | int | None = None,
    valset: Sequence[Example] | None = None,
    lm: BaseLM | str | None = None,
    proposer_lm: Engine | None = None,
    seed: int = 0,
    ship: Ship = "certified",
    limit: int | None = None,
    stop: Stop | None = None,
    repeats: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Search for a better program and return it if it is shown to be better on rows that the search has not seen.

    The rows are divided into feedback (what optimizers learn from), selection (where candidates race) and holdout (where
    the certificate is earned). `budget` caps calls, tokens, dollars or seconds of everything together: `"2000calls"`,
    `"$5"`, `"30m"`, `Budget(...)`. The same call again continues or replays the run: nothing received is bought twice.
    `lm` runs the program (default: the context's), `proposer_lm` criticises and proposes (default: `lm`).
    `allocator` says which cells are bought to choose among candidates; by default the optimizer knows. At most `limit` rows
    run at once (64); `stop` are rules that end the search before its budget is spent. With `repeats` > 1 each candidate runs so
    often on each row, with replies of its own each time, and its score is the mean: for models that sample.
    `ship="always"` returns the best found without a certificate, also where the rows are too few to be divided. In asynchronous code use `aoptimize`.
    """
    return portal.run(
        aoptimize(
            program,
            trainset,
            metric,
            optimizer=optimizer,
            allocator=allocator,
            budget=budget,
            valset=valset,
            lm=lm,
            proposer_lm=proposer_lm,
            seed=seed,
            ship=ship,
            limit=limit,
            stop=stop,
            repeats=repeats,
            on_progress=on_progress,
        )
    )


async def aoptimize(
    program: Module,
    trainset: Sequence[Example],
    metric: Metric,
    *,
    optimizer: str | Optimizer = "bootstrap-rs",
    valset: Sequence[Example] | None = None,
    lm: BaseLM | str | None = None,
    seed: int = 0,
    **settings: Any,
) -> Result:
    """`optimize` for asynchronous code."""
    if not trainset:
        message = "the trainset is empty; give rows to learn from, choose with and certify on."
        raise UsageError(message)
    rows = split(trainset, valset, seed=seed, undivided=settings.get("ship") == "always")
    remarks = _shared(trainset, valset or ()) if rows.holdout else (_undivided(rows),)
    study = _study(program, optimizer, metric, rows, seed=seed, remarks=remarks, **settings)
    lm = getattr(study.optimizer, "task_model", None) if lm is None else lm
    with context(**({} if lm is None else {"lm": lm})):
        return await portal.here(study.run())


def propose(
    program: Module,
    *,
    trainset: Sequence[Example],
    metric: Metric | None,
    optimizer: Optimizer,
    lm: BaseLM | str | None = None,
    **settings: Any,
) -> Module:
    """The program with the optimizer's first proposal, made from all rows. Nothing is compared and nothing is certified."""
    if not trainset:
        message = "the trainset is empty; give rows to learn from."
        raise UsageError(message)
    rows = Split(tuple(distinct(trainset)), (), ())
    study = _study(program, optimizer, metric or always_right, rows, **settings)
    with context(**({} if lm is None else {"lm": lm})):
        return portal.run(study.propose())


def _undivided(rows: Split) -> str:
    """What a report, and the log, say of rows that are too few to be divided."""
    same = rows.selection == rows.feedback
    few = f"{count(len(rows.selection), 'training row' if same else 'validation row')} cannot be divided"
    remark = f"{few}: {'the same rows teach and choose' if same else 'all of them choose'}, and nothing is certified"
    _log.warning("%s; give %d or more", remark, 6 if same else 4)
    return remark


def _shared(trainset: Sequence[Example], valset: Sequence[Example]) -> tuple[str, ...]:
    """What a report says of validation rows that are training rows too."""
    teaching, choosing = ({id_of(row) for row in rows} for rows in (trainset, valset))
    both = len(teaching & choosing)
    if not both:
        return ()
    if both == len(choosing):
        return (
            "all validation rows are training rows too, so the training rows were divided: some teach, some choose, some certify",
        )
    return (f"{both} of {count(len(choosing), 'validation row')} are training rows too, and neither choose nor certify",)


def _study(
    program: Module,
    optimizer: str | Optimizer,
    metric: Metric,
    rows: Split,
    *,
    allocator: str | Allocator | None = None,
    budget: Budget | str | int | None = None,
    proposer_lm: Engine | None = None,
    limit: int | None = None,
    stop: Stop | None = None,
    **settings: Any,
) -> Study:
    """The study of these arguments. What is not said is as the optimizer has it."""
    for name in settings:
        if name not in Study.__dataclass_fields__:
            raise UnknownNameError.of("argument of optimize", name, inspect.signature(optimize).parameters)
    made = optimizer_of(optimizer)
    limit = getattr(made, "num_threads", None) if limit is None else limit
    stop = getattr(made, "stop", None) if stop is None else stop
    return Study(
        program=program,
        optimizer=made,
        metric=check(metric),
        split=rows,
        allocator=None if allocator is None else allocator_of(allocator),
        budget=Budget.parse(budget),
        proposer_lm=engine_of(proposer_lm),
        limit=CONCURRENCY if limit is None else limit,
        stop=Stop() if stop is None else stop,
        **settings,
    )


def always_right(example: Example, prediction: Any) -> bool:
    """The metric of those who have none: every run passes."""
    del example, prediction
    return True
