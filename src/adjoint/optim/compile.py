"""`optimize`: the one front door of all optimizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.portal import portal
from adjoint.data.records import Split, distinct, split
from adjoint.lm.budget import Budget
from adjoint.optim.registry import allocator_of, optimizer_of
from adjoint.optim.stop import Stop
from adjoint.optim.study import Study
from adjoint.program.context import CONCURRENCY, context
from adjoint.program.metric import check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.data.records import Example
    from adjoint.lm.base import BaseLM
    from adjoint.optim.allocate import Allocator
    from adjoint.optim.base import Optimizer
    from adjoint.optim.result import Result
    from adjoint.optim.study import Progress, Ship
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module


def optimize(
    program: Module,
    *,
    trainset: Sequence[Example],
    metric: Metric,
    optimizer: str | Optimizer = "bootstrap-rs",
    allocator: str | Allocator | None = None,
    budget: Budget | str | int | None = None,
    valset: Sequence[Example] | None = None,
    lm: BaseLM | str | None = None,
    proposer_lm: BaseLM | None = None,
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
    `allocator` says which cells are bought to choose among candidates; by default the optimizer knows. At most `limit` rows
    run at once (64); `stop` are rules that end the search before its budget is spent. With `repeats` > 1 each candidate runs so
    often on each row, with replies of its own each time, and its score is the mean: for models that sample.
    `ship="always"` returns the best found without a certificate. In asynchronous code use `aoptimize`.
    """
    return portal.run(
        aoptimize(
            program,
            trainset=trainset,
            metric=metric,
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
    *,
    trainset: Sequence[Example],
    metric: Metric,
    optimizer: str | Optimizer = "bootstrap-rs",
    allocator: str | Allocator | None = None,
    budget: Budget | str | int | None = None,
    valset: Sequence[Example] | None = None,
    lm: BaseLM | str | None = None,
    seed: int = 0,
    limit: int | None = None,
    stop: Stop | None = None,
    **settings: Any,
) -> Result:
    """`optimize` for asynchronous code."""
    if not trainset:
        message = "the trainset is empty; give rows to learn from, choose with and certify on."
        raise UsageError(message)
    made = optimizer_of(optimizer)
    lm = lm or getattr(made, "task_model", None)
    study = Study(
        program=program,
        optimizer=made,
        allocator=None if allocator is None else allocator_of(allocator),
        metric=check(metric),
        split=split(trainset, valset, seed=seed),
        budget=Budget.parse(budget),
        seed=seed,
        limit=limit or getattr(made, "num_threads", None) or CONCURRENCY,
        stop=stop or getattr(made, "stop", None) or Stop(),
        **settings,
    )
    with context(**({} if lm is None else {"lm": lm})):
        return await portal.here(study.run())


def propose(
    program: Module,
    *,
    trainset: Sequence[Example],
    metric: Metric | None,
    optimizer: Optimizer,
    seed: int = 0,
    lm: BaseLM | str | None = None,
    **settings: Any,
) -> Module:
    """The program with the optimizer's first proposal, made from all rows. Nothing is compared and nothing is certified."""
    if not trainset:
        message = "the trainset is empty; give rows to learn from."
        raise UsageError(message)
    rows = Split(tuple(distinct(trainset)), (), ())
    study = Study(program=program, optimizer=optimizer, metric=check(metric or always_right), split=rows, seed=seed, **settings)
    with context(**({} if lm is None else {"lm": lm})):
        return portal.run(study.propose())


def always_right(example: Example, prediction: Any) -> bool:
    """The metric of those who have none: every run passes."""
    del example, prediction
    return True
