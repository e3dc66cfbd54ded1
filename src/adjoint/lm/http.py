"""HTTP for clients of remote models: one shared session on the portal's loop, and posts whose every failure is typed."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from adjoint.base.errors import (
    AuthError,
    ContextLengthError,
    RateLimitError,
    RequestError,
    ServerError,
    TransportError,
    UsageError,
)
from adjoint.lm import guard, waits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import BaseConnector, ClientResponse, ClientSession

    from adjoint.base.errors import (
        LMError,
    )

MAX_BODY = 32 * 2**20
"""Bytes of one reply, decompressed. More is an error: no answer is that long, and 64 of them must fit in memory."""

_CONNECT = 10.0
"""Seconds for one attempt to open a connection."""
_QUOTED = 300
"""Characters of a provider's own words that an error message quotes."""
_TOO_LONG = re.compile(
    r"context[ _](length|window|size)|maximum context|max_new_tokens|prompt is too long|reduce the length", re.IGNORECASE
)
_WORD = re.compile(r"[\w.-]{8,}")


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
        guard.check(self.url)
        status, headers, body = await self._exchange(_encode(payload))
        if not 200 <= status < 300:
            raise self._refusal(status, headers, *_said(body))
        data = self._decode(body)
        if data.get("error") and not data.get("choices"):  # some proxies report errors with status 200
            raise self._refusal(_status_inside(data["error"]), headers, *_said(body))
        return data

    async def _exchange(self, data: bytes) -> tuple[int, Mapping[str, str], bytes]:
        import aiohttp

        limits = aiohttp.ClientTimeout(total=self.timeout, sock_connect=min(_CONNECT, self.timeout))
        headers = {"Content-Type": "application/json", "Accept": "application/json", **self.headers}
        try:
            # Redirects are refused: following one would carry the key to wherever a server points.
            call = pool.session().post(
                self.url, data=data, headers=headers, timeout=limits, allow_redirects=False, proxy=_proxy(self.url)
            )
            async with call as reply:
                return reply.status, reply.headers, await self._read(reply)
        except aiohttp.ClientConnectorError as error:
            why = self._clean(str(error.os_error))
            message = f"cannot reach {self.url}: {why}. Is the server running and the base URL right?"
            raise TransportError(message) from error
        except TimeoutError as error:
            message = f"{self.url} did not answer within {self.timeout:g} s. Raise the timeout, or see whether the server hangs."
            raise TransportError(message) from error
        except aiohttp.ClientResponseError as error:
            raise ServerError(f"{self.url} does not speak HTTP as it should: {self._clean(error.message)}.") from error
        except (aiohttp.ClientError, OSError) as error:
            message = f"the connection to {self.url} broke ({type(error).__name__}); the call can be made again."
            raise TransportError(message) from error

    async def _read(self, reply: ClientResponse) -> bytes:
        chunks, size = [], 0
        async for chunk in reply.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY:
                reply.close()  # the rest is not wanted, so the connection cannot be used again
                message = f"{self.url} sent more than {MAX_BODY // 2**20} MB for one reply; the rest was not read."
                raise ServerError(message)
        return b"".join(chunks)

    def _decode(self, body: bytes) -> dict[str, Any]:
        try:
            data = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise ServerError(f"{self.url} sent no valid JSON but {self._clean(_said(body)[0]) or 'an empty body'}.") from error
        if not isinstance(data, dict):
            raise ServerError(f"{self.url} sent a JSON {type(data).__name__} where an object was expected.")
        return data

    def _refusal(self, status: int, headers: Mapping[str, str], said: str, code: str) -> LMError:
        """The error that belongs to a status; `said` and `code` are the provider's words."""
        kind: type[LMError] = RequestError
        hint = ""
        if status in (401, 403):
            kind, hint = AuthError, f" The key is missing or refused; set {self.key_variable} to one that this endpoint takes."
        elif status == 402 or code == "insufficient_quota":
            kind, hint = AuthError, f" The account behind {self.key_variable} has no credit left; waiting does not help."
        elif status == 429:
            kind = RateLimitError
        elif status >= 500 or status in (408, 409, 425):
            kind = ServerError
        elif status < 400:
            hint = f" Redirects ({self._clean(headers.get('location', ''))}) are not followed; give the right base URL."
        elif code == "context_length_exceeded" or _TOO_LONG.search(said):
            kind = ContextLengthError
        elif status in (404, 405):
            hint = " Check the model's name, and that the base URL has its path (most end in /v1)."
        message = f"{self.url} answered {status}: {(self._clean(said) or 'no text').rstrip('.')}.{hint}"
        return kind(message, retry_after=waits.asked(headers) if kind.retryable else None)

    def _clean(self, text: str) -> str:
        """A provider's words on one line, short, and without the key or any longer part of it."""
        if self.key:
            key = self.key
            text = text.replace(key, "[key]")
            text = _WORD.sub(lambda word: "[key]" if word[0] in key else word[0], text)
        line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}..."


def address(base_url: str, path: str) -> str:
    """Join a base URL and a path. A base URL with a password or a query is refused: it would be written to the ledger."""
    try:
        parts = urlsplit(base_url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        message = f"{base_url!r} is no base URL; write for example http://localhost:8000/v1."
        raise UsageError(message)
    if parts.username or parts.password or parts.query or parts.fragment:
        message = f"the base URL of {parts.hostname} holds a user, password, query or fragment; give the key as api_key instead."
        raise UsageError(message)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(path)}{path}"


def usable_key(key: str | None, key_variable: str) -> str | None:
    """The key without spaces around it, or None if there is none."""
    stripped = (key or "").strip()
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


def _no_constant(name: str) -> None:
    message = f"{name} is not JSON"
    raise ValueError(message)


def _proxy(url: str) -> str | None:
    """The proxy of the environment, never for this machine."""
    parts = urlsplit(url)
    if guard.is_loopback(url) or proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def _said(body: bytes) -> tuple[str, str]:
    """What an error body says, and its code: read from the forms in use (OpenAI, FastAPI, plain text, HTML)."""
    text = body[: 2**16].decode("utf-8", "replace").strip()
    if text[:200].lower().startswith(("<!doctype", "<html")):
        return "an HTML page", ""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text, ""
    error = data.get("error", data) if isinstance(data, dict) else data
    if not isinstance(error, dict):
        return error if isinstance(error, str) else text, ""
    words = next((error[name] for name in ("message", "detail") if isinstance(error.get(name), str)), text)
    codes = [error[name] for name in ("code", "type") if isinstance(error.get(name), str)]
    return words, codes[0] if codes else ""


def _status_inside(error: object) -> int:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500
