"""HTTP for clients of remote models: one address that takes JSON; every failure of a post or a stream is typed."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adjoint.base.errors import AuthError, ServerError, TransportError, UsageError
from adjoint.base.secrets import register
from adjoint.lm import guard, refusals
from adjoint.lm.broken import broken
from adjoint.lm.pool import pool, proxy
from adjoint.lm.sse import Events

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Mapping

    from aiohttp import ClientResponse, ClientTimeout, FormData

    from adjoint.base.errors import LMError

MAX_BODY = 32 * 2**20
"""Bytes of one reply, decompressed. More is an error: no answer is that long, and 64 of them must fit in memory."""


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Seconds, each above 0: for the whole exchange, to open a connection, and until the first byte of an answer.

    Most servers send the first byte of a reply that is not streamed when the reply is ready, so by default it may take as
    long as the whole.
    """

    total: float = 120.0
    connect: float = 10.0
    first_byte: float | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if value is not None and not value > 0:
                message = f"a timeout of {value} s ({item.name}) cannot be; give seconds above 0."
                raise UsageError(message)

    @classmethod
    def of(cls, given: float | Timeouts | None) -> Timeouts:
        """A bare number is the time for the whole exchange; None leaves all at their defaults."""
        if isinstance(given, Timeouts):
            return given
        return cls() if given is None else cls(total=given)

    @cached_property
    def limits(self) -> ClientTimeout:
        """The same in the form of aiohttp, which counts the first byte as a part of the whole."""
        from aiohttp import ClientTimeout

        return ClientTimeout(total=self.total, sock_connect=min(self.connect, self.total))


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An address that takes JSON by POST. `key_variable` is named to the user; `key` never leaves in a message.

    `headers` hold the key in the provider's own form.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    key: str | None = field(repr=False)
    key_variable: str
    timeouts: Timeouts

    async def get(self) -> dict[str, Any]:
        """The JSON object that lies here, or an `LMError`."""
        return await self._whole(None)

    async def post(self, payload: Mapping[str, Any] | FormData) -> dict[str, Any]:
        """Send JSON or a form, and return the JSON object that comes back, or raise an `LMError`."""
        return await self._whole(payload)

    async def _whole(self, payload: Mapping[str, Any] | FormData | None) -> dict[str, Any]:
        import aiohttp

        try:
            async with await self._sent(payload, "application/json") as reply:
                body = await self._read(reply)
        except (aiohttp.ClientError, OSError) as error:
            raise self._broken(error) from error
        if not 200 <= reply.status < 300:
            raise self._refusal(reply.status, reply.headers, body)
        return self.checked(self._decode(body), reply.headers)

    async def events(self, payload: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Send and yield the JSON object of each server-sent event, or raise an `LMError`, also between two of them."""
        import aiohttp

        try:
            async with await self._sent(payload, "text/event-stream") as reply:
                if not 200 <= reply.status < 300:
                    raise self._refusal(reply.status, reply.headers, await self._read(reply))
                if reply.content_type != "text/event-stream":
                    body = await self._read(reply)
                    self.checked(self._decode(body), reply.headers)
                    raise ServerError(f"{self.url} sent one reply of type {reply.content_type!r} where a stream was asked for.")
                async with aclosing(self._data(reply)) as events:
                    async for data in events:
                        if data == "[DONE]":
                            return
                        yield self.checked(self._decode(data.encode()), reply.headers)
        except (aiohttp.ClientError, OSError) as error:
            raise self._broken(error) from error

    async def _data(self, reply: ClientResponse) -> AsyncGenerator[str, None]:
        events = Events()
        try:
            async with aclosing(self._pieces(reply)) as pieces:
                async for piece in pieces:
                    for data in events.feed(piece):
                        yield data
            for data in events.end():
                yield data
        except UnicodeDecodeError as error:
            raise ServerError(f"{self.url} sent a stream that is no valid UTF-8.") from error

    async def _sent(self, payload: Mapping[str, Any] | FormData | None, accept: str) -> ClientResponse:
        """The reply to a post, or to a get where nothing is sent, as soon as it begins."""
        import aiohttp

        guard.check(self.url)
        headers = {"Accept": accept, **self.headers}
        data: FormData | bytes | None = None
        if isinstance(payload, aiohttp.FormData):  # it says its own type
            data = payload
        elif payload is not None:
            headers["Content-Type"], data = "application/json", _encode(payload)
        # Redirects are refused: following one would carry the key to wherever a server points.
        call = pool.session().request(
            "GET" if payload is None else "POST",
            self.url,
            data=data,
            headers=headers,
            timeout=self.timeouts.limits,
            allow_redirects=False,
            proxy=proxy(self.url),
        )
        return await (call if self.timeouts.first_byte is None else self._begun(call, self.timeouts.first_byte))

    async def _begun(self, call: Awaitable[ClientResponse], within: float) -> ClientResponse:
        try:
            async with asyncio.timeout(within) as silence:
                return await call
        except TimeoutError as error:
            if not silence.expired():
                raise
            message = f"{self.url} took the call and sent nothing for {within:g} s; the call can be made again."
            raise TransportError(message) from error

    def _broken(self, error: Exception) -> LMError:
        return broken(error, url=self.url, key=self.key, timeouts=self.timeouts)

    async def _pieces(self, reply: ClientResponse) -> AsyncGenerator[bytes, None]:
        size = 0
        async for piece in reply.content.iter_any():
            size += len(piece)
            if size > MAX_BODY:
                reply.close()  # the rest is not wanted, so the connection cannot be used again
                message = f"{self.url} sent more than {MAX_BODY // 2**20} MB for one reply; the rest was not read."
                raise ServerError(message)
            yield piece

    async def _read(self, reply: ClientResponse) -> bytes:
        if "Content-Encoding" not in reply.headers and 0 < (reply.content_length or 0) <= MAX_BODY:
            return await reply.read()  # as long as it says, so it needs no counting
        return b"".join([piece async for piece in self._pieces(reply)])

    def checked(self, data: dict[str, Any], headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The data, unless it reports an error: some servers do so with status 200, and all do in the middle of a stream."""
        if data.get("error") and not data.get("choices"):
            raise self._refusal(refusals.status_inside(data["error"]), headers or {}, _encode(data))
        return data

    def _decode(self, body: bytes) -> dict[str, Any]:
        try:
            data = _READER.decode(body.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            came = self._clean(refusals.said_in(body)[0]) or "an empty body"
            raise ServerError(f"{self.url} sent no valid JSON but {came}.") from error
        if not isinstance(data, dict):
            raise ServerError(f"{self.url} sent a JSON {type(data).__name__} where an object was expected.")
        return data

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> LMError:
        return refusals.refusal(status, headers, body, url=self.url, key=self.key, key_variable=self.key_variable)

    def _clean(self, text: str) -> str:
        return refusals.clean(text, self.key)


def address(base_url: str, path: str) -> str:
    """Join a base URL and a path. A base URL with a password or a query is refused: it would be written to the ledger."""
    try:
        parts = urlsplit(base_url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        hides_key = not base_url.isprintable() or set(base_url) & set("@?#")  # one may stand behind them
        shown = "this" if hides_key else repr(base_url)
        message = f"{shown} is no base URL; write for example http://localhost:8000/v1."
        raise UsageError(message)
    if parts.username or parts.password or parts.query or parts.fragment:
        message = f"the base URL of {parts.hostname} holds a user, password, query or fragment; give the key as api_key instead."
        raise UsageError(message)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(path)}{path}"


def usable_key(key: str | None, key_variable: str) -> str | None:
    """The key without spaces around it, or None if there is none. From now on it is masked wherever it turns up."""
    stripped = (key or "").strip()
    register(stripped)
    if not (stripped.isascii() and stripped.isprintable()):
        message = f"the key in {key_variable} or api_key has characters that no key has; copy it again."
        raise AuthError(message)
    return stripped or None


def _encode(payload: Mapping[str, Any]) -> bytes:
    try:
        return _WRITER.encode(payload).encode("ascii")
    except (TypeError, ValueError) as error:
        message = f"the request cannot be written as JSON: {error}. Options must be JSON values and finite numbers."
        raise UsageError(message) from error


def _one_value_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; one that gives a key two values says two things, and nobody knows which is meant."""
    found = dict(pairs)
    if len(found) < len(pairs) and any(found[key] != value for key, value in pairs):
        message = "a key has two values"
        raise ValueError(message)
    return found


def _no_constant(name: str) -> None:
    message = f"{name} is not JSON"
    raise ValueError(message)


_READER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_one_value_each)
_WRITER = json.JSONEncoder(allow_nan=False)
