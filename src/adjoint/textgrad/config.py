"""`tg.config`: the backward engine of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoint.autograd.engine import backward_engine, set_backward_engine

if TYPE_CHECKING:
    from adjoint.autograd.engine import Engine
    from adjoint.lm.base import BaseLM
__all__ = ["SingletonBackwardEngine", "set_backward_engine", "singleton_backward_engine"]


class SingletonBackwardEngine:
    """TextGrad's handle on what `set_backward_engine` has set."""

    def set_engine(self, engine: Engine, *, override: bool = False) -> None:
        set_backward_engine(engine, override=override)

    def get_engine(self) -> BaseLM | None:
        return backward_engine()


singleton_backward_engine = SingletonBackwardEngine()
