"""Calibration: how far a judge can be trusted, measured against labels that people gave."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.portal import portal
from adjoint.base.words import count
from adjoint.data.records import score_of
from adjoint.eval.intervals import LEAST, paired_interval, wilson
from adjoint.eval.judges.agreement import Confusion, best_threshold, held_out, kappa_interval
from adjoint.eval.judges.given import judged
from adjoint.eval.judges.rectify import rectified_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.data.records import Example, Record
    from adjoint.eval.intervals import Interval
    from adjoint.eval.judges.rectify import Rectified
    from adjoint.lm.budget import Budget
    from adjoint.lm.types import Usage
    from adjoint.program.metric import Metric


@dataclass(frozen=True)
class Calibration:
    """A judge against people, on rows that both have said something about. Intervals are of 95 %."""

    n: int
    """Labelled rows that the judge has scored."""
    errors: int
    """Rows, labelled or not, on which the judge failed; they are in no number here."""
    agreement: float
    """The share of rows on which both pass, or both fail: the judge at `threshold`, people at a label of 0.5."""
    agreement_interval: Interval
    kappa: float | None
    """Cohen's kappa, agreement beyond chance; None if one side always says the same."""
    kappa_interval: Interval
    confusion: Confusion
    bias: float
    """The judge's mean less the labels' mean: above 0 it is too mild."""
    bias_interval: Interval
    threshold: float
    suggested: float
    """The threshold to use: another than `threshold` only if it agrees better on rows that did not choose it."""
    suggested_agreement: float
    """The agreement at the suggested threshold; of a new one it is that on rows held out when it was chosen."""
    rectified: Rectified | None
    """The mean that people would give to all rows; None without unlabelled rows."""
    usage: Usage
    stopped: str | None

    def __str__(self) -> str:
        low, high = self.agreement_interval
        kappa = (
            "no kappa"
            if self.kappa is None
            else f"kappa {self.kappa:.2f} [{self.kappa_interval.low:.2f}, {self.kappa_interval.high:.2f}]"
        )
        table = self.confusion
        lines = [
            f"agreement {100 * self.agreement:.1f} % [{100 * low:.1f}, {100 * high:.1f}], {kappa}, n={self.n}, {count(self.errors, 'error')}",
            f"both pass {table.both_pass}, judge only {table.judge_only}, people only {table.people_only}, both fail {table.both_fail}",
            f"bias {100 * self.bias:+.1f} points [{100 * self.bias_interval.low:+.1f}, {100 * self.bias_interval.high:+.1f}]",
            f"suggested threshold {self.suggested:g} (agreement {100 * self.suggested_agreement:.1f} %)",
        ]
        return "\n".join([*lines, *([] if self.rectified is None else [str(self.rectified)])])

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON."""
        return asdict(self)


def calibrate(
    judge: Metric,
    labelled: Sequence[tuple[Example, Record, Any]],
    unlabelled: Sequence[tuple[Example, Record]] = (),
    *,
    threshold: float = 0.5,
    budget: Budget | str | int | None = None,
    seed: int = 0,
) -> Calibration:
    """Let the judge score predictions that people have scored, and say how far they agree.

    `labelled` are triples (example, prediction, label), the label a bool or a number in [0, 1]; `Report.results` has the first two.
    With `unlabelled` pairs the mean over all rows is estimated without the judge's bias (`rectified_mean`). The judge may be any
    metric. Its calls go through ledger and budget and count for the role "judge". Raises `UsageError` for fewer than 2 labelled rows
    that could be scored.
    """
    return portal.run(acalibrate(judge, labelled, unlabelled, threshold=threshold, budget=budget, seed=seed))


async def acalibrate(
    judge: Metric,
    labelled: Sequence[tuple[Example, Record, Any]],
    unlabelled: Sequence[tuple[Example, Record]] = (),
    *,
    threshold: float = 0.5,
    budget: Budget | str | int | None = None,
    seed: int = 0,
) -> Calibration:
    """`calibrate` for asynchronous code."""
    labels = [score_of(label).value for _, _, label in labelled]
    pairs = [(row, made) for row, made, _ in labelled]
    if len(pairs) < LEAST:
        message = f"calibrate: {len(pairs)} labelled rows tell nothing about a judge; give at least 2, better 100."
        raise UsageError(message)
    scores, report = await judged([*pairs, *unlabelled], judge, name="calibration", budget=budget)
    known = [(label, score) for label, score in zip(labels, scores, strict=False) if score is not None]
    if len(known) < LEAST:
        message = f"calibrate: the judge scored {len(known)} of {len(pairs)} labelled rows, which tells nothing about it."
        raise UsageError(message)
    truth, said = [label for label, _ in known], [score for _, score in known]
    rest = [score for score in scores[len(pairs) :] if score is not None]
    people = [label >= 0.5 for label in truth]
    now = Confusion.of(people, [score >= threshold for score in said])
    suggested, after = best_threshold(people, said, threshold), held_out(people, said, threshold, seed=seed)
    better = suggested != threshold and after.agreement > now.agreement
    differences = [score - label for label, score in known]
    return Calibration(
        n=len(known), errors=report.errors, agreement=now.agreement,
        agreement_interval=wilson(now.both_pass + now.both_fail, now.n), kappa=now.kappa,
        kappa_interval=kappa_interval(now, seed=seed), confusion=now, bias=sum(differences) / len(known),
        bias_interval=paired_interval(differences, seed=seed), threshold=threshold,
        suggested=suggested if better else threshold, suggested_agreement=after.agreement if better else now.agreement,
        rectified=rectified_mean(truth, said, rest) if len(rest) >= LEAST else None, usage=report.usage, stopped=report.stopped,
    )  # fmt: skip
