"""One training run as data: what goes in, what happens step by step, what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from adjoint.optim.weights.recipe import Recipe
    from adjoint.optim.weights.rows import Row


@dataclass(frozen=True)
class Step:
    """What happened in one step: its loss before the update, and the loss on the rows held back where it was measured."""

    number: int
    total: int
    loss: float
    validation: float | None = None


@dataclass(frozen=True)
class Task:
    """One training run in this process.

    `start` are weights to begin with, `moments` AdamW's state to go on with, `reference` the weights that DPO and GRPO compare
    with (None: the checkpoint's own). `snapshots` is how many weights come of it: those at the end, and others at equal
    distances before. `folder` gets the checkpoint.
    """

    recipe: Recipe
    rows: Sequence[Row]
    folder: Path
    start: str | None = None
    moments: str | None = None
    reference: str | None = None
    snapshots: int = 1
    on_step: Callable[[Step], None] = lambda _: None


@dataclass(frozen=True)
class Trained:
    """The weights at each snapshot, the last of them the result; AdamW's state after the last step; the loss curve."""

    weights: tuple[str, ...]
    moments: str
    curve: tuple[Step, ...] = field(repr=False)
