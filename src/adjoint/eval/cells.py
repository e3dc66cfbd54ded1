"""Cells: one candidate on one row. A cell has a score or an error, never both, and an error is never a score."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from adjoint.adapters.adaptive import AdaptiveAdapter
from adjoint.base.errors import FATAL, AdjointError, BudgetExceeded, ProgramError
from adjoint.base.foreign import foreign
from adjoint.base.json import plain
from adjoint.base.quick import quick
from adjoint.data.records import Record, Score, id_of, inputs_of
from adjoint.exec.local import Local
from adjoint.lm.types import NO_USAGE, Usage
from adjoint.modules.best_of_n import nth_sample
from adjoint.program.context import CONCURRENCY, current, within
from adjoint.program.metric import measure
from adjoint.program.prediction import Prediction
from adjoint.program.tape import Tape

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module

HOPELESS = 10
"""Rows that must all have failed, with none that went well, before a run gives up."""


@quick(frozen=True, slots=True)
class Cell:
    """What came of one row. `outputs` are the prediction's fields as JSON; `tape` is kept in memory only."""

    example: str
    score: Score | None
    error: str | None = None
    usage: Usage = NO_USAGE
    seconds: float = 0.0
    outputs: Json = None
    tape: Tape | None = None
    prediction: Prediction | None = None
    repeat: int = 0

    def record(self) -> dict[str, Json]:
        """What the ledger keeps of the cell."""
        return {
            "example": self.example,
            "score": None if self.score is None else self.score.as_dict(),
            "error": self.error,
            "usage": self.usage.as_dict(),
            "seconds": round(self.seconds, 6),
            "outputs": self.outputs,
            **({"repeat": self.repeat} if self.repeat else {}),
        }

    @classmethod
    def recorded(cls, body: Any) -> Cell:
        """The cell that `record` has written, without tape and prediction."""
        score = None if body["score"] is None else Score(**body["score"])
        return cls(
            body["example"],
            score,
            body["error"],
            Usage(**body["usage"]),
            body["seconds"],
            body["outputs"],
            repeat=body.get("repeat", 0),
        )


async def run_row(
    program: Module, example: Example, metric: Metric, *, compiling: bool = False, seconds: float | None = None, repeat: int = 0
) -> Cell:
    """Run the program on one row under a tape of its own, and measure. Only `FATAL` errors are raised.

    After `seconds` what is in flight is cancelled and the cell is an error; a synchronous `forward` is not waited for, but
    its thread ends only with its call. The `repeat`s of a row are samples of their own.
    """
    started = time.monotonic()
    inputs = inputs_of(example)
    tape, used, sample = Tape(program, inputs), list[Usage](), nth_sample(current().sample, "repeat", repeat)
    score, error, prediction = None, None, None
    try:
        async with contextlib.nullcontext() if seconds is None else asyncio.timeout(seconds):
            with within(tape=tape, meter=used, sample=sample):
                made = await foreign(program.acall(**inputs), ProgramError, "the program")
            prediction = _prediction(made, tape)
            with within(tape=None, meter=used, sample=sample, role="judge"):  # calls of the metric are no calls of the program
                score = await measure(metric, example, prediction, tape, compiling=compiling)
    except FATAL:
        raise
    except AdjointError as caught:
        error = f"{type(caught).__name__}: {caught}"
    except TimeoutError:  # only the row's own: those of user code have a name and a place in the tree
        error = f"TimeoutError: the row took longer than timeout={seconds:g} seconds"
    outputs = None if prediction is None else plain(Record.toDict(prediction))  # reports read nothing on the tape
    took = time.monotonic() - started
    return Cell(id_of(example), score, error, sum(used, NO_USAGE), took, outputs, tape, prediction, repeat)


async def run_cells(
    jobs: Sequence[tuple[Module, Example]],
    metric: Metric,
    *,
    limit: int = CONCURRENCY,
    compiling: bool = False,
    patience: int | None = None,
    seconds: float | None = None,
    repeats: Sequence[int] = (),
) -> AsyncGenerator[tuple[int, Cell]]:
    """Run programs on rows, at most `limit` at once; gives `(position, cell)` as they end.

    An adaptive adapter that has decided nothing yet decides after the first rows, before the others begin. `repeats` numbers the jobs that are further samples of a row; `seconds` is what each may take (see `run_row`). When the budget is spent no further row begins, those under way come to their end (they are paid for), and then
    `BudgetExceeded` is raised. With `patience` the run stops if so many first cells fail and none goes well.
    """
    adapter, numbers = current().adapter, list(repeats or [0] * len(jobs))
    first = adapter.after if isinstance(adapter, AdaptiveAdapter) and adapter.unsettled else 0
    parts = [slice(0, first), slice(first, None)] if 0 < first < len(jobs) else [slice(None)]
    for number, part in enumerate(parts):
        trial = adapter.trial() if isinstance(adapter, AdaptiveAdapter) and first and not number else contextlib.nullcontext()
        running = _run(jobs[part], numbers[part], metric, limit, compiling=compiling, patience=patience, seconds=seconds)
        with trial:
            async with contextlib.aclosing(running) as cells:
                async for index, cell in cells:
                    yield index + (part.start or 0), cell


async def _run(
    jobs: Sequence[tuple[Module, Example]],
    repeats: Sequence[int],
    metric: Metric,
    limit: int,
    *,
    compiling: bool,
    patience: int | None,
    seconds: float | None,
) -> AsyncGenerator[tuple[int, Cell]]:
    failures: list[str] = []
    succeeded = False
    spent: BudgetExceeded | None = None

    async def one(job: tuple[tuple[Module, Example], int]) -> Cell | BudgetExceeded:
        nonlocal spent
        if spent is None:
            try:
                return await run_row(*job[0], metric, compiling=compiling, seconds=seconds, repeat=job[1])
            except BudgetExceeded as error:
                spent = error
        return spent

    work = zip(jobs, repeats, strict=True)
    async with contextlib.aclosing(Local().map(one, work, limit=limit)) as outcomes:
        async for outcome in outcomes:
            cell = outcome.value
            if isinstance(cell, BudgetExceeded):
                continue
            if cell.error is None:
                succeeded = True
            else:
                failures.append(cell.error)
            yield outcome.index, cell
            if patience is not None and not succeeded and len(failures) >= min(patience, len(jobs)):
                raise hopeless(failures)
    if spent is not None:
        raise spent


def hopeless(failures: Sequence[str]) -> ProgramError:
    """The end of a run of which nothing can be said."""
    return ProgramError(f"all of the first {len(failures)} rows failed, so the run stops. The first said: {failures[0]}")


def _prediction(made: Any, tape: Tape) -> Prediction:
    """What the program returned as a prediction; a bare value becomes its only output."""
    if isinstance(made, Prediction):
        return made
    fields = made.toDict() if hasattr(made, "toDict") else made if isinstance(made, dict) else {"output": made}
    prediction = Prediction(fields)
    prediction._tape = tape
    return prediction
