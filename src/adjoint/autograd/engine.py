"""Engines: who answers explicit calls and who writes critiques, by name, as a language model, or in TextGrad's form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from adjoint.base.errors import UsageError
from adjoint.lm.engine import as_lm

if TYPE_CHECKING:
    from adjoint.lm.base import BaseLM

Engine: TypeAlias = Any
"""A name ("provider/model"), an LM, an object with `generate(prompt, system_prompt=None)`, or such a function."""

_engine: dict[str, BaseLM] = {}


def engine_of(engine: Engine | None) -> BaseLM | None:
    """The LM that is meant; None stays None, which is the LM of the context."""
    if engine is None:
        return None
    if isinstance(engine, str):
        from adjoint.program.lm import LM

        named: BaseLM = LM(engine)
        return named
    found = as_lm(engine)
    if found is None:
        message = f"{engine!r} is no engine; give a name, an LM, or a function (prompt, system_prompt=None) -> text."
        raise UsageError(message)
    return found


def get_engine(name: Engine, **options: Any) -> BaseLM:
    """The LM of that name (`LM(name)`); an LM or another engine is taken as it is."""
    from adjoint.program.lm import LM

    if isinstance(name, str):
        return LM(name, **options)
    found = engine_of(name)
    if found is None:
        message = "get_engine needs a name, such as 'openai/any-model', or an engine."
        raise UsageError(message)
    return found


def set_backward_engine(engine: Engine, *, override: bool = True) -> None:
    """The LM that writes critiques, for the whole process; without one the LM of the context does.

    With `override=False` one that is already set stays.
    """
    if override or "engine" not in _engine:
        chosen = engine_of(engine)
        if chosen is not None:
            _engine["engine"] = chosen


def backward_engine() -> BaseLM | None:
    """The LM of `set_backward_engine`, if there is one."""
    return _engine.get("engine")
