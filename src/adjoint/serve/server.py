"""The server: one application at one address, on the event loop that all traffic of the process runs on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from adjoint.base.errors import AdjointError, UsageError
from adjoint.base.portal import portal
from adjoint.serve.body import LIMIT, too_large
from adjoint.serve.model import ModelHandlers
from adjoint.serve.policy import HEALTH, Policy, is_loopback
from adjoint.serve.program import ProgramHandlers
from adjoint.serve.refusals import Refused, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from adjoint.ledger.store import Ledger
    from adjoint.lm.base import BaseLM
    from adjoint.program.module import Module

_DRAIN = 0.5
"""Seconds that answers under way get when the server stops."""
_log = logging.getLogger("adjoint.serve")


class Server:
    """Serve an LM, or a program whose calls go to `lm`: `with Server(lm=LM("pocket")) as server: server.url`.

    `port` 0 takes a free one. Off loopback a `token` is needed, and `names` are further names by which clients may call the
    machine. With a `ledger`, replies are kept and used again. `limit` is the largest body in bytes.
    """

    def __init__(
        self,
        program: Module | None = None,
        *,
        lm: BaseLM,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        names: Iterable[str] = (),
        ledger: Ledger | None = None,
        limit: int = LIMIT,
    ) -> None:
        if token is None and not is_loopback(host):
            message = f"{host} can be reached from other machines: give a token, or serve on 127.0.0.1."
            raise UsageError(message)
        if token is not None and (not token.isascii() or not token.isprintable() or not token or " " in token):
            message = "a token is made of printable ASCII characters without spaces; give another one."
            raise UsageError(message)
        self.host, self.port, self.token, self.limit = host, port, token, limit
        self._names = frozenset(name.lower() for name in names)
        self._handlers = ModelHandlers(lm, ledger) if program is None else ProgramHandlers(program, lm, ledger)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def __enter__(self) -> Self:
        listener = _bind(self.host, self.port)
        self.port = listener.getsockname()[1]
        portal.run(self._start(listener))
        return self

    def __exit__(self, *_: object) -> None:
        if self._runner is not None:
            stopped = asyncio.run_coroutine_threadsafe(self._runner.cleanup(), portal.loop)
            # A program that blocks the loop must not keep the process.
            with contextlib.suppress(TimeoutError):
                stopped.result(_DRAIN + 0.5)

    async def _start(self, listener: socket.socket) -> None:
        policy = Policy(self.host, self.port, self.token, self._names)
        app = web.Application(client_max_size=self.limit, middlewares=[_guarded(policy, self.limit)])
        app.router.add_get(HEALTH, _health)
        app.add_routes(self._handlers.routes())
        app.on_response_prepare.append(_headers)
        # A client that goes away ends its request.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_DRAIN)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, backlog=1024).start()


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        message = f"cannot listen on port {port} of {host}: {error}. Give another --port (0 takes a free one) or --host."
        raise UsageError(message) from None


def _guarded(policy: Policy, limit: int) -> Any:
    """Whoever may not ask is refused first; every failure becomes JSON."""

    @web.middleware
    async def answer(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        try:
            policy.check(request.path, request.headers)
            return await handler(request)
        except Refused as error:
            return error.response()
        except AdjointError as error:
            return refused(error).response()
        except web.HTTPRequestEntityTooLarge:
            return too_large(limit).response()
        except web.HTTPException as error:
            return _unrouted(request, error).response()
        except ConnectionError:
            raise  # the client has gone, so nobody is there to be told
        except Exception:  # noqa: BLE001 - the user's code may raise anything, and the client still gets an answer
            _log.exception("a request to %s failed", request.path)
            return Refused(500, "the server failed; its log says why.", "internal_error").response()

    return answer


def _unrouted(request: web.Request, error: web.HTTPException) -> Refused:
    allowed = {name: value for name, value in error.headers.items() if name == "Allow"}
    routes = [route for route in request.app.router.routes() if route.resource is not None and route.method != "HEAD"]
    here = ", ".join(f"{route.method} {route.resource.canonical}" for route in routes if route.resource is not None)
    return Refused(
        error.status, f"{request.method} {request.path!r:.120}: {error.reason}; here are {here}.", "not_found", headers=allowed
    )


async def _health(request: web.Request) -> web.Response:
    del request
    return web.json_response({"status": "ok"})


async def _headers(request: web.Request, response: web.StreamResponse) -> None:
    del request
    response.headers["Server"] = "adjoint"
    response.headers["X-Content-Type-Options"] = "nosniff"
