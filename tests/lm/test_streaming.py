"""Streams: server-sent events cut anywhere, pieces that add up to the whole reply, and failures in the middle."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adjoint.base.errors import AuthError, RateLimitError, ServerError, TransportError, UsageError
from adjoint.base.portal import portal
from adjoint.lm import http
from adjoint.lm.anthropic import Anthropic
from adjoint.lm.completions import OpenAIText
from adjoint.lm.gemini import Gemini
from adjoint.lm.openai import OpenAIChat
from adjoint.lm.responses import OpenAIResponses
from adjoint.lm.sse import Events
from adjoint.lm.types import Delta, Message, Request, Response, TokenLogprob, ToolCall, Usage
from adjoint.testing import FakeProvider, Raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adjoint.base.errors import LMError
    from adjoint.lm.client import Client

ASK = Request((Message("user", "say something"),))
KEY = "sk-canary-0123456789abcdef"
CLIENTS: list[type[Client]] = [OpenAIChat, OpenAIText, OpenAIResponses, Anthropic, Gemini]
FULL = Response(
    "I will look\n that up: ü 😀",
    finish="tool_calls",
    usage=Usage(1, 11, 7, 0.0),
    model="tiny",
    reasoning="first I think, then I act",
    tool_calls=(ToolCall("a", "find", '{"q": "a b"}'), ToolCall("b", "find", '{"q": "c"}')),
)


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(lambda _: FULL) as running:
        yield running


def client(kind: type[Client], provider: FakeProvider, **options: Any) -> Client:
    return kind("tiny", **{"provider": "fake", "base_url": provider.base_url, "api_key": KEY, "timeout": 5.0, **options})


async def streamed(lm: Client, request: Request = ASK) -> list[Delta | Response]:
    async with aclosing(lm.stream(request)) as pieces:
        return [piece async for piece in pieces]


def events(*data: object) -> Raw:
    body = "".join(f"data: {item if isinstance(item, str) else json.dumps(item)}\n\n" for item in data)
    return Raw(200, body.encode(), {"Content-Type": "text/event-stream; charset=utf-8"})


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_streamed_reply_is_the_reply_that_is_not_streamed(provider: FakeProvider, kind: type[Client]) -> None:
    lm = client(kind, provider)
    whole = portal.run(lm(ASK))
    *pieces, last = asyncio.run(streamed(lm))
    assert last == whole
    assert len(pieces) > 3
    assert "".join(piece.text for piece in pieces if isinstance(piece, Delta)) == whole.text
    assert "".join(piece.reasoning for piece in pieces if isinstance(piece, Delta)) == (whole.reasoning or "")


@pytest.mark.parametrize("kind", [OpenAIChat, OpenAIResponses, Anthropic, Gemini])
def test_nothing_of_a_full_reply_is_lost_on_the_way(provider: FakeProvider, kind: type[Client]) -> None:
    whole = portal.run(client(kind, provider)(ASK))
    assert (whole.text, whole.reasoning, whole.finish) == (FULL.text, FULL.reasoning, FULL.finish)
    assert [(call.name, json.loads(call.arguments)) for call in whole.tool_calls] == [
        ("find", {"q": "a b"}),
        ("find", {"q": "c"}),
    ]


@pytest.mark.parametrize("kind", [OpenAIChat, OpenAIText, Gemini])
def test_several_replies_and_log_probabilities_can_be_streamed(provider: FakeProvider, kind: type[Client]) -> None:
    provider.answer = lambda _: Response("one two", others=("three", "four"))
    *pieces, last = asyncio.run(streamed(client(kind, provider), ASK.with_options(n=3, logprobs=True)))
    assert isinstance(last, Response)
    assert last.others == ("three", "four")
    assert last.logprobs == (TokenLogprob("one", -0.25), TokenLogprob("two", -0.25))
    assert "".join(piece.text for piece in pieces if isinstance(piece, Delta)) == "one two"


@pytest.mark.parametrize("kind", [OpenAIResponses, Anthropic])
def test_several_streams_at_once_are_refused_where_the_provider_has_one(provider: FakeProvider, kind: type[Client]) -> None:
    with pytest.raises(UsageError, match="one reply at a time"):
        asyncio.run(streamed(client(kind, provider), ASK.with_options(n=2)))


@pytest.mark.parametrize("kind", CLIENTS)
def test_pieces_arrive_before_the_reply_is_complete(provider: FakeProvider, kind: type[Client]) -> None:
    provider.answer, provider.faults = lambda _: "word " * 50, ["stream_stall"]

    async def first() -> Delta | Response:
        async with aclosing(client(kind, provider).stream(ASK)) as pieces:
            return await anext(pieces)

    assert isinstance(asyncio.run(first()), Delta)


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("stream_cut", TransportError),
        ("stream_short", ServerError),
        ("stream_error", ServerError),
        ("stream_garbage", ServerError),
    ],
)
def test_a_stream_that_fails_has_given_pieces_but_no_response(
    provider: FakeProvider, kind: type[Client], fault: Any, error: type[LMError]
) -> None:
    provider.answer = lambda _: "word " * 50
    provider.faults = [fault]
    got: list[Delta | Response] = []

    async def collect() -> None:
        async with aclosing(client(kind, provider).stream(ASK)) as pieces:
            async for piece in pieces:
                got.append(piece)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(error) as caught:
        asyncio.run(collect())
    assert got
    assert not any(isinstance(piece, Response) for piece in got)
    assert KEY not in str(caught.value)


BROKEN: list[tuple[type[Client], Raw, type[LMError], str]] = [
    (OpenAIChat, events(), ServerError, "ended before the reply did"),
    (OpenAIChat, events(chunk({"content": "a"}), "[DONE]"), ServerError, "ended before the reply did"),
    (OpenAIChat, events(chunk({"content": 3})), ServerError, "a int as content"),
    (OpenAIChat, events({"choices": [3]}), ServerError, "no choices"),
    (
        OpenAIChat,
        events(chunk({"content": "a"}), {"error": {"message": "m", "code": "rate_limit_exceeded"}}),
        RateLimitError,
        "429",
    ),
    (OpenAIChat, events({"error": {"message": f"bad {KEY}", "type": "invalid_api_key"}}), AuthError, r"\[key\]"),
    (OpenAIChat, events(chunk({}, "error")), ServerError, "ended in an error"),
    (
        OpenAIChat,
        events(chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, "stop")),
        ServerError,
        "without a name",
    ),
    (OpenAIChat, Raw(200, b'{"choices": []}'), ServerError, "'application/json' where a stream"),
    (OpenAIChat, Raw(200, b'{"error": {"message": "m", "code": 429}}'), RateLimitError, "429"),
    (Anthropic, events({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}), ServerError, "529"),
    (Anthropic, events({"type": "content_block_delta", "index": 0, "delta": {}}), ServerError, "not begun"),
    (Anthropic, events({"type": "content_block_start", "content_block": {}}), ServerError, "without an index"),
    (
        Anthropic,
        events({"type": "message_start", "message": {}}, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        ServerError,
        "ended before the reply did",
    ),
    (Anthropic, events({"type": "message_stop"}), ServerError, "no content with a reason to stop"),
    (OpenAIResponses, events({"type": "error", "code": "rate_limit_exceeded", "message": "m"}), RateLimitError, "429"),
    (
        OpenAIResponses,
        events({"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error", "message": "m"}}}),
        ServerError,
        "500: m",
    ),
    (Gemini, events({"candidates": [{"content": {"parts": [{"text": "a"}]}}]}), ServerError, "ended before the reply did"),
]


@pytest.mark.parametrize(("kind", "raw", "error", "words"), BROKEN)
def test_broken_streams_are_typed_errors(
    provider: FakeProvider, kind: type[Client], raw: Raw, error: type[LMError], words: str
) -> None:
    provider.faults = [raw]
    with pytest.raises(error, match=words) as caught:
        asyncio.run(streamed(client(kind, provider)))
    assert "canary" not in str(caught.value)


def test_servers_that_are_sloppy_but_clear_are_understood(provider: FakeProvider) -> None:
    call = {"function": {"name": "f", "arguments": {"x": 1}}}
    provider.faults = [
        events(chunk({"content": "a"}), chunk({}, "length")),  # no [DONE], no usage
        events(chunk({"tool_calls": [call]}), chunk({"tool_calls": [call]}, "stop"), "[DONE]"),  # no index, no id, arguments as an object
        Raw(200, b': hello\r\ndata: {"choices":\r\ndata: [{"delta": {"content": "a"}, "finish_reason": "stop"}]}', {"Content-Type": "text/event-stream"}),
    ]  # fmt: skip
    lm = client(OpenAIChat, provider)
    first, second, third = (asyncio.run(streamed(lm))[-1] for _ in range(3))
    assert isinstance(first, Response)
    assert (first.text, first.finish, first.usage.output_tokens) == ("a", "length", 1)
    assert isinstance(second, Response)
    assert second.tool_calls == (ToolCall("call_0", "f", '{"x": 1}'), ToolCall("call_1", "f", '{"x": 1}'))
    assert isinstance(third, Response)
    assert third.text == "a"


def test_a_stream_that_never_ends_is_cut_off(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BODY", 2**16)
    provider.faults = [events(*[chunk({"content": "x" * 1000})] * 100)]
    with pytest.raises(ServerError, match="the rest was not read"):
        asyncio.run(streamed(client(OpenAIChat, provider)))


def test_usage_is_asked_for_and_may_be_left_out(provider: FakeProvider) -> None:
    lm = client(OpenAIChat, provider)
    asyncio.run(streamed(lm))
    assert provider.bodies[0]["stream_options"] == {"include_usage": True}
    asyncio.run(streamed(lm, ASK.with_options(extra={"stream_options": {}})))
    assert provider.bodies[1]["stream_options"] == {}
    assert provider.bodies[1]["stream"] is True


def test_streams_work_on_the_loop_of_the_portal_too(provider: FakeProvider) -> None:
    assert isinstance(portal.run(streamed(client(OpenAIChat, provider)))[-1], Response)


def test_a_hundred_streams_at_once_are_not_mixed_up(provider: FakeProvider) -> None:
    provider.answer = lambda messages: f"you said {messages[-1]['content']} indeed"
    lm = client(OpenAIChat, provider)

    async def all_of_them() -> list[str]:
        asks = [Request((Message("user", f"row {number}"),)) for number in range(100)]
        return [found[-1].text for found in await asyncio.gather(*(streamed(lm, one) for one in asks))]

    assert asyncio.run(all_of_them()) == [f"you said row {number} indeed" for number in range(100)]
    assert provider.in_flight == 0


def test_an_empty_piece_between_the_two_halves_of_a_line_end_ends_no_event() -> None:
    events = Events()
    assert [data for piece in (b"data: a\r", b"", b"\ndata: b\r\n\r\n") for data in events.feed(piece)] == ["a\nb"]


LINE = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), min_size=1)
DATA = st.lists(st.lists(LINE, min_size=1, max_size=3), min_size=1, max_size=4)


@given(DATA, st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 400), max_size=12))
@example([["a", "b"], ["c"]], "\r\n", list(range(60)))
def test_events_are_the_same_wherever_the_bytes_are_cut(data: list[list[str]], end: str, cuts: list[int]) -> None:
    lines = ["".join(f"data: {line}{end}" for line in lines) for lines in data]
    raw = "".join(f": note{end}event: x{end}{event}{end}" for event in lines).encode()
    parser, found, start = Events(), [], 0
    for cut in [*sorted(cuts), len(raw)]:
        found += parser.feed(raw[start : max(cut, start)])
        start = max(cut, start)
    assert [*found, *parser.end()] == ["\n".join(lines) for lines in data]
