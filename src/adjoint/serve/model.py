"""A language model behind OpenAI's interface: chat completions, completions and the list of models."""

from __future__ import annotations

import asyncio
import functools
import secrets
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from aiohttp import web

from adjoint.base.errors import AdjointError
from adjoint.lm.base import supports_of
from adjoint.program.context import context, send
from adjoint.program.stream import heard
from adjoint.serve import openai_read, openai_write
from adjoint.serve.body import read_body
from adjoint.serve.refusals import Refused, dumps, refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from adjoint.ledger.store import Ledger
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response
    from adjoint.serve.openai_read import Asked


class ModelHandlers:
    """Answers for one LM, through the policies of the gate: retries, limits, and the ledger if there is one."""

    def __init__(self, lm: BaseLM, ledger: Ledger | None) -> None:
        self.lm, self.ledger = lm, ledger
        self.began = int(time.time())

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/chat/completions", functools.partial(self.answer, openai_read.chat, openai_write.Chat)),
            web.post("/v1/completions", functools.partial(self.answer, openai_read.text, openai_write.Text)),
            web.get("/v1/models", self.models),
            web.get("/v1/models/{name:.+}", self.model),
        ]

    async def models(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"object": "list", "data": [self._card()]})

    async def model(self, request: web.Request) -> web.Response:
        self._known(request.match_info["name"])
        return web.json_response(self._card())

    async def answer(
        self,
        read: Callable[[dict[str, Any], frozenset[str]], Asked],
        form: type[openai_write.Form],
        request: web.Request,
    ) -> web.StreamResponse:
        body = await read_body(request)
        self._known(body.get("model"))
        asked = read(body, supports_of(self.lm))
        made = form(self.lm.name)
        if asked.stream:
            return await self._stream(request, asked, made)
        replies = await asyncio.gather(*(self._ask(one) for one in asked.requests))
        return web.json_response(made.body(replies), dumps=dumps)

    def _known(self, name: object) -> None:
        """The model by its name, with or without its provider."""
        if name not in (self.lm.name, self.lm.name.partition("/")[2] or self.lm.name):
            message = f"the model {name!r:.120} is not served here; this is {self.lm.name!r}."
            raise Refused(404, message, "model_not_found", param="model")

    def _card(self) -> dict[str, Any]:
        return {"id": self.lm.name, "object": "model", "created": self.began, "owned_by": "adjoint"}

    async def _ask(self, request: Request, say: Callable[[str], None] | None = None) -> Response:
        if request.temperature and request.seed is None:
            # Whoever samples without a seed wants another draw each time, also where sampling is reproducible.
            request = request.with_options(sample=secrets.randbits(32))
        token = heard.set(say)
        try:
            with context(lm=self.lm, ledger=self.ledger):
                return await send(request, self.lm)
        finally:
            heard.reset(token)

    async def _pieces(self, request: Request) -> AsyncGenerator[str | Response, None]:
        """The text as it is written, and the reply last. A model that writes no pieces, or several texts, gives the reply only."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        reply = asyncio.create_task(self._ask(request, queue.put_nowait if request.n == 1 else None))
        reply.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (piece := await queue.get()) is not None:
                yield piece
            yield await reply
        finally:
            reply.cancel()

    async def _stream(self, request: web.Request, asked: Asked, form: openai_write.Form) -> web.StreamResponse:
        out = Events(request)
        try:
            replies = [await self._one(out, form, one, index * one.n) for index, one in enumerate(asked.requests)]
        except AdjointError as error:
            if not out.begun:
                raise
            await out.send(refused(error).body)
            return out.response
        if asked.usage:
            await out.send(form.count(replies))
        await out.end()
        return out.response

    async def _one(self, out: Events, form: openai_write.Form, request: Request, index: int) -> Response:
        """Stream the choices of one request, the first of which is number `index`."""
        said = 0
        async with aclosing(self._pieces(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    await out.send(form.delta(index, piece, first=not said))
                    said += len(piece)
                else:
                    await self._rest(out, form, piece, index, said)
                    return piece
        message = "a stream of pieces ended without its reply"
        raise AssertionError(message)

    async def _rest(self, out: Events, form: openai_write.Form, reply: Response, index: int, said: int) -> None:
        """What was not said yet, and the end of each choice."""
        for at, (text, _, own) in enumerate(openai_write.texts([reply]), index):
            done = said if own else 0
            if text[done:] or not done:
                await out.send(form.delta(at, text[done:], first=not done))
            await out.send(form.last(at, reply, own=own))


class Events:
    """Server-sent events. The status goes out with the first of them, so that what fails before has its own."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        )

    @property
    def begun(self) -> bool:
        return self.response.prepared

    async def send(self, event: dict[str, Any]) -> None:
        await self._write(dumps(event))

    async def end(self) -> None:
        await self._write("[DONE]")
        await self.response.write_eof()

    async def _write(self, data: str) -> None:
        if not self.begun:
            await self.response.prepare(self._request)
        await self.response.write(f"data: {data}\n\n".encode())
