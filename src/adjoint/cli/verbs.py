"""What each verb does. It returns the exit code; results go to stdout, remarks to stderr."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.base.json import digest, plain
from adjoint.base.portal import portal
from adjoint.base.words import count
from adjoint.cli import text
from adjoint.cli.history import existing, find_run, runs_of
from adjoint.cli.live import live
from adjoint.cli.settings import ledger_path
from adjoint.cli.sources import read_lm, read_metric, read_program, read_rows
from adjoint.program.context import context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.optim.study import Progress, Ship
    from adjoint.program.module import Module

SPENT = BudgetExceeded.exit_code
GATE_FAILED = 100
INCONCLUSIVE = 101


@dataclass(frozen=True, kw_only=True)
class Common:
    """The options that verbs share; None where the default counts."""

    json: bool = False
    ledger: str | None = None
    quiet: bool = False
    model: str | None = None
    budget: str | None = None
    seed: int = 0
    code: str | None = None

    @property
    def path(self) -> str:
        return ledger_path(self.ledger)

    def show(self, words: str, body: dict[str, Any]) -> None:
        """The result, for people or for programs."""
        text.say(json.dumps(plain(body), ensure_ascii=False) if self.json else words)


def run(common: Common, program: str, data: str | None, inputs: Sequence[str]) -> int:
    """Predictions for one set of inputs or for the rows of a file."""
    made = read_program(program, common.code)
    if (data is None) == (not inputs):
        message = "give either --input name=value (once for each input) or a file of rows."
        raise UsageError(message)
    rows = read_rows(data, made) if data is not None else [_row(inputs)]
    with surroundings(common, "run", program, data, *inputs) as line, context(lm=read_lm(common.model)):
        cells, stopped = portal.run(_predict(made, rows, _counter("run", len(rows), line)))
    found = [{"id": cell.example, "outputs": cell.outputs, "error": cell.error} for cell in cells]
    if data is None and found and not common.json:
        text.say(json.dumps(found[0]["outputs"], ensure_ascii=False))
    else:
        common.show("\n".join(json.dumps(row, ensure_ascii=False) for row in found), {"rows": found, "stopped": stopped})
    failed = sum(cell.error is not None for cell in cells)
    if failed:
        text.note(f"{failed} of {count(len(rows), 'row')} failed; the same command asks only for what is missing.")
    return _spent(stopped) or int(failed > 0)


def optimize(
    common: Common, program: str, data: str, metric: str, *, optimizer: str, out: str, valset: str | None, ship: Ship
) -> int:
    """Search, certify, report, save."""
    from adjoint.optim.compile import optimize as search

    made, measure = read_program(program, common.code), read_metric(metric)
    rows = read_rows(data, made)
    held = None if valset is None else read_rows(valset, made)
    _check_out(out)
    lm = read_lm(common.model)
    with context(ledger=common.path), live(quiet=common.quiet) as line:
        result = search(
            made, trainset=rows, valset=held, metric=measure, optimizer=optimizer, budget=common.budget, lm=lm,
            seed=common.seed, ship=ship, on_progress=_stages(optimizer, line),
        )  # fmt: skip
    result.program.save(out)
    report = result.report
    words = f"{report}\nsaved to {out}; `adjoint show {result.run_id}` shows the prompts before and after"
    common.show(words, {"run": result.run_id, "report": report.to_dict(), "saved": out, "state": dict(result.state)})
    return _spent(report.stopped if report.cut else None)


def show(common: Common, what: str) -> int:
    """The prompts of a saved program, or those of a run before and after."""
    if what.endswith(".json"):
        from adjoint.program import saved

        body = saved.read(what)
        words = f"{what}: {body.get('program')}\n{text.prompts(body['state'])}"
        common.show(words, {name: body.get(name) for name in ("program", "kind", "options", "signatures", "state")})
        return 0
    found = find_run(common.path, what)
    lines = [text.run_lines(found), "", "before", text.prompts(found.before)]
    if found.what != "evaluate":
        same = found.after == found.before
        lines += (
            ["", "after: as before, since nothing was shown to be better"] if same else ["", "after", text.prompts(found.after)]
        )
    common.show("\n".join(lines), {"run": found.to_dict(states=True)})
    return 0


def runs(common: Common) -> int:
    """All runs of the ledger."""
    ledger = existing(common.path)
    found = [] if ledger is None else runs_of(ledger)
    if common.json or not found:
        common.show(
            f"no runs in {common.path} yet", {"ledger": common.path, "runs": [one.to_dict(states=False) for one in found]}
        )
        return 0
    head = ("run", "what", "when", "state", "score", "n", "errors", "calls", "verdict")
    lines = [
        (
            one.id, f"{one.what} {one.name}", text.when(one.began), "finished" if one.finished else "unfinished",
            text.percent(one.score), _number(one.n), _number(one.errors), str(one.calls), one.verdict or "",
        )
        for one in found
    ]  # fmt: skip
    text.table(head, lines, right=(4, 5, 6, 7))
    text.say(f"ledger: {common.path}")
    return 0


def demo(common: Common) -> int:
    """The newcomer's first run."""
    from adjoint.demo.journey import travel

    with context(ledger=common.path), live(quiet=common.quiet) as line:
        found = travel(read_lm(common.model), seed=common.seed, budget=common.budget, say=line)
    first, best = found.rows[0], found.best
    prompts = {"before": dict(first.state), "after": dict(best.state), "after_name": best.name}
    if common.json:
        body = {
            "rows": [row.to_dict() for row in found.rows], "prompts": prompts, "model": found.model,
            "seconds": round(found.seconds, 3), "ledger": common.path,
        }  # fmt: skip
        common.show("", body)
        return 0
    text.say(f"A program for support tickets, on {first.report.n + first.report.errors} test rows, answered by {found.model}:")
    head = ("program", "score", "95 % interval", "n", "errors", "calls", "seconds", "against the first")
    lines = [
        (
            row.name, text.percent(row.report.mean), f"{100 * row.report.low:.1f} to {100 * row.report.high:.1f}",
            str(row.report.n), str(row.report.errors), str(row.calls), f"{row.seconds:.1f}", row.verdict,
        )
        for row in found.rows
    ]  # fmt: skip
    text.table(head, lines, right=(1, 3, 4, 5, 6))
    text.say(f"The prompt as its author wrote it\n\n{_indent(text.prompts(first.state))}\n")
    text.say(f"The prompt of the best program: {best.name}\n\n{_indent(text.prompts(best.state))}\n")
    text.say(
        f"Everything that was paid for is in {common.path}: run this again, and it costs no call.\n"
        "  adjoint runs                       what was done\n"
        "  adjoint show RUN                   a run's prompts before and after\n"
        "  adjoint demo --model openai/NAME   the same with a model of yours (set OPENAI_API_KEY, and OPENAI_BASE_URL for a server)"
    )
    return 0


@contextlib.contextmanager
def surroundings(common: Common, *named: str | None) -> Iterator[Callable[[str], None]]:
    """The ledger and one account for all that the command does (equal commands share the payer); gives the live line."""
    from adjoint.lm.budget import Account, Budget

    account = Account(Budget.parse(common.budget), payer=f"{named[0]}-{digest(list(named), length=12)}")
    with context(ledger=common.path, account=account), live(quiet=common.quiet) as line:
        yield line


def _stages(name: str, line: Callable[[str], None]) -> Callable[[Progress], None]:
    """Shows where a search stands."""

    def show_stage(at: Progress) -> None:
        best = "" if at.best is None else f", best so far {text.percent(at.best)}"
        step = at.training
        trained = "" if step is None else f", training step {step.number} of {step.total}, loss {step.loss:.3g}"
        line(
            f"{name}: {at.phase}, round {at.round + 1}, {count(at.cells, 'cell')}, {count(at.usage.calls, 'call')}{best}{trained}"
        )

    return show_stage


def _counter(name: str, total: int, line: Callable[[str], None]) -> Callable[[Cell], None]:
    """Shows how many rows are done, how many of them failed, and the mean so far."""
    scores: list[float] = []
    failed: list[str] = []

    def add(cell: Cell) -> None:
        if cell.score is not None:
            scores.append(cell.score.value)
        else:
            failed.append(cell.example)
        mean = text.percent(sum(scores) / len(scores) if scores else None)
        line(f"{name}: {len(scores) + len(failed)} of {count(total, 'row')}, {count(len(failed), 'error')}, mean so far {mean}")

    return add


async def _predict(made: Module, rows: Sequence[Example], on_cell: Callable[[Cell], None]) -> tuple[list[Cell], str | None]:
    """The cells of a program on rows that need no label, in order, and why some are missing."""
    from adjoint.data.records import Score
    from adjoint.eval.cells import run_cells
    from adjoint.program.context import CONCURRENCY

    def answered(example: Example, prediction: Any) -> Score:
        del example, prediction
        return Score(1.0)

    found: dict[int, Cell] = {}
    stopped = None
    try:
        async for index, cell in run_cells([(made, row) for row in rows], answered, limit=CONCURRENCY):
            found[index] = cell
            on_cell(cell)
    except BudgetExceeded as error:
        stopped = str(error)
    return [found[index] for index in sorted(found)], stopped


def _row(inputs: Sequence[str]) -> Example:
    from adjoint.data.records import Example

    pairs = [given.partition("=") for given in inputs]
    for name, equals, _ in pairs:
        if not (name and equals):
            message = f"--input {name!r} has no value; write --input name=value."
            raise UsageError(message)
    return Example({name: value for name, _, value in pairs}).with_inputs(*(name for name, _, _ in pairs))


def _spent(*stopped: str | None) -> int:
    """The exit code; if the budget ended something, that is said too."""
    reason = next((one for one in stopped if one), None)
    if reason is None:
        return 0
    text.note(reason)
    return SPENT


def _check_out(out: str) -> None:
    """Before anything is paid, see that the result can be written."""
    file = Path(out)
    if file.suffix != ".json" or file.is_dir() or not file.absolute().parent.is_dir():
        message = f"cannot save to {out!r}: give a .json file in a directory that exists."
        raise UsageError(message)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _indent(words: str) -> str:
    return "\n".join(f"  {line}" for line in words.splitlines())
