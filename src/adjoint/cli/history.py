"""Runs as the ledger tells them: one record for each run, folded from its events."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from adjoint.ledger.store import Ledger


@dataclass
class Run:
    """One run. `calls` of a finished run are those that it has paid; of an unfinished one those of its measured rows.

    `score` is the mean on the rows of an evaluation, or on the selection rows of an optimisation, where it is too high on
    average; `verdict` is that of the certificate. `began` is in seconds since the epoch.
    """

    id: str
    what: str
    name: str
    began: float
    finished: bool = False
    score: float | None = None
    n: int | None = None
    errors: int | None = None
    calls: int = 0
    verdict: str | None = None
    before: dict[str, Any] = field(default_factory=dict, repr=False)
    after: dict[str, Any] = field(default_factory=dict, repr=False)

    def to_dict(self, *, states: bool) -> dict[str, Any]:
        body = asdict(self)
        return body if states else {key: value for key, value in body.items() if key not in ("before", "after")}


def existing(path: str) -> Ledger | None:
    """The ledger, if there is one: reading makes none."""
    from adjoint.program.context import open_ledger

    try:
        return open_ledger(path) if Path(path).exists() else None
    except (OSError, ValueError) as error:  # names that no file can have
        message = f"{path[:80]!r} names no ledger: {error.strerror if isinstance(error, OSError) else error}."
        raise UsageError(message) from None


def runs_of(ledger: Ledger) -> list[Run]:
    """All runs, in the order in which they first began."""
    found: dict[str, Run] = {}
    for event in ledger.events(kind="begin"):
        body: Any = event.body
        name = str(body.get("name") or body.get("optimizer") or "")
        run = found.setdefault(event.run, Run(event.run, str(body["what"]), name, event.at))
        run.before = run.after = body["state"]
    for event in ledger.events(kind="end"):
        if event.run in found:
            _end(found[event.run], event.body)
    for run in found.values():
        if not run.finished:
            _measure(run, ledger)
    return list(found.values())


def find_run(path: str, name: str) -> Run:
    """The run of that id, or of an id that begins so."""
    ledger = existing(path)
    if ledger is None:
        message = f"there is no ledger {path}, so no run {name!r}; name the ledger with --ledger, or a saved program (best.json)."
        raise UsageError(message)
    runs = runs_of(ledger)
    fitting = [run for run in runs if run.id == name] or [run for run in runs if run.id.startswith(name)]
    if len(fitting) > 1:
        message = f"{name!r} is the beginning of {len(fitting)} runs: {', '.join(run.id for run in fitting)}. Write more of it."
        raise UsageError(message)
    if not fitting:
        raise UnknownNameError.of(f"run in {path}:", name, [run.id for run in runs])
    return fitting[0]


def _end(run: Run, body: Any) -> None:
    """An optimisation counts all calls of all its lives, an evaluation those of each life."""
    searched = run.what == "optimize"
    run.finished = True
    run.score = body["selection"] if searched else body["score"]
    run.verdict = body.get("verdict")
    run.calls = body["calls"] if searched else run.calls + body["calls"]
    certificate = body.get("certificate") or {}
    run.n, run.errors = (certificate.get("n"), certificate.get("errors")) if searched else (body["n"], body["errors"])
    run.after = body.get("state", run.before)


def _measure(run: Run, ledger: Ledger) -> None:
    """What is known of a run without an end: its cells, and the best candidate that was decided on."""
    states: dict[str, Any] = {}
    for event in ledger.events(run.id):
        body: Any = event.body
        if event.kind == "cell":
            run.calls += body["usage"]["calls"]
        elif event.kind == "candidate":
            states[body["candidate"]] = body["state"]
        elif event.kind == "decision":
            run.after = states.get(body["best"], run.before)
