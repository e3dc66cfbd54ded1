"""The one session of connections that all clients of remote models share, on the portal's loop; and the proxy to go through."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from adjoint.lm import guard

if TYPE_CHECKING:
    from aiohttp import BaseConnector, ClientSession

_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


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


def proxy(url: str) -> str | None:
    """The proxy of the environment as it is now, never for this machine."""
    return None if guard.is_loopback(url) else _proxy(url, tuple(map(os.environ.get, _VARIABLES)))


@functools.lru_cache(maxsize=256)
def _proxy(url: str, _environment: tuple[str | None, ...]) -> str | None:
    """Looked up once as long as the variables are the same: it walks through the whole environment, twice."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
