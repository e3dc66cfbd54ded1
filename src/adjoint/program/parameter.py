"""Parameters: what an optimizer may change; and gradients: what it is told about them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar

T = TypeVar("T")
Kind: TypeAlias = Literal["text", "demos", "weights", "number"]
Verdict: TypeAlias = Literal["ok", "change", "not_mine"]


@dataclass(frozen=True, slots=True)
class Gradient:
    """Structured feedback on one value.

    `target` names the value, `example` the row that it comes from, `step` the call within the row. `score` is the row's
    score in [0, 1] (None where there is none), `severity` in [0, 1] how much it matters, `text` what should change.
    """

    target: str
    text: str
    verdict: Verdict = "change"
    severity: float = 1.0
    score: float | None = None
    example: str = ""
    step: int = 0


class Parameter(Generic[T]):
    """A named, typed value that an optimizer may change.

    `role` says in words what the value is for. A parameter that is not `trainable` is left alone by every optimizer.
    """

    __slots__ = ("grad", "kind", "role", "trainable", "value")

    def __init__(self, value: T, *, kind: Kind, role: str, trainable: bool = True) -> None:
        self.value = value
        self.kind: Kind = kind
        self.role = role
        self.trainable = trainable
        self.grad: list[Gradient] = []

    def __repr__(self) -> str:
        return f"Parameter({self.value!r}, kind={self.kind!r}, role={self.role!r}, trainable={self.trainable})"

    def copy(self) -> Parameter[T]:
        """The same value as a parameter of its own, without gradients."""
        value = copy.deepcopy(self.value)  # demos are changed in place by users; a copy must not share them
        return Parameter(value, kind=self.kind, role=self.role, trainable=self.trainable)
