"""What the ledger keeps beside replies: runs, and the events of each run in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.base.json import Json

Kind: TypeAlias = Literal["begin", "candidate", "cell", "gradient", "training", "decision", "spend", "end"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened in a run. `seq` grows within the ledger; `at` is in seconds since the epoch."""

    seq: int
    run: str
    at: float
    kind: Kind
    body: Mapping[str, Json]
