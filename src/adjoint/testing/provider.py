"""FakeProvider: a server on this machine that speaks the languages of all providers, answers as told and fails as told."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from aiohttp import web

from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.base.rng import stream
from adjoint.lm.types import Response
from adjoint.testing.fake_jobs import FineTuning
from adjoint.testing.fake_openai import Chat, Embeddings, Messages, Responses, Text
from adjoint.testing.fake_others import Anthropic, Gemini
from adjoint.testing.faults import FAULTS, SAID, UNPAID, Fault, Sent, as_json, instead, met, spoil, status_of, words_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

__all__ = ["FAULTS", "FakeProvider", "Fault", "Messages", "Raw"]


@dataclass(frozen=True, slots=True)
class Raw:
    """Exactly this answer instead of a regular one."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer: TypeAlias = str | Response | Raw


class Dialect(Protocol):
    """One provider's language: how it asks, how it answers whole or in events, how it says an error."""

    part: str

    def messages(self, body: dict[str, Any]) -> Messages: ...
    def whole(self, body: dict[str, Any], said: Response) -> dict[str, Any]: ...
    def events(self, body: dict[str, Any], said: Response) -> list[dict[str, Any]]: ...
    def error(self, status: int, text: str, code: str) -> dict[str, Any]: ...


class FakeProvider:
    """Use as `with FakeProvider() as provider:` (it runs in a thread) or `async with` (it runs on the current loop).

    It speaks chat completions, completions, responses, embeddings, Anthropic's messages and Gemini's generateContent,
    whole and streamed. `answer` gets the messages and gives the text, or a `Response` with all that a model can say (tool
    calls, reasoning, a refusal, further texts), or an awaitable of it, or a `Raw`; the default repeats the last message.
    `latency` is in seconds. `faults` is a plan: its first entry meets the first request, and so on, `None` for no fault;
    a `Raw` is an answer of your own. After the plan, `mix` gives each fault its probability, drawn from `seed` and the
    number of the request. `retry_after` (seconds) is what the 429s ask for. With `api_key`, other keys get a 401.

    `requests` counts arrivals, `billed` the replies for which a provider would send a bill; `max_in_flight` is the
    most that was open at once, `bodies` what was sent, `paths` where to. Point a client at `base_url`. `tuning` holds the
    files and fine-tuning jobs.
    """

    def __init__(
        self,
        answer: Callable[[Messages], Answer | Awaitable[Answer]] | None = None,
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
        self.paths: list[str] = []
        self.base_url = ""
        self.tuning = FineTuning()
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
        for path, dialect in _DIALECTS.items():
            app.router.add_post(path, self._handler(dialect))
        app.add_routes(self.tuning.routes())
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

    def _handler(self, dialect: Dialect) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            number = self.requests
            self.requests += 1
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
            try:
                return await self._serve(number, request, dialect)
            finally:
                self.in_flight -= 1

        return handle

    async def _serve(self, number: int, request: web.Request, dialect: Dialect) -> web.StreamResponse:
        body = {**_named(request), **await request.json()}
        self.bodies.append({name: value for name, value in body.items() if name != "_stream"})
        self.paths.append(request.path)
        sent = _key(request)
        if self.api_key is not None and sent != self.api_key:
            # Like some real servers this one repeats the key, so that tests can see whether it leaks.
            text = f"Incorrect API key provided: {sent}."
            return web.json_response(dialect.error(401, text, "invalid_api_key"), status=401)
        streamed = bool(body.get("stream") or body.pop("_stream", False))
        fault = self._fault(number)
        await asyncio.sleep(self.latency)
        if isinstance(fault, Raw):
            return _raw(fault)
        kind = met(fault, streamed=streamed) if fault else None
        if kind == "hang":
            await asyncio.Event().wait()
        if kind == "reset":
            return _cut(request)
        if kind in UNPAID:
            error = as_json(dialect.error(status_of(kind), *words_of(kind)))
            return await _send(request, instead(kind, error, streamed=streamed, retry_after=self.retry_after))
        self.billed += 1
        return await self._reply(request, body, dialect, kind, streamed=streamed)

    def _fault(self, number: int) -> Fault | Raw | None:
        if number < len(self.faults):
            return self.faults[number]
        drawn = stream(self.seed, "fault", number).random()
        for fault, share in self.mix.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None

    async def _reply(
        self, request: web.Request, body: dict[str, Any], dialect: Dialect, fault: str | None, *, streamed: bool
    ) -> web.StreamResponse:
        made = self.answer(dialect.messages(body))
        answer = await made if inspect.isawaitable(made) else made
        if isinstance(answer, Raw):
            return _raw(answer)
        said = _changed(answer if isinstance(answer, Response) else Response(answer), fault)
        if streamed:
            sent = Sent([*map(_frame, dialect.events(body, said))], "text/event-stream")
        else:
            sent = Sent([as_json(dialect.whole(body, said))])
        if streamed and isinstance(dialect, Chat):
            sent.frames.append(b"data: [DONE]\n\n")
        if fault is not None and fault not in SAID:
            error = as_json(dialect.error(529, "Overloaded.", "overloaded_error"))
            sent = spoil(fault, sent, part=dialect.part, error=error)
        return await _send(request, sent)


_GEMINI = Gemini()
_DIALECTS: dict[str, Dialect] = {
    "/v1/chat/completions": Chat(),
    "/v1/completions": Text(),
    "/v1/responses": Responses(),
    "/v1/embeddings": Embeddings(),
    "/v1/messages": Anthropic(),
    "/v1/models/{call:.+}": _GEMINI,
    "/v1beta/models/{call:.+}": _GEMINI,
}


def _named(request: web.Request) -> dict[str, Any]:
    """Gemini says in the address which model is meant and whether to stream."""
    model, colon, method = request.match_info.get("call", "").rpartition(":")
    return {"model": model, "_stream": method.startswith("stream")} if colon else {}


def _key(request: web.Request) -> str:
    headers = request.headers
    return headers.get("x-api-key") or headers.get("x-goog-api-key") or headers.get("Authorization", "").removeprefix("Bearer ")


def _changed(said: Response, fault: str | None) -> Response:
    """What the model says under a fault of its own."""
    if fault == "refusal":
        return Response("I cannot help with that.", finish="refusal")
    if fault == "length":
        return replace(said, text=said.text[: len(said.text) // 2], finish="length")
    if fault == "null_content":
        return Response("")
    return replace(said, text="the answer to another question") if fault == "swapped" else said


def _frame(event: dict[str, Any]) -> bytes:
    name = f"event: {event['type']}\n" if isinstance(event.get("type"), str) else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


async def _send(request: web.Request, sent: Sent) -> web.StreamResponse:
    headers = {"Content-Type": sent.content_type, **sent.headers}
    if len(sent.frames) == 1 and sent.end == "close" and sent.content_type != "text/event-stream":
        return web.Response(status=sent.status, body=sent.frames[0], headers=headers)
    if sent.length is not None:
        headers["Content-Length"] = str(sent.length)
    response = web.StreamResponse(status=sent.status, headers=headers)
    await response.prepare(request)
    for frame in sent.frames:
        await response.write(frame)
        await asyncio.sleep(sent.pause)
    if sent.end == "stall":
        await asyncio.Event().wait()
    return _cut(request) if sent.end == "cut" else response


def _echo(messages: Messages) -> str:
    content = messages[-1].get("content")
    return content if isinstance(content, str) else json.dumps(content)


def _raw(raw: Raw) -> web.Response:
    headers = {"Content-Type": "application/json", **raw.headers}
    return web.Response(status=raw.status, body=raw.body, headers=headers)


def _cut(request: web.Request) -> web.StreamResponse:
    """Break the connection without a good-bye."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
