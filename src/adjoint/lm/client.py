"""What all clients of remote models share: one post for one reply, a stream of pieces, typed errors and the bill."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar
from urllib.parse import quote

from adjoint.base.errors import ServerError, UsageError
from adjoint.base.portal import portal
from adjoint.lm import guard, wire
from adjoint.lm.http import Endpoint, Timeouts, address, usable_key
from adjoint.lm.types import NO_USAGE, Estimate, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Mapping

    from adjoint.base.json import Json
    from adjoint.lm.types import Delta, Request, Response

T = TypeVar("T")

OURS = ("prompt_cache",)
"""Options that clients read themselves and never send as they are."""


class Assembly(Protocol):
    """Puts the events of a stream together to the body that the same reply has when it is not streamed.

    So there is one reader for both, and a streamed reply cannot mean something else. Both methods may raise `Malformed`.
    """

    def add(self, event: dict[str, Any], /) -> Delta | None:
        """Take one event; give the piece of text in it, if there is one."""
        ...

    def whole(self) -> dict[str, Any]:
        """The body, once the stream has ended; `Malformed` if it ended before the reply did."""
        ...


class Client(ABC):
    """One model at one address. Subclasses say how requests are written and replies read; this class does the rest.

    `price` is US dollars per million input and output tokens, if it is known. `timeout` is `Timeouts`, or seconds for the whole
    exchange. Calls may come from any event loop; the traffic runs on the portal's.
    """

    what: ClassVar[str]
    """What a good reply is called in an error message."""
    path: ClassVar[str]
    """The path behind the base URL; `{model}` stands for the model."""
    many: ClassVar[bool] = False
    """Whether the provider answers `n` > 1 in one call; where it does not, `n` calls are made at once."""

    def __init__(
        self,
        model: str,
        *,
        provider: str,
        base_url: str,
        api_key: str | None,
        timeout: float | Timeouts | None = None,
        price: tuple[float, float] | None = None,
    ) -> None:
        variable = key_variable(provider)
        key = usable_key(api_key, variable)
        path = self.path.replace("{model}", quote(model, safe="/:@"))
        url = address(self._base(base_url), path)
        self.model = model
        self.name = f"{provider}/{model}"
        self.identity = self._identity(url.removesuffix(path))
        self.price = price
        # Where no key is asked for, nobody sends a bill.
        self._free = key is None or guard.is_loopback(url)
        self._endpoint = Endpoint(
            url=url, headers=self._headers(key), key=key, key_variable=variable, timeouts=Timeouts.of(timeout)
        )
        self.ends_within = self._endpoint.timeouts.total  # `Timeout` leaves it to keep this limit

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.identity!r})"

    # What a subclass says ----------------------------------------------------------------------------------------

    @abstractmethod
    def payload(self, request: Request) -> dict[str, Any]:
        """What is sent: the messages and the options that are set, nothing else."""

    @abstractmethod
    def read(self, request: Request, data: dict[str, Any]) -> Response:
        """The reply in a body; `Malformed` if there is none."""

    @abstractmethod
    def assembly(self) -> Assembly:
        """A fresh assembly for one stream."""

    def streamed(self, payload: dict[str, Any]) -> tuple[Endpoint, dict[str, Any]]:
        """Where and how the same request is asked as a stream."""
        return self._endpoint, {**payload, "stream": True}

    def _headers(self, key: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _base(self, base_url: str) -> str:
        return base_url

    def _identity(self, base_url: str) -> str:
        return f"{self.name}@{base_url}"

    # What all do -------------------------------------------------------------------------------------------------

    async def __call__(self, request: Request, /) -> Response:
        return await portal.here(self._ask(request))

    async def stream(self, request: Request, /) -> AsyncGenerator[Delta | Response, None]:
        """The reply in pieces as they are written; the last item is the complete `Response`.

        Errors are the same as of a plain call and may come after some pieces. Close the generator (`aclosing`) to stop
        early; that ends the connection.
        """
        pieces = self._stream(request)
        try:
            while (item := await portal.here(_next(pieces))) is not None:
                yield item
        finally:
            await portal.here(pieces.aclose())

    async def _ask(self, request: Request) -> Response:
        if request.n < 1:
            message = f"{request.n} replies cannot be asked for; give n=1 or more."
            raise UsageError(message)
        if request.n > 1 and not self.many:
            one = request.with_options(n=1)
            return _joined(await together([self._ask(one) for _ in range(request.n)]))
        data = await self._endpoint.post(self._checked(request))
        return self._read(request, data)

    async def _stream(self, request: Request) -> AsyncGenerator[Delta | Response, None]:
        if request.n != 1 and not self.many:
            message = f"{self.name} streams one reply at a time; leave out n={request.n}."
            raise UsageError(message)
        endpoint, payload = self.streamed(self._checked(request))
        assembly = self.assembly()
        async with aclosing(endpoint.events(payload)) as events:
            async for event in events:
                try:
                    piece = assembly.add(event)
                except wire.Malformed as error:
                    raise self._broken(str(error)) from error
                if piece is not None and (piece.text or piece.reasoning):
                    yield piece
        try:
            data = assembly.whole()
        except wire.Malformed as error:
            raise self._broken(str(error)) from error
        yield self._read(request, endpoint.checked(data))

    def _checked(self, request: Request) -> dict[str, Any]:
        if request.extra.get("stream"):
            message = "replies are read whole; leave out the option stream=True, and use the method `stream` for pieces."
            raise UsageError(message)
        return self.payload(request)

    def _read(self, request: Request, data: dict[str, Any]) -> Response:
        try:
            return self.read(request, data)
        except wire.Malformed as error:
            raise self._broken(str(error)) from error

    def _broken(self, what: str) -> ServerError:
        return ServerError(f"{self._endpoint.url} sent {what}; that is no {self.what}.")

    def _bill(
        self, request: Request, made: str, tokens_in: int | None, tokens_out: int | None, cost: float | None = None
    ) -> Usage:
        """The provider's count of tokens; estimated from the bytes where it gives none."""
        given = sum(wire.estimate(message.text) for message in request.messages) if tokens_in is None else tokens_in
        done = wire.estimate(made) if tokens_out is None else tokens_out
        kind = Estimate if tokens_in is None or tokens_out is None else Usage
        return kind(1, given, done, self._usd(given, done, cost))

    def _usd(self, tokens_in: int, tokens_out: int, cost: float | None) -> float | None:
        if self.price is not None:
            return (tokens_in * self.price[0] + tokens_out * self.price[1]) / 1e6
        if cost is not None and cost >= 0:
            return cost
        return 0.0 if self._free else None


def key_variable(provider: str) -> str:
    """The environment variable that holds a provider's key.

    >>> key_variable("openai")
    'OPENAI_API_KEY'
    """
    return f"{provider.upper()}_API_KEY"


def options(request: Request) -> dict[str, Json]:
    """What the user passes through to the provider."""
    return {name: value for name, value in request.extra.items() if name not in OURS}


def system_and_rest(request: Request) -> tuple[str, list[Any]]:
    """The system's words, and the other messages, for interfaces that keep them apart."""
    system = "\n\n".join(message.text for message in request.messages if message.role == "system")
    rest = [message for message in request.messages if message.role != "system"]
    if not rest:
        what = "the request has no message but the system's; add one of the user."
        raise UsageError(what)
    return system, rest


async def _next(pieces: AsyncGenerator[Delta | Response, None]) -> Delta | Response | None:
    return await anext(pieces, None)


async def together(calls: list[Coroutine[Any, Any, Response]]) -> list[Response]:
    """All replies; if one fails, the others are not left running."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _joined(replies: list[Response]) -> Response:
    """One response with the texts of all of them."""
    usage = sum((reply.usage for reply in replies), NO_USAGE)
    return replace(replies[0], usage=usage, others=tuple(reply.text for reply in replies[1:]))


def merged(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """A body with the user's own options in it; None takes one out."""
    return wire.given({**body, **extra})
