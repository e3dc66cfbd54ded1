"""`settings`: the context in force, read and changed as DSPy's programs do it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from adjoint.adapters.own import Ported
from adjoint.program.context import IN_ANY_CASE, Context, configure, context, current
from adjoint.program.prediction import Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

_NAMES = tuple(item.name for item in fields(Context))


class Settings:
    """`settings.lm`, `settings["lm"]` and `settings.get("lm")` are the values in force here; setting one configures it.

    `settings.trace` has the calls that were recorded since `context(trace=[])`, or in the program around, as
    `(predictor, inputs, prediction)`; None where nothing is recorded.
    """

    def __getattr__(self, name: str) -> Any:
        if name == "trace":
            return _trace()
        if name in IN_ANY_CASE:
            return IN_ANY_CASE[name]
        if name not in _NAMES:
            message = f"there is no setting {name!r}; there are {', '.join(_NAMES)}."
            raise AttributeError(message)
        found = getattr(current(), name)
        return found.own if isinstance(found, Ported) else found

    def __setattr__(self, name: str, value: Any) -> None:
        configure(**{name: value})

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return getattr(self, name)

    __setitem__ = __setattr__

    def __contains__(self, name: object) -> bool:
        return name == "trace" or name in IN_ANY_CASE or name in _NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={getattr(self, name)!r}' for name in ('lm', 'adapter', 'rm'))})"

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a setting, or `default` where it has none."""
        found = getattr(self, name, None)
        return default if found is None else found

    def keys(self) -> tuple[str, ...]:
        return _NAMES

    def copy(self) -> dict[str, Any]:
        """The settings in force, as a plain dictionary: `context(**settings.copy())` sets them again elsewhere."""
        return {name: getattr(self, name) for name in _NAMES}

    def configure(self, **changes: Any) -> None:
        """`adjoint.configure`."""
        configure(**changes)

    def context(self, **changes: Any) -> AbstractContextManager[Context]:
        """`adjoint.context`."""
        return context(**changes)


def _trace() -> list[tuple[Any, dict[str, Any], Prediction]] | None:
    tape = current().tape
    if tape is None:
        return None
    asked = (node for node in tape.nodes if node.op == "predict" and node.outputs)
    return [(node.module, dict(node.inputs), Prediction.of(dict(node.outputs), node, tape)) for node in asked]


settings = Settings()
"""The one of the process; it keeps nothing itself."""
