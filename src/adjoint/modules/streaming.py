"""streamify: a program whose outputs arrive in pieces."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write
from adjoint.base.portal import portal
from adjoint.program import stream
from adjoint.program.context import context, current

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence

    from adjoint.adapters.base import Adapter
    from adjoint.adapters.pieces import Reader
    from adjoint.program.module import Module
    from adjoint.signature.signature import Signature


@dataclass(frozen=True, slots=True)
class StreamResponse:
    """A piece of an output: which predictor writes which field, the text, and whether it was the field's last piece."""

    predict_name: str
    signature_field_name: str
    chunk: str
    is_last_chunk: bool = False


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """A message on what is going on."""

    message: str


class StatusMessageProvider:
    """Says what is going on: override the methods whose messages you want; None says nothing."""

    def module_start_status_message(self, instance: Any, inputs: dict[str, Any]) -> str | None: ...
    def module_end_status_message(self, outputs: Any) -> str | None: ...
    def lm_start_status_message(self, instance: Any, inputs: dict[str, Any]) -> str | None: ...
    def lm_end_status_message(self, outputs: Any) -> str | None: ...
    def tool_start_status_message(self, instance: Any, inputs: dict[str, Any]) -> str | None: ...
    def tool_end_status_message(self, outputs: Any) -> str | None: ...


@dataclass(frozen=True)
class StreamListener:
    """What to listen to: one output field, of any predictor, of the one called `predict_name`, or of `predict` itself."""

    signature_field_name: str
    predict: Any = None
    predict_name: str | None = None
    allow_reuse: bool = True
    """Accepted for DSPy's sake: a listener always hears every call of its predictor."""

    def hears(self, module: Any, name: str, field: str) -> bool:
        named = self.predict_name is None or self.predict_name == name
        return field == self.signature_field_name and named and (self.predict is None or self.predict is module)


def streamify(
    program: Module,
    status_message_provider: StatusMessageProvider | None = None,
    stream_listeners: Sequence[StreamListener] | None = None,
    *,
    include_final_prediction_in_output_stream: bool = True,
    is_async_program: bool = False,
    async_streaming: bool = True,
) -> Callable[..., Any]:
    """The program as a function whose result is an asynchronous iterator (a plain one with `async_streaming=False`).

    It gives a `StreamResponse` for each piece of each output that the listeners want, by default of all outputs of all
    predictors, and the `Prediction` last. A field that was not written in pieces (a reply from the cache, an LM that
    cannot stream, an adapter without `pieces`) comes as one piece. If a reply must be repaired, the prediction is right
    and the pieces show the first attempt.
    """
    del is_async_program  # a program has both colours

    async def pieces(*args: Any, **inputs: Any) -> AsyncGenerator[Any]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        loop, done = asyncio.get_running_loop(), object()

        def put(item: Any) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, item)

        told = [_Status(status_message_provider, put)] if status_message_provider else []

        async def work() -> Any:
            try:
                stream.listener.set(_Pieces(program, stream_listeners, put))
                with context(callbacks=(*current().callbacks, *told)):
                    return await program.acall(*args, **inputs)
            finally:
                put(done)

        task = asyncio.ensure_future(work())
        try:
            while (item := await queue.get()) is not done:
                yield item
            made = await task
            if include_final_prediction_in_output_stream or not stream_listeners:
                yield made
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(task, return_exceptions=True)

    return pieces if async_streaming else lambda *args, **inputs: apply_sync_streaming(pieces(*args, **inputs))


def apply_sync_streaming(items: AsyncGenerator[Any]) -> Iterator[Any]:
    """An asynchronous stream as a plain iterator."""

    async def following() -> tuple[bool, Any]:
        try:
            return True, await anext(items)
        except StopAsyncIteration:
            return False, None

    try:
        while (found := portal.run(following()))[0]:
            yield found[1]
    finally:
        portal.run(items.aclose())


class _Pieces:
    """Gives a reading for each call of a predictor that somebody listens to."""

    def __init__(self, program: Module, listeners: Sequence[StreamListener] | None, put: Callable[[Any], None]) -> None:
        self.names = {id(predictor): name for name, predictor in program.named_predictors()}
        self.listeners, self.put = listeners, put

    def __call__(self, predictor: Any, adapter: Adapter, signature: type[Signature], supports: frozenset[str]) -> _Reading:
        name = self.names.get(id(predictor), type(predictor).__name__)
        wanted = [field for field in signature.output_fields if self._wanted(predictor, name, field)]
        cut = getattr(adapter, "pieces", None)  # an adapter need not have it
        return _Reading(name, wanted, cut and cut(signature, supports=supports), self.put)

    def _wanted(self, predictor: Any, name: str, field: str) -> bool:
        return self.listeners is None or any(listener.hears(predictor, name, field) for listener in self.listeners)


class _Reading:
    """One reply: its pieces by field. Each waits for the next, so that the last one can say that it is."""

    def __init__(self, name: str, wanted: Sequence[str], reader: Reader | None, put: Callable[[Any], None]) -> None:
        self.name, self.wanted, self.reader, self.put = name, wanted, reader, put
        self.said: set[str] = set()
        self.waiting: tuple[str, str] | None = None

    def add(self, text: str) -> None:
        if self.reader is not None:
            self._take(self.reader.add(text))

    def end(self, outputs: Mapping[str, Any]) -> None:
        if self.reader is not None:
            self._take(self.reader.end())
        self._pass_on(last=True)
        for field in self.wanted:
            if field not in self.said:
                self.put(StreamResponse(self.name, field, write(outputs[field]), is_last_chunk=True))

    def _take(self, pieces: Iterable[tuple[str, str]]) -> None:
        for field, text in pieces:
            if field in self.wanted:
                self._pass_on(last=self.waiting is not None and self.waiting[0] != field)
                self.waiting = (field, text)
                self.said.add(field)

    def _pass_on(self, *, last: bool) -> None:
        if self.waiting is not None:
            self.put(StreamResponse(self.name, *self.waiting, is_last_chunk=last))
        self.waiting = None


class _Status:
    """Turns events into messages, in the words of the provider."""

    def __init__(self, provider: Any, put: Callable[[Any], None]) -> None:
        self.provider, self.put = provider, put

    def __getattr__(self, name: str) -> Any:
        kind, _, when = name.removeprefix("on_").rpartition("_")
        ask = getattr(self.provider, f"{kind}_{when}_status_message", None)
        if not name.startswith("on_") or ask is None:
            raise AttributeError(name)

        def say(**given: Any) -> None:
            said = ask(given["instance"], given["inputs"]) if when == "start" else ask(given["outputs"])
            if said is not None:
                self.put(StatusMessage(said))

        return say
