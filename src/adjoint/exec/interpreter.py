"""What runs code that a model has written: an interpreter opens sessions, and a session keeps its variables between runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a run: what was printed, the value of the last expression, or the error in words."""

    output: str = ""
    value: Any = None
    error: str | None = None


class Session(Protocol):
    """A running interpreter. Its methods block, and are called from one thread at a time."""

    def run(self, code: str, variables: Mapping[str, Any] | None = None) -> Ran:
        """Run code, with `variables` set before. What the code raises is an outcome, not an exception."""
        ...


class Interpreter(Protocol):
    """Opens sessions in which `functions`, and nothing else of this process, can be called."""

    def session(self, functions: Mapping[str, Callable[..., Any]]) -> AbstractContextManager[Session]: ...
