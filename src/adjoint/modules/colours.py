"""asyncify and syncify: the other colour of a program or function."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from adjoint.base.portal import portal
from adjoint.program.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable


def asyncify(program: Any) -> Callable[..., Any]:
    """A program or a function as an asynchronous function; what may block gets a thread of its own."""
    if isinstance(program, Module):
        return program.acall
    function: Callable[..., Any] = program
    if inspect.iscoroutinefunction(function):
        return function

    async def call(*args: Any, **inputs: Any) -> Any:
        return await portal.in_thread(function, *args, **inputs)

    return call


def syncify(program: Any, *, in_place: bool = True) -> Any:
    """A program or an asynchronous function as one to call without `await`. Programs have both colours already."""
    del in_place
    if isinstance(program, Module):
        return program

    def call(*args: Any, **inputs: Any) -> Any:
        return portal.run(program(*args, **inputs))

    return call
