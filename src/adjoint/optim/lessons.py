"""What runs on feedback rows have to teach: their losses, and from these the gradients of the program's texts by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.autograd.losses import failed, feedback_of, measured
from adjoint.autograd.walk import Walk
from adjoint.base.errors import LMError, MetricError
from adjoint.optim.copies import Sources
from adjoint.optim.tally import note_down

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from adjoint.autograd.plan import Policy
    from adjoint.autograd.variable import Variable
    from adjoint.base.errors import AdjointError
    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.lm.base import BaseLM
    from adjoint.program.parameter import Gradient


async def gradients(
    rows: Sequence[Example], cells: Sequence[Cell], engine: BaseLM | None, policy: Policy = "fused"
) -> dict[str, list[Gradient]]:
    """Walk back from every run that is not perfect or broke; gradients by name of parameter, in the order of the calls."""
    walk = Walk(engine, policy)
    losses = [loss for row, cell in zip(rows, cells, strict=True) if (loss := loss_of(row, cell)) is not None]
    if not losses:
        return {}
    await walk.run([(loss.node, feedback_of(loss)) for loss in losses])
    note_down(walk.attempts - len(walk.failures), walk.failures)
    names = {id(parameter): name for cell in cells if cell.tape for name, parameter in cell.tape.root.named_parameters()}  # type: ignore[union-attr]
    found: dict[str, list[Gradient]] = {}
    for _, _, parameter, gradient in sorted(walk.landed, key=lambda item: (item[0], item[1])):
        if id(parameter) in names:
            found.setdefault(names[id(parameter)], []).append(gradient)
    sources, given = Sources(rows), {feedback_of(loss).text for loss in losses}
    return {name: _untainted(told, sources, given) for name, told in found.items()}


def _untainted(told: list[Gradient], sources: Sources, given: Collection[str]) -> list[Gradient]:
    """Without critiques that repeat a row, which may be what the row tells the critic to say; unless there are no others.

    What the metric has `given` is no critique, and may show what was expected.
    """
    return [one for one in told if one.text in given or not sources.has_copy(one.text)] or told


def loss_of(row: Example, cell: Cell) -> Variable | None:
    """What a row has to teach: its score, or the error of a call that the program could have avoided."""
    if cell.score is not None and cell.prediction is not None:
        return measured(row, cell.prediction, cell.score.value, cell.score.feedback) if cell.score.value < 1.0 else None
    return failed(cell.tape, row) if is_avoidable(cell) and cell.tape is not None else None


def is_avoidable(cell: Cell) -> bool:
    """Whether a run failed in a way that another text could help: no outage, and no mistake of the metric."""
    return cell.error is not None and not cell.error.startswith(_OUTAGES)


def _names(error: type[AdjointError]) -> list[str]:
    return [f"{error.__name__}:", *(name for kind in error.__subclasses__() for name in _names(kind))]


_OUTAGES = (*_names(LMError), *_names(MetricError))
"""Errors that no text can help."""
