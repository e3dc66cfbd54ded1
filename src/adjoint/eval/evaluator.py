"""DSPy's spelling of an evaluation: an object that is called with a program."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.words import count
from adjoint.eval import views
from adjoint.eval.evaluate import evaluate
from adjoint.program.context import CONCURRENCY, current
from adjoint.program.events import span
from adjoint.program.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.eval.evaluate import Options
    from adjoint.eval.report import Report
    from adjoint.program.metric import Metric

_TABLE = 5
"""Rows of the table that `display_table=True` shows."""
_WIDE = 200
"""Columns where there is no terminal whose width counts."""


class Evaluate:
    """`Evaluate(devset=rows, metric=metric)(program)` gives a `Report`, which has DSPy's `score` (percent) and `results`.
    The program may be a function of the inputs too.

    `num_threads` is how many rows run at once. `display_progress` shows a live line on stderr, `display_table` (or a number of rows)
    a table there, in a notebook one in the page. `max_errors` ends the run; `save_as_csv` and `save_as_json` write the rows.
    Callbacks hear of an evaluation, and of its `callback_metadata`. The other options are those of `evaluate`.
    A failure is an error and no score: `failure_score` is refused, whatever it is.
    """

    def __init__(
        self,
        *,
        devset: Sequence[Example],
        metric: Metric | None = None,
        num_threads: int | None = None,
        display_progress: bool = False,
        display_table: bool | int = False,
        provide_traceback: bool | None = None,
        failure_score: float | None = None,
        save_as_csv: str | None = None,
        save_as_json: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        del provide_traceback  # DSPy's; an error of a row is in the report, with its cause
        if failure_score is not None:
            message = f"Evaluate(failure_score={failure_score}): a failed row has an error and no score; leave failure_score out."
            raise UsageError(message)
        self.devset, self.metric, self.num_threads = devset, metric, num_threads
        self.display_progress, self.display_table = display_progress, display_table
        self.save_as_csv, self.save_as_json = save_as_csv, save_as_json
        self.options = options

    def __call__(
        self,
        program: Module | Callable[..., Any],
        metric: Metric | None = None,
        devset: Sequence[Example] | None = None,
        num_threads: int | None = None,
        *,
        display_progress: bool | None = None,
        display_table: bool | int | None = None,
        save_as_csv: str | None = None,
        save_as_json: str | None = None,
        callback_metadata: dict[str, Any] | None = None,
    ) -> Report:
        chosen = metric or self.metric
        if chosen is None:
            message = "Evaluate needs a metric: Evaluate(devset=..., metric=...) or evaluator(program, metric=...)."
            raise UsageError(message)
        rows = self.devset if devset is None else devset
        limit = next((n for n in (num_threads, self.num_threads, current().num_threads) if n is not None), CONCURRENCY)
        options: Options = {**self.options}
        options["limit"] = limit
        if self.display_progress if display_progress is None else display_progress:
            options["on_cell"] = _progress(len(rows), options.get("on_cell"))
        heard = {"program": program, "metric": chosen, "devset": rows, "callback_metadata": callback_metadata}
        with span(current().callbacks, "evaluate", self, heard) as call:
            report = call.outputs = evaluate(_module(program), rows, chosen, **options)
        shown = self.display_table if display_table is None else display_table
        if shown is not False:
            _show(report, _TABLE if shown is True else shown)
        if save_as_csv or self.save_as_csv:
            report.to_csv(save_as_csv or self.save_as_csv or "")
        if save_as_json or self.save_as_json:
            text = json.dumps(report.table(), ensure_ascii=False, indent=2)
            Path(save_as_json or self.save_as_json or "").write_text(text, encoding="utf-8")
        return report


class _Function(Module):
    """A function in the place of a program."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def forward(self, **inputs: Any) -> Any:
        return self.function(**inputs)


def _module(program: Module | Callable[..., Any]) -> Module:
    return program if isinstance(program, Module) else _Function(program)


def _progress(total: int, further: Callable[[Cell], None] | None) -> Callable[[Cell], None]:
    """A line on stderr that is written anew after each cell."""
    scores: list[float] = []
    done = [0]

    def after(cell: Cell) -> None:
        done[0] += 1
        if cell.score is not None:
            scores.append(cell.score.value)
        mean = f"{100 * sum(scores) / len(scores):.1f} %" if scores else "no score"
        sys.stderr.write(
            f"\r{done[0]} of {count(total, 'row')}, {count(done[0] - len(scores), 'error')}, {mean}" + "\n" * (done[0] == total)
        )
        sys.stderr.flush()
        if further is not None:
            further(cell)

    return after


def _show(report: Report, rows: int) -> None:
    """The report and its first rows: in the page of a notebook, else on stderr."""
    table = report.table()[:rows]
    shell: Any = sys.modules.get("IPython")
    if shell is not None and shell.get_ipython() is not None:
        shell.display.display(shell.display.HTML(views.html(str(report), table)))
        return
    from rich.console import Console
    from rich.table import Table

    made = Table(title=str(report))
    for name in views.columns(table):
        made.add_column(name)
    for record in table:
        made.add_row(*(views.text(record.get(name)) for name in views.columns(table)))
    Console(file=sys.stderr, width=None if sys.stderr.isatty() else _WIDE).print(made)
