"""Many calls of modules at once: results in order, failures as data."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from adjoint.base.errors import FATAL, AdjointError, ProgramError, TransportError, UsageError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.data.records import Example
from adjoint.exec.local import Local
from adjoint.program.context import CONCURRENCY, current
from adjoint.program.prediction import Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.program.module import Module

Pair: TypeAlias = "tuple[Module | Callable[..., Any], Any]"
"""What is called, and with what."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that failed: its place, what it was given, and the error."""

    index: int
    example: Any
    error: AdjointError

    def __str__(self) -> str:
        return f"call {self.index}: {type(self.error).__name__}: {self.error}"


class Results(list[Any]):
    """Results in the order of the calls, None where one failed; `failures` says which and why."""

    def __init__(self, values: Sequence[Any], failures: Sequence[Failure]) -> None:
        super().__init__(values)
        self.failures = list(failures)

    def apart(self) -> tuple[list[Any], list[Exception]]:
        """What failed, and what was raised there: an exception of the user's own as such."""
        return [failure.example for failure in self.failures], [raised(failure.error) for failure in self.failures]


def raised(error: AdjointError) -> Exception:
    """What the program raised itself, if that is what the error tells of."""
    return error.__cause__ if isinstance(error, ProgramError) and isinstance(error.__cause__, Exception) else error


@dataclass(frozen=True)
class Options:
    """How calls are made: at once, with which deadline in seconds, and how many may fail before no more are made."""

    num_threads: int | None = None
    max_errors: int | None = None
    timeout: float | None = None
    provide_traceback: bool = False
    access_examples: bool = True
    """Whether an example gives its inputs, or is itself what a module is called with."""


async def run_all(pairs: Sequence[Pair], options: Options) -> Results:
    """Call each module, or function, with its inputs.

    A call that takes longer than `timeout` fails; it is never made a second time. When more than `max_errors` have
    failed no further call begins, and `ProgramError` tells of the first failure. Fatal errors are raised at once.
    """
    most = current().max_errors if options.max_errors is None else options.max_errors
    found: list[Any] = [None] * len(pairs)
    failures: list[Failure] = []

    async def one(item: tuple[int, Pair]) -> tuple[int, Any]:
        index, (module, given) = item
        try:
            return index, await foreign(_call(module, given, options), ProgramError, "the program")
        except FATAL:
            raise
        except AdjointError as error:
            if options.provide_traceback:
                error.add_note("".join(traceback.format_exception(error.__cause__ or error)))
            return index, Failure(index, given, error)

    limit = options.num_threads or current().num_threads or CONCURRENCY
    async with contextlib.aclosing(Local().map(one, enumerate(pairs), limit=limit)) as outcomes:
        async for outcome in outcomes:
            index, value = outcome.value
            if isinstance(value, Failure):
                failures.append(value)
                if most is not None and len(failures) > most:
                    message = f"more than {most} calls failed. The first said: {failures[0]}"
                    raise ProgramError(message) from failures[0].error
            else:
                found[index] = value
    return Results(found, sorted(failures, key=lambda failure: failure.index))


async def _call(module: Module | Callable[..., Any], given: Any, options: Options) -> Any:
    args, inputs = _arguments(given) if options.access_examples or not isinstance(given, Example) else ((given,), {})
    acall = getattr(module, "acall", None)
    try:
        async with asyncio.timeout(options.timeout) as clock:
            return await (portal.in_thread(module, *args, **inputs) if acall is None else acall(*args, **inputs))
    except TimeoutError as error:
        if not clock.expired():
            raise
        message = f"it did not end within {options.timeout:g} s."
        raise TransportError(message) from error


def _arguments(given: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """An example gives its inputs, a mapping is the inputs, a tuple or list is positional."""
    if isinstance(given, Example) and not isinstance(given, Prediction):
        return (), dict(given.inputs())
    if isinstance(given, Mapping):
        return (), dict(given)
    if isinstance(given, tuple | list):
        return tuple(given), {}
    message = f"a call is given an Example, a mapping of inputs or a tuple of them, not {given!r:.80}."
    raise UsageError(message)
