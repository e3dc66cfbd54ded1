"""`tg.config`: the backward engine of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import backward_engine, engine_of, set_backward_engine
from adjoint.base.errors import NoLMError
from adjoint.lm.engine import Engine as Made

if TYPE_CHECKING:
    from adjoint.autograd.engine import Engine
    from adjoint.lm.base import BaseLM
__all__ = ["SingletonBackwardEngine", "set_backward_engine", "singleton_backward_engine", "validate_engine_or_get_default"]


class SingletonBackwardEngine:
    """TextGrad's handle on what `set_backward_engine` has set."""

    def set_engine(self, engine: Engine, *, override: bool = False) -> None:
        set_backward_engine(engine, override=override)

    def get_engine(self) -> Any:
        """The engine as it was given, to be asked as TextGrad's engines are; None if none was."""
        return _given(backward_engine())


singleton_backward_engine = SingletonBackwardEngine()


def validate_engine_or_get_default(engine: Engine | None) -> Any:
    """The engine that is meant, by default that of `set_backward_engine`, to be asked as TextGrad's engines are."""
    found = engine_of(engine) or backward_engine()
    if found is None:
        message = "there is no engine: give one, or say adjoint.set_backward_engine(engine) first."
        raise NoLMError(message)
    return _given(found)


def _given(lm: BaseLM | None) -> Any:
    """What the user has given where this house has made a language model of it."""
    return lm.function if isinstance(lm, Made) else lm
