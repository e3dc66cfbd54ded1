"""The client for Anthropic's Messages API: what it sends, and how it reads what comes."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from adjoint.base.errors import AuthError, ContextLengthError, RateLimitError, RequestError, ServerError, UsageError
from adjoint.base.portal import portal
from adjoint.lm.anthropic import MAX_TOKENS, Anthropic
from adjoint.lm.types import Message, Part, Request, ToolCall, ToolSpec, Usage
from adjoint.testing import FakeProvider, Raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adjoint.base.errors import LMError

ASK = Request((Message("system", "Be brief."), Message("user", "two words")))
KEY = "sk-ant-canary-0123456789abcdef"
IMAGE = Part("image", data="aGk=", media_type="image/png")
MARK = {"type": "ephemeral"}


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


def client(provider: FakeProvider, **options: Any) -> Anthropic:
    return Anthropic(
        "claude", **{"provider": "anthropic", "base_url": provider.base_url, "api_key": KEY, "timeout": 5.0, **options}
    )


def sent(request: Request) -> dict[str, Any]:
    return Anthropic("claude", provider="anthropic", base_url="https://api.anthropic.com", api_key=KEY).payload(request)


def message(**fields: Any) -> Raw:
    body = {"content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn", "usage": {}, **fields}
    return Raw(200, json.dumps(body).encode())


def error(kind: str, words: str, status: int) -> Raw:
    return Raw(status, json.dumps({"type": "error", "error": {"type": kind, "message": words}}).encode())


def test_a_request_names_the_version_and_says_the_system_apart(provider: FakeProvider) -> None:
    response = portal.run(client(provider)(ASK))
    assert (response.text, response.usage, response.model) == ("two words", Usage(1, 4, 2, 0.0), "claude")
    assert provider.paths == ["/v1/messages"]
    assert provider.bodies[0] == {
        "model": "claude",
        "max_tokens": MAX_TOKENS,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "two words"}],
    }
    headers = client(provider)._endpoint.headers
    assert headers == {"anthropic-version": "2023-06-01", "x-api-key": KEY}


@pytest.mark.parametrize("base", ["https://h", "https://h/", "https://h/v1", "https://h/v1/", "https://h/v1/messages"])
def test_the_base_url_may_have_its_version_or_not(base: str) -> None:
    lm = Anthropic("m", provider="anthropic", base_url=base, api_key=None)
    assert (lm._endpoint.url, lm.identity) == ("https://h/v1/messages", "anthropic/m@https://h")


def test_only_options_that_it_knows_are_sent() -> None:
    full = ASK.with_options(temperature=0.5, max_tokens=7, stop=("x",), seed=3, logprobs=True, sample=2, extra={"top_k": 5})
    body = sent(full)
    assert {name: body[name] for name in ("temperature", "max_tokens", "stop_sequences", "top_k")} == {
        "temperature": 0.5,
        "max_tokens": 7,
        "stop_sequences": ["x"],
        "top_k": 5,
    }
    assert not {"seed", "logprobs", "stop", "n"} & set(body)


def test_tools_their_calls_and_their_answers_have_its_form() -> None:
    turns = (
        Message("user", "weather?"),
        Message("assistant", "", tool_calls=(ToolCall("a", "get", '{"x": 1}'), ToolCall("b", "get", "broken"))),
        Message("tool", "snow", tool_call_id="a"),
        Message("tool", "rain", tool_call_id="b"),
        Message("user", "and now?"),
    )
    body = sent(Request(turns, tools=(ToolSpec("get", "Get it.", {"type": "object"}),), tool_choice="get"))
    assert body["tools"] == [{"name": "get", "description": "Get it.", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "tool", "name": "get"}
    assert body["messages"][1]["content"] == [
        {"type": "tool_use", "id": "a", "name": "get", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "get", "input": {"arguments": "broken"}},
    ]
    assert body["messages"][2] == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "snow"},
            {"type": "tool_result", "tool_use_id": "b", "content": "rain"},
            {"type": "text", "text": "and now?"},
        ],
    }
    assert sent(ASK.with_options(tool_choice="required"))["tool_choice"] == {"type": "any"}


def test_images_and_files_are_sent_and_sounds_are_refused() -> None:
    plain = base64.b64encode(b"words").decode()
    parts = (
        Part("text", "see"),
        IMAGE,
        Part("image", url="https://x/y.png"),
        Part("file", data="aGk=", media_type="application/pdf", name="a.pdf"),
        Part("file", data=plain, media_type="text/plain"),
    )
    assert sent(Request((Message("user", parts),)))["messages"][0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}, "title": "a.pdf"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
    ]
    for part in (Part("audio", data="aGk=", media_type="audio/wav"), Part("file", data="?", media_type="text/plain")):
        with pytest.raises(UsageError, match="the Messages API takes no"):
            sent(Request((Message("user", (part,)),)))


def test_the_shared_prefix_is_marked_for_the_cache_on_request() -> None:
    turns = (Message("system", "s"), Message("user", "demo"), Message("assistant", "answer"), Message("user", "q"))
    assert "cache_control" not in json.dumps(sent(Request(turns)))
    body = sent(Request(turns, extra={"prompt_cache": True}))
    assert body["system"] == [{"type": "text", "text": "s", "cache_control": MARK}]
    assert body["messages"][1]["content"] == [{"type": "text", "text": "answer", "cache_control": MARK}]
    assert body["messages"][2] == {"role": "user", "content": "q"}
    assert "prompt_cache" not in body
    hour = sent(Request(turns[1:], tools=(ToolSpec("t", "", {}),), extra={"prompt_cache": "1h"}))
    assert hour["tools"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    with pytest.raises(UsageError, match="prompt_cache='2h'"):
        sent(Request(turns, extra={"prompt_cache": "2h"}))


def test_a_schema_is_closed_and_sent() -> None:
    body = sent(ASK.with_options(schema={"type": "object", "properties": {"a": {"type": "string"}}}))
    closed = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False, "required": ["a"]}
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": closed}}


@pytest.mark.parametrize(
    ("said", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "refusal"),
    ],
)
def test_reasons_to_stop(provider: FakeProvider, said: str, finish: str) -> None:
    provider.faults = [message(stop_reason=said)]
    assert portal.run(client(provider)(ASK)).finish == finish


def test_thoughts_tools_and_text_are_kept_apart(provider: FakeProvider) -> None:
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"k": "ü"}},
    ]
    provider.faults = [message(content=content, stop_reason="tool_use")]
    response = portal.run(client(provider)(ASK))
    assert (response.text, response.reasoning) == ("ab", "hm")
    assert response.tool_calls == (ToolCall("t", "f", '{"k": "ü"}'),)


def test_tokens_of_the_cache_count_as_input(provider: FakeProvider) -> None:
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100, "output_tokens": 5}
    provider.faults = [message(usage=usage)]
    assert portal.run(client(provider, price=(1.0, 2.0))(ASK)).usage == Usage(1, 123, 5, pytest.approx(133e-6))


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (error("overloaded_error", "Overloaded", 529), ServerError, "529"),
        (error("rate_limit_error", "slow down", 429), RateLimitError, "slow down"),
        (error("authentication_error", "bad key", 401), AuthError, "ANTHROPIC_API_KEY"),
        (error("billing_error", "pay", 400), AuthError, "no credit"),
        (error("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum", 400), ContextLengthError, "too long"),
        (error("invalid_request_error", "max_tokens: wrong", 400), RequestError, "max_tokens"),
        (error("rate_limit_error", "slow down", 200), RateLimitError, "slow down"),
        (message(content="x"), ServerError, "no content"),
        (message(stop_reason="something_new"), ServerError, "ended with 'something_new'"),
        (message(stop_reason=None), ServerError, "no content with a reason to stop"),
        (message(content=[{"type": "text", "text": 3}]), ServerError, "a int as content"),
        (message(content=[{"type": "tool_use", "id": "t"}]), ServerError, "a tool call without a name"),
        (message(content=[3]), ServerError, "no content that are objects"),
    ],
)
def test_errors_and_broken_messages_are_typed(provider: FakeProvider, fault: Raw, kind: type[LMError], words: str) -> None:
    provider.faults = [fault]
    with pytest.raises(kind, match=words) as caught:
        portal.run(client(provider)(ASK))
    assert KEY not in str(caught.value)


def test_several_replies_are_several_calls_and_one_failure_fails_them_all(provider: FakeProvider) -> None:
    response = portal.run(client(provider)(ASK.with_options(n=3)))
    assert response.others == ("two words", "two words")
    assert response.usage == Usage(3, 12, 6, 0.0)
    provider.faults = [*[None] * 4, "500"]
    with pytest.raises(ServerError):
        portal.run(client(provider)(ASK.with_options(n=3)))


def test_what_cannot_be_asked_is_refused_before_it_is_sent(provider: FakeProvider) -> None:
    for request in (Request((Message("system", "s"),)), ASK.with_options(n=0), ASK.with_options(extra={"stream": True})):
        with pytest.raises(UsageError):
            portal.run(client(provider)(request))
    assert provider.requests == 0
