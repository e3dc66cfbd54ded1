"""Functions of Variables in TextGrad's form: a forward that makes a Variable, a backward that adds to the gradients behind it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from adjoint.autograd.named import direct
from adjoint.autograd.rules import merge
from adjoint.base.errors import GradientError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.program.context import context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.autograd.rules import Target
    from adjoint.autograd.variable import Variable
    from adjoint.lm.base import BaseLM
    from adjoint.program.parameter import Gradient
    from adjoint.program.tape import Node

_turn = threading.Lock()
"""Backward functions write to Variables that they share, so they run one after the other."""


class Function(ABC):
    """Base class of functions by hand.

    `forward` makes a Variable with `predecessors` and gives it a `set_grad_fn(BackwardContext(self.backward, ...))`.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    @abstractmethod
    def forward(self, *args: Any, **kwargs: Any) -> Variable: ...

    @abstractmethod
    def backward(self, *args: Any, **kwargs: Any) -> None: ...


class BackwardContext:
    """A backward function and what it will be told, besides the engine."""

    def __init__(self, backward_fn: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        self.backward_fn, self.args, self.kwargs = backward_fn, args, kwargs

    def __call__(self, backward_engine: Any) -> None:
        self.backward_fn(*self.args, **self.kwargs, backward_engine=backward_engine)

    def __repr__(self) -> str:
        return f"{self.backward_fn.__module__}.{self.backward_fn.__qualname__}"


@dataclass(frozen=True, eq=False)
class GradFnRule:
    """The rule of a Variable with a `grad_fn`: what this adds to the gradients of the predecessors is what each of them is told."""

    made: Variable
    grad_fn: Callable[..., None]

    async def __call__(
        self, node: Node, incoming: Sequence[Gradient], targets: Sequence[Target], engine: BaseLM | None
    ) -> dict[str, Gradient]:
        with context(role="critic", tape=None):
            called = portal.in_thread(_added, self.made, incoming, self.grad_fn, direct(engine))
            said = await foreign(called, GradientError, f"the grad_fn of the {self.made.role_description}")
        merged = merge(incoming)
        told = {target.name: _told(node, target.name, said) for target in targets}
        return {name: replace(merged, target=name, text=text) for name, text in told.items() if text}


def _told(node: Node, name: str, said: Sequence[tuple[Variable, str]]) -> str:
    """What the predecessors that a target of the node stands for were told."""
    behind = [edge.source for edge in node.parents.get(name.removeprefix("input "), ())]
    read = [read.parameter for read in node.reads if read.name == name]
    return "\n".join(text for one, text in said if text and (one.node in behind or one.parameter in read))


def _added(made: Variable, incoming: Sequence[Gradient], grad_fn: Callable[..., None], engine: Any) -> list[tuple[Variable, str]]:
    """What `grad_fn` adds to each predecessor. It finds the gradients of `made` on it; all are left as they were."""
    touched = [made, *made.predecessors]
    with _turn:
        before = [one.parameter.grad for one in touched]
        try:
            made.gradients = incoming
            for one in made.predecessors:
                one.gradients = ()
            grad_fn(backward_engine=engine)
            return [(one, one.get_gradient_text()) for one in made.predecessors]
        finally:
            for one, grad in zip(touched, before, strict=True):
                one.parameter.grad = grad
