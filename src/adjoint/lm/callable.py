"""Any function as a language model: from a prompt to a text, or from a request to a response."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from adjoint.base.errors import LMError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.lm import wire
from adjoint.lm.types import Response, Usage

if TYPE_CHECKING:
    from adjoint.lm.types import Request

Function: TypeAlias = Callable[[Any], str | Response | Awaitable[str | Response]]


class CallableLM:
    """A function that answers. A synchronous one runs in a thread of its own, so it may take its time.

    It gets the prompt (the texts of all messages, with blank lines between) or, with `takes="request"`, the whole
    `Request`; by default a first parameter annotated as `Request` decides. What it raises becomes an `LMError` with its
    name. Without an `identity` its replies are never kept, since nobody knows when the function changes.

    >>> import asyncio
    >>> from adjoint.lm.types import Message, Request
    >>> asyncio.run(CallableLM(str.upper)(Request((Message("user", "hello"),)))).text
    'HELLO'
    """

    def __init__(
        self,
        function: Function,
        *,
        name: str | None = None,
        identity: str | None = None,
        takes: Literal["prompt", "request"] | None = None,
    ) -> None:
        self.function = function
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        self.identity = identity
        self.takes = takes or ("request" if _wants_request(function) else "prompt")

    def __repr__(self) -> str:
        return f"CallableLM({self.name!r})"

    async def __call__(self, request: Request, /) -> Response:
        prompt = "\n\n".join(message.text for message in request.messages)
        if self.takes == "prompt":
            wire.only_text(request.messages, f"the function {self.name}")
        answer = await foreign(self._call(request if self.takes == "request" else prompt), LMError, f"the function {self.name}")
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, str):
            usage = Usage(1, wire.estimate(prompt), wire.estimate(answer))
            return Response(answer, usage=usage, model=self.name)
        message = f"the function {self.name} returned a {type(answer).__name__}, which is no text and no Response."
        raise LMError(message)

    async def _call(self, given: Request | str) -> object:
        if inspect.iscoroutinefunction(self.function) or inspect.iscoroutinefunction(getattr(self.function, "__call__", None)):  # noqa: B004
            made = self.function(given)
        else:
            made = await portal.in_thread(self.function, given)
        return await made if inspect.isawaitable(made) else made


def _wants_request(function: Function) -> bool:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # built in functions may have no signature
        return False
    annotation = parameters[0].annotation if parameters else None
    return getattr(annotation, "__name__", annotation) in ("Request", "adjoint.lm.types.Request")
