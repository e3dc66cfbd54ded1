"""Engines: who answers explicit calls and who writes critiques, by name, as a language model, or in TextGrad's form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

from adjoint.base.errors import UsageError
from adjoint.lm.engine import Engine as Made
from adjoint.lm.engine import as_lm
from adjoint.program.context import active_lm, current

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
        return get_engine(engine)
    from adjoint.autograd.named import NamedEngine

    found: BaseLM | None = engine if isinstance(engine, NamedEngine) else as_lm(engine)  # type: ignore[assignment]
    if found is None:
        message = f"{engine!r} is no engine; give a name, an LM, or a function (prompt, system_prompt=None) -> text."
        raise UsageError(message)
    return found


def get_engine(engine_name: Engine, **options: Any) -> BaseLM:
    """The LM of that name (`provider/model`, or TextGrad's: "gpt-4o"), with `generate`; another engine is taken as it is."""
    if isinstance(engine_name, str):
        from adjoint.autograd.chats import engine_named

        made: Any = engine_named(engine_name, **options)
        return cast("BaseLM", made)
    found = engine_of(engine_name)
    if found is None:
        message = "get_engine needs a name, such as 'openai/any-model', or an engine."
        raise UsageError(message)
    if options:
        message = f"{', '.join(options)} can be given with a name only; {found.name} is an engine already."
        raise UsageError(message)
    return found


def set_backward_engine(engine: Engine | None, override: bool = True, **options: Any) -> None:  # noqa: FBT001, FBT002 - TextGrad's
    """The LM that judges, criticises and rewrites, for the whole process; without one the LM of the context does.

    It also answers explicit calls where neither they nor the context have an LM. With `override=False` it is an error if
    one is already set. `options` are those of `get_engine`, for a name. None takes it away.
    """
    if not override and "engine" in _engine:
        message = "a backward engine is already set; override=True replaces it."
        raise UsageError(message)
    chosen = {} if engine is None else {"engine": get_engine(engine, **options)}
    _engine.clear()
    _engine.update(chosen)


def backward_engine() -> BaseLM | None:
    """The LM of `set_backward_engine`, if there is one."""
    return _engine.get("engine")


def answering(engine: BaseLM | None, role: str) -> BaseLM:
    """Who answers an explicit call: its own engine; else for a judge the backward engine, for others the context's LM first."""
    first, second = (backward_engine(), current().lm) if role == "judge" else (current().lm, backward_engine())
    return engine or first or second or active_lm()


def given(lm: BaseLM | None) -> Any:
    """What the user has given where this house has made a language model of it: what TextGrad's programs ask directly."""
    return lm.function if isinstance(lm, Made) else lm
