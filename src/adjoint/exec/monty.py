"""The sandbox: code runs in worker processes of pydantic-monty, without files, network or modules of this process."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adjoint.base.deps import need
from adjoint.base.errors import UsageError
from adjoint.exec.interpreter import Ran

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SHOWN = 1_000_000
"""Bytes that one run may print."""
_GRACE = 5.0
"""Seconds after its limit at which a worker that does not end itself is killed."""
_ITEMS, _DEPTH, _BITS = 1_000_000, 100, 10_000
"""How many items a value that leaves the sandbox may have when it is written out, how deep they may lie, how long a number may be."""


class MontyInterpreter:
    """Sessions in worker processes of their own, at most `processes` at once; further ones wait.

    `seconds` is the time that one run may compute, `memory` the bytes that it may hold. After a run that breaks a limit,
    or brings its worker down, the session goes on in a fresh worker without its variables.
    """

    def __init__(self, *, seconds: float = 10.0, memory: int = 256 << 20, processes: int = 4) -> None:
        if seconds <= 0 or memory <= 0 or processes < 1:
            message = f"seconds={seconds}, memory={memory} and processes={processes} must be positive."
            raise UsageError(message)
        self.seconds, self.memory = seconds, memory
        self._slots = threading.BoundedSemaphore(processes)
        self._monty = need("pydantic_monty", extra="sandbox", why="programs that run code")

    @contextlib.contextmanager
    def session(self, functions: Mapping[str, Callable[..., Any]]) -> Iterator[_Session]:
        """A session of its own, in a worker that ends with it."""
        with self._slots:
            made = _Session(self, dict(functions))
            try:
                yield made
            finally:
                made.close()


class _Session:
    def __init__(self, owner: MontyInterpreter, functions: dict[str, Callable[..., Any]]) -> None:
        self.owner, self.monty = owner, owner._monty
        self.functions = {name: self._bounded(call) for name, call in functions.items()}
        self._open = contextlib.ExitStack()
        self._worker: Any = None

    def close(self) -> None:
        self._open.close()
        self._worker = None

    def run(self, code: str, variables: Mapping[str, Any] | None = None) -> Ran:
        said = self.monty.CollectString(max_bytes=_SHOWN)
        try:
            value = self._ready().feed_run(
                code, inputs=dict(variables or {}), external_lookup=self.functions, print_callback=said
            )
        except self.monty.MontyCrashedError as error:
            self.close()
            return Ran(said.output, error=f"the worker ended ({error}); all variables are gone.")
        except self.monty.MontyError as error:
            text = (
                error.display("type-msg")
                if isinstance(error, self.monty.MontyRuntimeError | self.monty.MontySyntaxError)
                else str(error)
            )
            if text.startswith(("TimeoutError", "MemoryError")):
                self.close()  # a run that was stopped in the middle leaves nothing to rely on
                text += " All variables are gone."
            return Ran(said.output, error=text)
        try:
            _refuse_endless(value, self.owner.memory)
        except ValueError as error:
            return Ran(said.output, error=f"ValueError: {error}")
        return Ran(said.output, value)

    def _bounded(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The function, which refuses arguments that this process could not write out."""

        @functools.wraps(call)
        def bounded(*args: Any, **kwargs: Any) -> Any:
            _refuse_endless([args, kwargs], self.owner.memory)
            return call(*args, **kwargs)

        return bounded

    def _ready(self) -> Any:
        if self._worker is None:
            pool = self._open.enter_context(
                self.monty.Monty(min_processes=1, max_processes=1, request_timeout=self.owner.seconds + _GRACE)
            )
            limits = {"max_feed_duration_secs": self.owner.seconds, "max_memory": self.owner.memory}
            self._worker = self._open.enter_context(pool.checkout(limits=limits))
        return self._worker


def _refuse_endless(value: Any, characters: int) -> None:
    """Raise `ValueError` for a value that is small in the sandbox and would fill this process: lists share, text does not."""
    waiting, items = [(value, 0)], 0
    while waiting:
        one, depth = waiting.pop()
        items += 1
        characters -= len(one) if isinstance(one, str | bytes) else 0
        inner = _inside(one)
        long = isinstance(one, int) and one.bit_length() > _BITS
        if long or depth > _DEPTH or characters < 0 or items + len(waiting) + len(inner) > _ITEMS:
            message = "the value is too large, too deep or too long a number to leave the sandbox; pass or print the part that you need."
            raise ValueError(message)
        waiting += [(item, depth + 1) for item in inner]


def _inside(value: Any) -> list[Any]:
    """What a container holds, and an exception or an object of the sandbox."""
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    return (
        [getattr(value, "args", ()), getattr(value, "attributes", ())]
        if not isinstance(value, str | bytes | int | float | None)
        else []
    )
