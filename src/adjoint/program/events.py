"""Events: who is interested hears of the start and the end of every module, adapter, tool and LM call, and of evaluations."""

from __future__ import annotations

import uuid
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from adjoint.base.errors import ProgramError
from adjoint.base.foreign import foreign_call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

_call: ContextVar[str | None] = ContextVar("adjoint_call", default=None)


class BaseCallback:
    """What a callback may hear: override what you need. `configure(callbacks=[...])` or `context(callbacks=[...])` uses it.

    `call_id` is the same at the start and the end of one call; `active_call()` is the call around it.
    """

    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None: ...
    def on_module_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None: ...
    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None: ...
    def on_lm_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None: ...
    def on_adapter_format_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None: ...
    def on_adapter_format_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None: ...
    def on_adapter_parse_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None: ...
    def on_adapter_parse_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None: ...
    def on_tool_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None: ...
    def on_tool_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None: ...
    def on_evaluate_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None: ...
    def on_evaluate_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None: ...


class Span:
    """A call under way; whoever makes it says what came of it. By itself it tells nobody."""

    __slots__ = ("outputs",)
    outputs: Any

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


def active_call() -> str | None:
    """The id of the call around, if callbacks are used."""
    return _call.get()


def span(callbacks: Sequence[Any], kind: str, instance: Any, inputs: Mapping[str, Any]) -> AbstractContextManager[Span]:
    """Tell the callbacks of the start, and of the end with its outputs or its exception."""
    return _told(callbacks, kind, instance, inputs) if callbacks else Span()


@contextmanager
def _told(callbacks: Sequence[Any], kind: str, instance: Any, inputs: Mapping[str, Any]) -> Iterator[Span]:
    made = Span()
    made.outputs = None
    call_id = uuid.uuid4().hex
    _tell(callbacks, f"on_{kind}_start", call_id=call_id, instance=instance, inputs=dict(inputs))
    token = _call.set(call_id)
    raised: BaseException | None = None
    try:
        yield made
    except BaseException as error:
        raised = error
        raise
    finally:
        _call.reset(token)
        _tell(callbacks, f"on_{kind}_end", call_id=call_id, outputs=made.outputs, exception=raised)


def _tell(callbacks: Sequence[Any], name: str, **said: Any) -> None:
    for callback in callbacks:
        method = getattr(callback, name, None)
        if method is None:
            continue
        try:
            foreign_call(partial(method, **said), ProgramError, f"the callback {type(callback).__name__}.{name}")
        except ProgramError as error:  # who only listens must not stop the program
            warnings.warn(str(error), RuntimeWarning, stacklevel=2)
