"""`tg.config`: the backward engine of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from adjoint.autograd.engine import backward_engine, engine_of, given, set_backward_engine
from adjoint.autograd.named import direct
from adjoint.base.errors import NoLMError

if TYPE_CHECKING:
    from typing import Self

    from adjoint.autograd.engine import Engine

__all__ = ["SingletonBackwardEngine", "set_backward_engine", "singleton_backward_engine", "validate_engine_or_get_default"]


class SingletonBackwardEngine:
    """TextGrad's handle on what `set_backward_engine` has set. There is one of it."""

    _one: ClassVar[Any] = None

    def __new__(cls) -> Self:
        cls._one = cls._one or super().__new__(cls)
        return cast("Self", cls._one)

    def set_engine(self, engine: Engine | None, override: bool = False) -> None:  # noqa: FBT001, FBT002 - TextGrad's
        set_backward_engine(engine, override)

    def get_engine(self) -> Any:
        """The engine as it was given, to be asked as TextGrad's engines are; None if none was."""
        return given(backward_engine())

    @property
    def engine(self) -> Any:
        return self.get_engine()

    @engine.setter
    def engine(self, engine: Engine | None) -> None:
        set_backward_engine(engine)


singleton_backward_engine = SingletonBackwardEngine()


def validate_engine_or_get_default(engine: Engine | None) -> Any:
    """The engine that is meant, by default that of `set_backward_engine`, to be asked as TextGrad's engines are."""
    found = engine_of(engine) or backward_engine()
    if found is None:
        message = "there is no engine: give one, or say adjoint.set_backward_engine(engine) first."
        raise NoLMError(message)
    return direct(found)
