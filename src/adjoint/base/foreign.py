"""Other people's code: the one place where any exception is caught, to give it a name and a place in the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from adjoint.base.errors import AdjointError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


async def foreign(work: Awaitable[T], error: type[AdjointError], who: str) -> T:
    """Await code that the user wrote; whatever it raises becomes `error`, which names `who` and what was raised.

    Adjoint's own errors pass unchanged, so that a language model's failure inside user code stays what it is.
    """
    try:
        return await work
    except AdjointError:
        raise
    except Exception as raised:
        message = f"{who} raised {type(raised).__name__}: {raised}"
        raise error(message) from raised


def foreign_call(function: Callable[[], T], error: type[AdjointError], who: str) -> T:
    """`foreign` for code that is called and not awaited."""
    try:
        return function()
    except AdjointError:
        raise
    except Exception as raised:
        message = f"{who} raised {type(raised).__name__}: {raised}"
        raise error(message) from raised
