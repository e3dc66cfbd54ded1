"""One program optimised for several models in one call, and how the models then compare on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.portal import portal
from adjoint.data.splits import split
from adjoint.eval.evaluate import aevaluate
from adjoint.eval.several import compare
from adjoint.optim.compile import aoptimize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.data.records import Example
    from adjoint.eval.compare import Comparison
    from adjoint.eval.report import Report
    from adjoint.lm.base import BaseLM
    from adjoint.optim.result import Result
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module


@dataclass(frozen=True)
class Several:
    """By name of the model: its `results`, its reports on the holdout, and its comparison with the first model there."""

    results: Mapping[str, Result]
    reports: Mapping[str, Report]
    comparisons: Mapping[str, Comparison]

    def __str__(self) -> str:
        lines = []
        for name, report in self.reports.items():
            score = "no score" if report.mean is None else f"{100 * report.mean:.1f} %"
            made = "optimized" if self.results[name].report.shipped else "as it was"
            against = f"; against the first: {self.comparisons[name].words}" if name in self.comparisons else ""
            lines.append(f"{name}: {score} of {report.n} holdout rows, {made}{against}")
        return "\n".join(lines)


def optimize_each(
    program: Module,
    *,
    lms: Mapping[str, BaseLM | str],
    trainset: Sequence[Example],
    metric: Metric,
    valset: Sequence[Example] | None = None,
    seed: int = 0,
    **options: Any,
) -> Several:
    """`optimize` for each model, then each returned program with its model on the same holdout rows, paired with the first.

    `options` are those of `optimize`; a budget is one for each model, and the comparison comes on top of it: one run of each
    program on the holdout, of which the certificate has paid for a part. Each certificate is a test of its own. In asynchronous
    code use `aoptimize_each`. Raises `UsageError` without a model.
    """
    return portal.run(aoptimize_each(program, lms=lms, trainset=trainset, metric=metric, valset=valset, seed=seed, **options))


async def aoptimize_each(
    program: Module,
    *,
    lms: Mapping[str, BaseLM | str],
    trainset: Sequence[Example],
    metric: Metric,
    valset: Sequence[Example] | None = None,
    seed: int = 0,
    **options: Any,
) -> Several:
    """`optimize_each` in asynchronous code."""
    if not lms or not isinstance(lms, Mapping):
        message = "optimize_each needs models by name: lms={'small': LM(...), 'large': LM(...)}."
        raise UsageError(message)
    holdout, results, reports = split(trainset, valset, seed=seed).holdout, dict[str, Any](), dict[str, Any]()
    for name, lm in lms.items():
        results[name] = await aoptimize(program, trainset=trainset, metric=metric, valset=valset, seed=seed, lm=lm, **options)
        reports[name] = await aevaluate(results[name].program, holdout, metric, lm=lm, name=name)
    first = next(iter(reports))
    return Several(results, reports, {name: compare(reports[first], reports[name]) for name in reports if name != first})
