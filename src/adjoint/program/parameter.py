"""Parameters: what an optimizer may change; and gradients: what it is told about them."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Kind: TypeAlias = Literal["text", "demos", "weights", "number"]
Verdict: TypeAlias = Literal["ok", "change", "not_mine"]


@dataclass(frozen=True, slots=True)
class Gradient:
    """Structured feedback on one value.

    `target` names the value, `example` the row that it comes from, `step` the call within the row. `score` is the row's
    score in [0, 1] (None where there is none), `severity` in [0, 1] how much it matters, `text` what should change.
    `context` is the call that it is about, where that is kept; feedback of one `group` is to be averaged.
    """

    target: str
    text: str
    verdict: Verdict = "change"
    severity: float = 1.0
    score: float | None = None
    example: str = ""
    step: int = 0
    context: str = ""
    group: str = ""

    @property
    def value(self) -> str:
        """TextGrad's name for the text."""
        return self.text

    def get_value(self) -> str:
        return self.text

    @property
    def role_description(self) -> str:
        """What a gradient is for, where TextGrad's users ask it as they ask a Variable."""
        return f"feedback on the {self.target}"

    def get_role_description(self) -> str:
        return self.role_description


class Parameter(Generic[T]):
    """A named, typed value that an optimizer may change.

    `role` says in words what the value is for. A parameter that is not `trainable` is left alone by every optimizer.
    """

    __slots__ = ("grad", "hooks", "kind", "role", "trainable", "value")

    def __init__(self, value: T, *, kind: Kind, role: str, trainable: bool = True) -> None:
        self.value = value
        self.kind: Kind = kind
        self.role = role
        self.trainable = trainable
        self.grad: list[Gradient] = []
        self.hooks: tuple[Callable[[Gradient], Gradient | str | None], ...] = ()

    def receive(self, gradient: Gradient) -> None:
        """Add a gradient, after every hook has seen it; a Gradient or a text that a hook returns takes its place."""
        for hook in self.hooks:
            said = hook(gradient)
            gradient = replace(gradient, text=said) if isinstance(said, str) else said or gradient
        self.grad.append(gradient)

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """All but the hooks, which are functions of this process."""
        return None, {**{name: getattr(self, name) for name in self.__slots__}, "hooks": ()}

    def __repr__(self) -> str:
        return f"Parameter({self.value!r}, kind={self.kind!r}, role={self.role!r}, trainable={self.trainable})"

    def copy(self) -> Parameter[T]:
        """The same value as a parameter of its own, without gradients."""
        value = copy.deepcopy(self.value)  # demos are changed in place by users; a copy must not share them
        return Parameter(value, kind=self.kind, role=self.role, trainable=self.trainable)


class Number(Parameter[float]):
    """A number that an optimizer may move within [`low`, `high`]: a threshold, a cut, a weight, a temperature.

    As an option of a predictor it becomes an option of each request: `Predict("q -> a", temperature=Number(0.7, low=0, high=1.5))`.
    Raises `ValueError` for a value outside its bounds.

    >>> Number(0.5, low=0, high=1, role="threshold").spread(5)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """

    __slots__ = ("high", "low")

    def __init__(self, value: float, *, low: float, high: float, role: str = "number", trainable: bool = True) -> None:
        super().__init__(value, kind="number", role=role, trainable=trainable)
        if not low <= value <= high:
            message = f"the {role} {value} does not lie in [{low}, {high}]; give a value within the bounds."
            raise ValueError(message)
        self.low, self.high = low, high

    def spread(self, count: int) -> list[float]:
        """So many values from `low` to `high`, evenly; `count` >= 2."""
        return [self.low + (self.high - self.low) * step / (count - 1) for step in range(count)]

    def copy(self) -> Number:
        return Number(self.value, low=self.low, high=self.high, role=self.role, trainable=self.trainable)
