"""What an executor is: something that runs a task for many items, some at once, and gives the outcomes as they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable

I = TypeVar("I")  # noqa: E741
R = TypeVar("R")


@dataclass(slots=True)
class Outcome(Generic[R]):
    """The result for the item at `index`."""

    index: int
    value: R


class Executor(Protocol):
    """Runs tasks. A task that raises ends the map: the others are cancelled and the error is passed on."""

    def map(self, task: Callable[[I], Coroutine[Any, Any, R]], items: Iterable[I], *, limit: int) -> AsyncIterator[Outcome[Any]]:
        """Run `task` for each item, at most `limit` at once, and give outcomes in the order in which they end."""
        ...
