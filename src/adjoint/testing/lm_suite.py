"""The conformance suite for language models: subclass it in a test file, and pytest checks that your LM keeps the rules.

```python
from adjoint.testing.lm_suite import LMConformance

class TestMyLM(LMConformance):
    def lm(self):
        return MyLM("some-model")
```
Needs pytest. What an LM does not offer is left out of `can`; faults are tested where `broken` says how to cause them.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from adjoint.base.errors import AuthError, LMError, RateLimitError, RequestError, ServerError, TransportError
from adjoint.lm.base import BaseLM, identity_of
from adjoint.lm.types import Delta, Message, Request, Response, ToolSpec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Mapping

READY = "Reply with the single word: ready"
COUNT = "Count from one to one hundred in words."
NUMBER = "Reply with this number and nothing else: "
WEATHER = "Use the tool to find out how the weather is in Paris."
PERSON = "Ada Lovelace was 36 years old. Give her name and age as JSON."
TOOL = ToolSpec(
    "get_weather",
    "The weather in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
)
SCHEMA = {
    "title": "Person",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}

ERRORS: Mapping[str, type[LMError]] = {
    "400": RequestError,
    "401": AuthError,
    "404": RequestError,
    "429": RateLimitError,
    "429-date": RateLimitError,
    "429-reset": RateLimitError,
    "429-stale": RateLimitError,
    "500": ServerError,
    "502": ServerError,
    "503": ServerError,
    "529": ServerError,
    "html_error": ServerError,
    "reset": TransportError,
    "reset_headers": TransportError,
    "half_body": TransportError,
    "slow_body": TransportError,
    "hang": TransportError,
    "bad_utf8": ServerError,
    "bad_gzip": LMError,
    "html": ServerError,
    "empty": ServerError,
    "wrong_json": ServerError,
    "wrong_schema": ServerError,
    "not_object": ServerError,
    "duplicate_keys": ServerError,
    "no_choices": ServerError,
    "error_200": ServerError,
    "huge": ServerError,
}
"""Faults of one call and the error that each must be, or a kind of it."""

STREAM_ERRORS: Mapping[str, type[LMError]] = {
    **{fault: kind for fault, kind in ERRORS.items() if fault not in ("half_body", "no_choices", "wrong_json")},
    "stream_cut": TransportError,
    "stream_short": ServerError,
    "stream_stall": TransportError,
    "stream_error": ServerError,
    "stream_garbage": ServerError,
}


class LMConformance:
    """What every language model must do. The tests ask a few short questions, which a real model can answer too.

    `can` lists what the LM offers of "options", "usage", "truncated", "n", "tools" and "schema"; a method `stream` on the
    LM shows that it streams. `secret` is its key, which must not be seen anywhere. LMs of `broken` should give up after
    a second at most, so that faults of silence end soon.
    """

    can: ClassVar[frozenset[str]] = frozenset({"options", "usage", "truncated", "n", "tools", "schema"})
    secret: ClassVar[str | None] = None

    def lm(self) -> BaseLM:
        """A fresh LM that works."""
        raise NotImplementedError

    def broken(self, fault: str) -> BaseLM:
        """An LM whose next call meets this fault (see `adjoint.testing.faults.Fault`)."""
        pytest.skip(f"{type(self).__name__} says no way to cause faults such as {fault}")

    def open_connections(self) -> int:
        """How many calls the other side still works on."""
        pytest.skip(f"{type(self).__name__} does not count open connections")

    # Answers -----------------------------------------------------------------------------------------------------

    def test_it_is_an_lm_with_a_name(self) -> None:
        lm = self.lm()
        assert isinstance(lm, BaseLM)
        assert lm.name
        assert identity_of(lm) == identity_of(self.lm()), "the same model must have the same identity"

    def test_it_answers_with_text(self) -> None:
        response = self._ask(READY)
        assert "ready" in response.text.lower()
        assert response.finish == "stop"
        assert not response.cached

    def test_it_answers_on_any_event_loop(self) -> None:
        lm = self.lm()
        assert run(lm(ask(READY))).text
        assert run(lm(ask(READY))).text

    def test_answers_at_once_are_not_mixed_up(self) -> None:
        lm = self.lm()

        async def many() -> list[Response]:
            return await asyncio.gather(*(lm(ask(f"{NUMBER}{number}")) for number in range(100, 116)))

        texts = [response.text for response in run(many())]
        assert all(str(number) in text for number, text in zip(range(100, 116), texts, strict=True)), texts

    def test_options_are_taken(self) -> None:
        self._needs("options")
        assert "ready" in self._ask(READY, temperature=0.0, max_tokens=512, seed=1, sample=3).text.lower()

    def test_usage_counts_the_call_and_its_tokens(self) -> None:
        self._needs("usage")
        usage = self._ask(READY).usage
        assert usage.calls == 1
        assert usage.input_tokens > 0
        assert usage.output_tokens > 0

    def test_a_reply_that_is_cut_off_says_so(self) -> None:
        self._needs("truncated")
        assert self._ask(COUNT, max_tokens=16).finish == "length"

    def test_several_replies_come_in_one_response(self) -> None:
        self._needs("n")
        response = self._ask(READY, n=3)
        assert len(response.others) == 2
        assert all("ready" in text.lower() for text in (response.text, *response.others))

    def test_a_tool_is_called_and_its_answer_is_used(self) -> None:
        self._needs("tools")
        question = Request((Message("user", WEATHER),), tools=(TOOL,), tool_choice="required")
        first = run(self.lm()(question))
        assert first.finish == "tool_calls"
        call = first.tool_calls[0]
        assert call.name == TOOL.name
        assert "paris" in json.loads(call.arguments)["city"].lower()
        turns = (
            *question.messages,
            Message("assistant", first.text, tool_calls=first.tool_calls),
            *(Message("tool", "It is snowing.", tool_call_id=one.id) for one in first.tool_calls),
        )
        second = run(self.lm()(Request(turns, tools=(TOOL,))))
        assert "snow" in second.text.lower()

    def test_a_schema_is_kept(self) -> None:
        self._needs("schema")
        found = json.loads(self._ask(PERSON, schema=SCHEMA).text)
        assert (type(found["name"]), found["age"]) == (str, 36)

    def test_a_refusal_is_an_answer_that_says_so(self) -> None:
        assert run(self.broken("refusal")(ask(READY))).finish == "refusal"

    # Streams -----------------------------------------------------------------------------------------------------

    def test_a_stream_gives_pieces_and_then_the_whole(self) -> None:
        *pieces, last = run(self._streamed(self.lm(), ask(READY)))
        assert isinstance(last, Response)
        assert all(isinstance(piece, Delta) for piece in pieces)
        assert "".join(piece.text for piece in pieces if isinstance(piece, Delta)) == last.text
        assert "ready" in last.text.lower()

    def test_a_streamed_tool_call_is_whole(self) -> None:
        self._needs("tools")
        question = ask(WEATHER, tools=(TOOL,), tool_choice="required")
        last = run(self._streamed(self.lm(), question))[-1]
        assert isinstance(last, Response)
        assert (last.finish, last.tool_calls[0].name) == ("tool_calls", TOOL.name)
        assert "paris" in json.loads(last.tool_calls[0].arguments)["city"].lower()

    def test_a_stream_that_is_left_early_ends(self) -> None:
        async def leave() -> None:
            async with aclosing(_stream(self.lm(), ask(COUNT))) as pieces:
                async for _ in pieces:
                    break

        run(leave())
        self._falls_silent()

    def test_every_fault_of_a_stream_is_a_typed_error(self) -> None:
        _stream(self.lm(), ask(READY))
        self._all_typed(STREAM_ERRORS, lambda lm: self._streamed(lm, ask(COUNT)))

    # Faults ------------------------------------------------------------------------------------------------------

    def test_every_fault_is_a_typed_error(self) -> None:
        self._all_typed(ERRORS, lambda lm: lm(ask(READY)))

    def test_a_call_that_is_cancelled_is_given_up_on_the_wire(self) -> None:
        async def give_up() -> None:
            task = asyncio.ensure_future(self.broken("hang")(ask(READY)))
            await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

        run(give_up())
        self._falls_silent()

    def test_the_secret_is_seen_nowhere(self) -> None:
        if self.secret is None:
            pytest.skip(f"{type(self).__name__} names no secret")
        lm = self.lm()
        seen = [repr(lm), lm.name, str(identity_of(lm)), str(vars(lm).values())]
        for fault in ("401", "429", "500", "html", "hang", "reset"):
            error = run(_caught(self.broken(fault)(ask(READY))))
            seen += [str(error), repr(error)]
        assert not any(self.secret in text for text in seen)

    # Tools -------------------------------------------------------------------------------------------------------

    def _needs(self, feature: str) -> None:
        if feature not in self.can:
            pytest.skip(f"{type(self).__name__} does not offer {feature}")

    def _ask(self, text: str, **options: Any) -> Response:
        response: Response = run(self.lm()(ask(text, **options)))
        return response

    async def _streamed(self, lm: BaseLM, request: Request) -> list[Delta | Response]:
        async with aclosing(_stream(lm, request)) as pieces:
            return [piece async for piece in pieces]

    def _all_typed(self, table: Mapping[str, type[LMError]], call: Any) -> None:
        wrong = []
        for fault, kind in table.items():
            error = run(_caught(call(self.broken(fault))))
            if not isinstance(error, kind):
                wrong.append(f"{fault}: {kind.__name__} expected, got {error!r}")
            elif "\n" in str(error) or (self.secret and self.secret in str(error)):
                wrong.append(f"{fault}: the message is not one clean line: {error}")
        assert not wrong, "\n".join(wrong)

    def _falls_silent(self) -> None:
        deadline = time.monotonic() + 2.0
        while self.open_connections() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.open_connections() == 0


def ask(text: str, **options: Any) -> Request:
    return Request((Message("user", text),), **options)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def _stream(lm: BaseLM, request: Request) -> AsyncGenerator[Delta | Response, None]:
    stream = getattr(lm, "stream", None)
    if stream is None:
        pytest.skip(f"{lm.name} does not stream")
    made: AsyncGenerator[Delta | Response, None] = stream(request)
    return made


async def _caught(call: Coroutine[Any, Any, Any]) -> LMError | None:
    """The error of a call; other errors than of language models are let through, since they would reach the user too."""
    try:
        await call
    except LMError as error:
        return error
    return None
