"""FakeProvider: an OpenAI-compatible server on this machine that answers as told and fails as told."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from dataclasses import dataclass, field
from email.utils import formatdate
from math import ceil
from time import time
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args

from aiohttp import web

from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.base.rng import stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

Messages: TypeAlias = list[dict[str, Any]]
Fault: TypeAlias = Literal[
    "429",  # with Retry-After in seconds
    "429-date",  # with Retry-After as an HTTP date
    "429-reset",  # with x-ratelimit-reset-requests
    "500",
    "502",
    "503",
    "reset",  # the connection is cut before an answer
    "half_body",  # ... and in the middle of one
    "bad_utf8",
    "html",  # a web page with status 200, as captive portals and proxies send it
    "empty",
    "no_choices",
    "wrong_json",
    "refusal",
    "hang",  # no answer until the client or the server goes away
]
"""What can go wrong with one request."""

FAULTS: tuple[Fault, ...] = get_args(Fault)
_PAID = ("half_body", "bad_utf8", "no_choices", "refusal")
"""Faults for which the model has worked, so that a provider sends a bill."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Exactly this answer instead of a regular one."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class FakeProvider:
    """Use as `with FakeProvider() as provider:` (it runs in a thread) or `async with` (it runs on the current loop).

    `answer` gets the messages and gives the text, or an awaitable of it, or a `Raw`; the default repeats the last
    message. `latency` is in seconds. `faults` is a plan: its first entry meets the first request, and so on, `None`
    for no fault; a `Raw` is an answer of your own. After the plan, `mix` gives each fault its probability, drawn from
    `seed` and the number of the request. `retry_after` (seconds) is what the 429s ask for. With `api_key`, other keys
    get a 401.

    `requests` counts arrivals, `billed` the replies for which a provider would send a bill; `max_in_flight` is the
    most that was open at once, `bodies` what was sent. Point a client at `base_url`.
    """

    def __init__(
        self,
        answer: Callable[[Messages], str | Raw | Awaitable[str | Raw]] | None = None,
        *,
        latency: float = 0.0,
        faults: Iterable[Fault | Raw | None] = (),
        mix: Mapping[Fault, float] | None = None,
        seed: int = 0,
        retry_after: float = 0.0,
        api_key: str | None = None,
    ) -> None:
        self.answer = answer or _echo
        self.latency = latency
        self.faults = list(faults)
        self.mix = dict(mix or {})
        self.seed = seed
        self.retry_after = retry_after
        self.api_key = api_key
        self.requests = self.billed = self.max_in_flight = self.in_flight = 0
        self.bodies: list[dict[str, Any]] = []
        self.base_url = ""
        self._runner: web.AppRunner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        for fault in (*self.faults, *self.mix):
            if isinstance(fault, str) and fault not in FAULTS:
                raise UnknownNameError.of("fault", fault, FAULTS)
        if sum(self.mix.values()) > 1 or any(share < 0 for share in self.mix.values()):
            message = f"the probabilities of a mix are >= 0 and add up to at most 1, not {self.mix}."
            raise UsageError(message)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._complete)
        # A client that goes away ends its handler, so `in_flight` is true to the wire.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=4096)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-provider", daemon=True)
        self._thread.start()
        return asyncio.run_coroutine_threadsafe(self.__aenter__(), self._loop).result()

    def __exit__(self, *_: object) -> None:
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self.__aexit__(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        number = self.requests
        self.requests += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            return await self._serve(number, request)
        finally:
            self.in_flight -= 1

    async def _serve(self, number: int, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        sent = request.headers.get("Authorization", "")
        if self.api_key is not None and sent != f"Bearer {self.api_key}":
            # Like some real servers this one repeats the key, so that tests can see whether it leaks.
            return _error(401, f"Incorrect API key provided: {sent.removeprefix('Bearer ')}.", "invalid_api_key")
        fault = self._fault(number)
        await asyncio.sleep(self.latency)
        if fault is None or fault in _PAID:
            self.billed += 1
            return await self._reply(request, body, fault)
        if isinstance(fault, Raw):
            return _raw(fault)
        if fault == "hang":
            await asyncio.Event().wait()
        if fault == "reset":
            return _cut(request)
        return self._refuse(fault)

    def _fault(self, number: int) -> Fault | Raw | None:
        if number < len(self.faults):
            return self.faults[number]
        drawn = stream(self.seed, "fault", number).random()
        for fault, share in self.mix.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None

    async def _reply(self, request: web.Request, body: dict[str, Any], fault: Fault | Raw | None) -> web.StreamResponse:
        made = self.answer(body["messages"])
        answer = await made if inspect.isawaitable(made) else made
        if isinstance(answer, Raw):
            return _raw(answer)
        data = completion(body, answer, refused=fault == "refusal")
        if fault == "no_choices":
            data["choices"] = []
        raw = json.dumps(data).encode()
        if fault == "bad_utf8":
            raw = raw.replace(b'"content": "', b'"content": "\xff\xfe')
        if fault == "half_body":
            response = web.StreamResponse(headers={"Content-Length": str(len(raw)), "Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(raw[: len(raw) // 2])
            return _cut(request)
        return web.Response(body=raw, content_type="application/json")

    def _refuse(self, fault: Fault) -> web.Response:
        if fault.startswith("429"):
            return _error(429, "Rate limit reached.", "rate_limit_exceeded", self._wait_headers(fault))
        if fault == "html":
            return web.Response(text="<!DOCTYPE html><html><body>Please log in</body></html>", content_type="text/html")
        if fault in ("empty", "wrong_json"):
            return web.Response(body=b"" if fault == "empty" else b'{"choices": [', content_type="application/json")
        return _error(int(fault), "The server had an error.", "server_error")

    def _wait_headers(self, fault: Fault) -> dict[str, str]:
        if fault == "429-reset":
            return {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{self.retry_after * 1000:.0f}ms"}
        if fault == "429-date":
            # A date has whole seconds; rounding up keeps the promise that nobody comes back early.
            return {"Retry-After": formatdate(ceil(time() + self.retry_after), usegmt=True)}
        return {"Retry-After": f"{self.retry_after:g}"}


def completion(body: Mapping[str, Any], text: str, *, refused: bool = False) -> dict[str, Any]:
    """A chat completion that answers `body` with `text`; words count as tokens."""
    words = text.split()
    prompt = sum(len(str(message["content"]).split()) for message in body["messages"])
    message: dict[str, Any] = {"role": "assistant", "content": None if refused else text}
    if refused:
        message["refusal"] = "I cannot help with that."
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "content_filter" if refused else "stop"}
    if body.get("logprobs"):
        choice["logprobs"] = {"content": [{"token": word, "logprob": -0.25} for word in words]}
    usage = {"prompt_tokens": prompt, "completion_tokens": len(words), "total_tokens": prompt + len(words)}
    return {"id": "fake", "object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}


def _echo(messages: Messages) -> str:
    return str(messages[-1]["content"])


def _raw(raw: Raw) -> web.Response:
    headers = {"Content-Type": "application/json", **raw.headers}
    return web.Response(status=raw.status, body=raw.body, headers=headers)


def _error(status: int, text: str, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"message": text, "type": code, "code": code}}, status=status, headers=headers)


def _cut(request: web.Request) -> web.StreamResponse:
    """Break the connection without a good-bye."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
