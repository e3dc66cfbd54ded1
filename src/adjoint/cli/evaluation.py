"""The verbs that measure: `eval` for one program on one model or several, `compare` for two programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.portal import portal
from adjoint.cli import text
from adjoint.cli.sources import read_lm, read_metric, read_program, read_rows
from adjoint.cli.verbs import GATE_FAILED, INCONCLUSIVE, _counter, _spent, surroundings
from adjoint.exec.local import all_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from adjoint.cli.verbs import Common
    from adjoint.data.records import Example
    from adjoint.eval.report import Report
    from adjoint.eval.several import Reports
    from adjoint.lm.base import BaseLM
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """The options of a measurement, as they were written."""

    metric: str
    judge: str | None = None
    timeout: float | None = None
    repeats: int = 1
    cluster: str | None = None
    strata: str | None = None
    by: Sequence[str] = ()
    csv: str | None = None

    def read_metric(self) -> Metric:
        return read_metric(self.metric, self.judge)

    def options(self) -> dict[str, Any]:
        """What `evaluate` is told."""
        from adjoint.eval.sampling import Sampling

        drawn = Sampling(cluster=self.cluster, strata=self.strata) if self.cluster or self.strata else None
        return {"timeout": self.timeout, "repeats": self.repeats, "sampling": drawn}


def evaluate(common: Common, program: str, data: str, how: Measuring, models: Sequence[str | None]) -> int:
    """A report for each model, and paired comparisons of the later ones with the first."""
    from adjoint.eval.several import Reports

    made, metric = read_program(program, common.code), how.read_metric()
    rows, lms = read_rows(data, made), [read_lm(model) for model in models]
    _check(rows, how)
    names = [lm.name for lm in lms] if len(lms) > 1 else [program]
    with surroundings(common, "eval", program, data) as line:
        jobs = [(name, made, lm) for name, lm in zip(names, lms, strict=True)]
        found = Reports(_measured(jobs, rows, metric, how.options(), line))
    slices = {report.name: {field: report.by(field) for field in how.by} for report in found} if how.by else {}
    words = [str(found), *_failures(found), *(_latency(report) for report in found if report.latency)]
    words += [_sliced(report.name, field, part) for report in found for field, part in slices.get(report.name, {}).items()]
    if how.csv is not None:
        _write_csv(found, how.csv)
        words.append(f"rows written to {how.csv}")
    body = found.to_dict()
    if slices:
        body["slices"] = {
            name: {field: [part._asdict() for part in parts] for field, parts in fields.items()}
            for name, fields in slices.items()
        }
    common.show("\n".join(words), body)
    return _spent(*(report.stopped for report in found))


def compare(common: Common, a: str, b: str, data: str, how: Measuring, *, gate: bool) -> int:
    """Two programs on the same rows. With `gate`, the exit code says whether b is better."""
    from adjoint.eval.several import compare as paired

    programs, metric = [read_program(name, common.code) for name in (a, b)], how.read_metric()
    rows, lm = read_rows(data, programs[0]), read_lm(common.model)
    with surroundings(common, "compare", a, b, data) as line:
        jobs = [(name, made, lm) for made, name in zip(programs, (a, b), strict=True)]
        reports = _measured(jobs, rows, metric, how.options(), line)
    stopped = _spent(*(report.stopped for report in reports))
    if not all(report.cells for report in reports):
        return stopped
    found = paired(*reports)
    body = {"reports": [report.to_dict() for report in reports], "comparison": found.to_dict()}
    common.show("\n".join([*map(str, reports), *_failures(reports), text.comparison(a, b, found)]), body)
    if not gate or stopped:
        return stopped
    return {"better": 0, "worse": GATE_FAILED}.get(found.verdict, INCONCLUSIVE)


def _measured(
    jobs: Sequence[tuple[str, Module, BaseLM]],
    rows: Sequence[Example],
    metric: Metric,
    options: dict[str, Any],
    line: Callable[[str], None],
) -> tuple[Report, ...]:
    """All of them at the same time, on the one account of the command, so that a spent budget cuts all at about the same row."""
    from adjoint.eval.evaluate import aevaluate

    total = len(rows) * options["repeats"]

    async def everything() -> list[Report]:
        return await all_of(
            aevaluate(made, rows, metric, lm=lm, name=name, on_cell=_counter(name, total, line), **options)
            for name, made, lm in jobs
        )

    return tuple(portal.run(everything()))


def _failures(reports: Iterable[Report]) -> list[str]:
    """The first error of each report that has any."""
    said = ((report.name, next((cell.error for cell in report.cells if cell.error is not None), None)) for report in reports)
    return [f"{name}: the first error was {error}" for name, error in said if error is not None]


def _latency(report: Report) -> str:
    seconds = ", ".join(f"{name} {value:.2f} s" for name, value in report.latency.items())
    return f"{report.name}: a row took {seconds}"


def _sliced(name: str, field: str, parts: Sequence[Any]) -> str:
    return "\n".join([f"{name} by {field}", *(f"  {part}" for part in parts)])


def _check(rows: Sequence[Example], how: Measuring) -> None:
    """Before anything is paid, see that the slices can be made and the table be written."""
    from adjoint.eval.sampling import groups_of

    for field in how.by:
        groups_of(rows, field)
    if how.csv is not None and not Path(how.csv).absolute().parent.is_dir():
        message = f"cannot write {how.csv!r}: give a file in a directory that exists."
        raise UsageError(message)


def _write_csv(found: Reports, path: str) -> None:
    from adjoint.eval import views

    views.write_csv([{"program": report.name, **record} for report in found for record in report.table()], path)
