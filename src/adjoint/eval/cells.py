"""Cells: one candidate on one row. A cell has a score or an error, never both, and an error is never a score."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import (
    AdjointError,
    AuthError,
    BudgetExceeded,
    Interrupted,
    LedgerError,
    ProgramError,
    UsageError,
)
from adjoint.base.foreign import foreign
from adjoint.base.json import plain
from adjoint.data.records import Score, id_of
from adjoint.exec.local import Local
from adjoint.lm.types import Usage
from adjoint.program.context import CONCURRENCY, context
from adjoint.program.metric import measure
from adjoint.program.prediction import Prediction
from adjoint.program.tape import Tape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module

FATAL = (AuthError, BudgetExceeded, Interrupted, LedgerError, UsageError)
"""Errors that every further row would meet as well: they end the evaluation."""
_HOPELESS = 10
"""Rows that must all have failed, with none that went well, before the evaluation gives up."""


@dataclass(frozen=True)
class Cell:
    """What came of one row. `outputs` are the prediction's fields as JSON; `tape` is kept in memory only."""

    example: str
    score: Score | None
    error: str | None = None
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    outputs: Json = None
    tape: Tape | None = None
    prediction: Prediction | None = None

    def record(self) -> dict[str, Json]:
        """What the ledger keeps of the cell."""
        return {
            "example": self.example,
            "score": None if self.score is None else plain(self.score),
            "error": self.error,
            "usage": plain(self.usage),
            "seconds": round(self.seconds, 6),
            "outputs": self.outputs,
        }

    @classmethod
    def recorded(cls, body: Any) -> Cell:
        """The cell that `record` has written, without tape and prediction."""
        score = None if body["score"] is None else Score(**body["score"])
        return cls(body["example"], score, body["error"], Usage(**body["usage"]), body["seconds"], body["outputs"])


async def run_row(program: Module, example: Example, metric: Metric, *, compiling: bool = False) -> Cell:
    """Run the program on one row under a tape of its own, and measure. Only `FATAL` errors are raised."""
    started = time.monotonic()
    inputs = example.inputs().toDict()
    tape = Tape(program, inputs)
    score, error, prediction = None, None, None
    try:
        with context(tape=tape):
            made = await foreign(program.acall(**inputs), ProgramError, "the program")
            prediction = _prediction(made, tape)
            score = await measure(metric, example, prediction, tape, compiling=compiling)
    except FATAL:
        raise
    except AdjointError as caught:
        error = f"{type(caught).__name__}: {caught}"
    outputs = None if prediction is None else plain(prediction.toDict())
    return Cell(id_of(example), score, error, tape.usage(), time.monotonic() - started, outputs, tape, prediction)


async def run_cells(
    jobs: Sequence[tuple[Module, Example]], metric: Metric, *, limit: int = CONCURRENCY, compiling: bool = False
) -> AsyncIterator[tuple[int, Cell]]:
    """Run programs on rows, at most `limit` at once; gives `(position, cell)` as they end.

    If the first cells all fail the rest is not tried: the first error is raised, since nothing can be said of the program.
    """
    failed: list[Cell] = []
    succeeded = False

    async def one(job: tuple[Module, Example]) -> Cell:
        return await run_row(job[0], job[1], metric, compiling=compiling)

    async for outcome in Local().map(one, jobs, limit=limit):
        cell = outcome.value
        succeeded = succeeded or cell.error is None
        if cell.error is not None:
            failed.append(cell)
        if not succeeded and len(failed) >= min(_HOPELESS, len(jobs)):
            message = f"all of the first {len(failed)} rows failed, so the run stops. The first said: {failed[0].error}"
            raise ProgramError(message)
        yield outcome.index, cell


def _prediction(made: Any, tape: Tape) -> Prediction:
    """What the program returned as a prediction; a bare value becomes its only output."""
    if isinstance(made, Prediction):
        return made
    fields = made.toDict() if hasattr(made, "toDict") else made if isinstance(made, dict) else {"output": made}
    prediction = Prediction(fields)
    prediction._tape = tape
    return prediction
