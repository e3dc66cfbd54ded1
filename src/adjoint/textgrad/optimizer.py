"""`tg.optimizer`: optimizers of Variables, and the base class of users' own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from adjoint.optim.replies import TAGS
from adjoint.optim.strategies import tgd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adjoint.autograd.variable import Variable

__all__ = ["TGD", "Optimizer", "TextualGradientDescent", "TextualGradientDescentwithMomentum"]


class TextualGradientDescent(tgd.TextualGradientDescent):
    """`adjoint.TGD`, which names TextGrad's tags to the engine: those written for TextGrad look for them. A reply may leave them out."""

    hint = TAGS


class TextualGradientDescentwithMomentum(tgd.TextualGradientDescentwithMomentum):
    """The same with momentum."""

    hint = TAGS


TGD = TextualGradientDescent


class Optimizer(ABC):
    """Base class of optimizers by hand: subclasses write `step`."""

    def __init__(self, parameters: Iterable[Variable]) -> None:
        self.parameters = list(parameters)

    def zero_grad(self) -> None:
        for one in self.parameters:
            one.reset_gradients()

    @abstractmethod
    def step(self) -> object: ...
