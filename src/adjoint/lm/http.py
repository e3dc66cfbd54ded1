"""HTTP for clients of remote models: one shared session on the portal's loop; every failure of a post or a stream is typed."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from adjoint.base.errors import AuthError, ServerError, TransportError, UsageError
from adjoint.base.secrets import register
from adjoint.lm import guard, refusals
from adjoint.lm.sse import Events

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from aiohttp import BaseConnector, ClientResponse, ClientSession

    from adjoint.base.errors import LMError

MAX_BODY = 32 * 2**20
"""Bytes of one reply, decompressed. More is an error: no answer is that long, and 64 of them must fit in memory."""

_CONNECT = 10.0
"""Seconds for one attempt to open a connection."""


class Pool:
    """The one aiohttp session of the process, opened on first use and closed when the interpreter ends."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid: int | None = None
        self._inherited: list[BaseConnector] = []

    def session(self) -> ClientSession:
        """The session of the running loop, which must be the portal's."""
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            self._set_aside()
            self._session, self._loop, self._pid = _open(), loop, os.getpid()
            atexit.register(self.close)
        return self._session

    def _set_aside(self) -> None:
        """After a fork: the connections belong to the parent, and closing them in order would cut them there."""
        if self._session is not None and self._session.connector is not None:
            self._session.connector._closed = True
            self._inherited.append(self._session.connector)
            self._session.detach()

    def close(self) -> None:
        session, loop = self._session, self._loop
        if session is None or loop is None or self._pid != os.getpid():
            return
        self._session = None
        with contextlib.suppress(TimeoutError):  # a loop that hangs must not keep the interpreter from ending
            asyncio.run_coroutine_threadsafe(session.close(), loop).result(timeout=2.0)


def _open() -> ClientSession:
    import aiohttp

    # No limit on connections: how many requests are in flight is decided by `Limit`, and a second limit would only hide it.
    # No cookies: a provider must not be able to tie calls together.
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar())


pool = Pool()
"""The one pool of the process."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An address that takes JSON by POST. `key_variable` is named to the user; `key` never leaves in a message.

    `headers` hold the key in the provider's own form. `timeout` is in seconds, for the whole exchange.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    key: str | None = field(repr=False)
    key_variable: str
    timeout: float

    async def post(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send and return the JSON object that comes back, or raise an `LMError`."""
        async with self._opened(payload, "application/json") as reply:
            body = await self._read(reply)
        if not 200 <= reply.status < 300:
            raise self._refusal(reply.status, reply.headers, body)
        return self.checked(self._decode(body), reply.headers)

    async def events(self, payload: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Send and yield the JSON object of each server-sent event, or raise an `LMError`, also between two of them."""
        async with self._opened(payload, "text/event-stream") as reply:
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

    @asynccontextmanager
    async def _opened(self, payload: Mapping[str, Any], accept: str) -> AsyncIterator[ClientResponse]:
        """The reply to a post; what goes wrong with it on the way, now or while it is read, is an `LMError`."""
        import aiohttp

        guard.check(self.url)
        limits = aiohttp.ClientTimeout(total=self.timeout, sock_connect=min(_CONNECT, self.timeout))
        headers = {"Content-Type": "application/json", "Accept": accept, **self.headers}
        try:
            # Redirects are refused: following one would carry the key to wherever a server points.
            call = pool.session().post(
                self.url, data=_encode(payload), headers=headers, timeout=limits, allow_redirects=False, proxy=_proxy(self.url)
            )
            async with call as reply:
                yield reply
        except aiohttp.ClientConnectorError as error:
            why = self._clean(str(error.os_error))
            message = f"cannot reach {self.url}: {why}. Is the server running and the base URL right?"
            raise TransportError(message, maybe_billed=False) from error
        except TimeoutError as error:
            message = f"{self.url} did not answer within {self.timeout:g} s. Raise the timeout, or see whether the server hangs."
            raise TransportError(message) from error
        except aiohttp.ClientResponseError as error:
            raise ServerError(f"{self.url} does not speak HTTP as it should: {self._clean(error.message)}.") from error
        except (aiohttp.ClientError, OSError) as error:
            message = f"the connection to {self.url} broke ({type(error).__name__}); the call can be made again."
            raise TransportError(message) from error

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
            data = json.loads(body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_one_value_each)
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
        shown = (
            repr(base_url) if base_url.isprintable() and not set(base_url) & set("@?#") else "this"
        )  # a key may stand behind them
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
        return json.dumps(payload, allow_nan=False).encode("ascii")
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


def _proxy(url: str) -> str | None:
    """The proxy of the environment, never for this machine."""
    parts = urlsplit(url)
    if guard.is_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)
