"""Tools, schemas and parts in OpenAI's interfaces: what is sent, and what comes back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from adjoint.base.errors import ServerError, UsageError
from adjoint.base.portal import portal
from adjoint.lm.completions import OpenAIText
from adjoint.lm.openai import OpenAIChat
from adjoint.lm.responses import OpenAIResponses
from adjoint.lm.schema import name_of, strict
from adjoint.lm.types import Message, Part, Request, Response, TokenLogprob, ToolCall, ToolSpec, Usage
from adjoint.testing import FakeProvider, Raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adjoint.lm.client import Client

ASK = Request((Message("system", "Be brief."), Message("user", "two words")))
TOOL = ToolSpec("get", "Get it.", {"type": "object", "properties": {"x": {"type": "integer"}}})
CALLS = (ToolCall("a", "get", '{"x": 1}'), ToolCall("b", "get", "broken"))
TURNS = (
    Message("user", "weather?"),
    Message("assistant", "", tool_calls=CALLS),
    Message("tool", "snow", tool_call_id="a"),
    Message("tool", "rain", tool_call_id="b"),
)
PARTS = (
    Part("text", "see"),
    Part("image", data="aGk=", media_type="image/png"),
    Part("image", url="https://x/y.png"),
    Part("audio", data="aGk=", media_type="audio/mpeg"),
    Part("file", data="aGk=", media_type="application/pdf", name="a.pdf"),
)


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


def client(kind: type[Client], provider: FakeProvider) -> Client:
    return kind("tiny", provider="openai", base_url=provider.base_url, api_key=None, timeout=5.0)


def sent(kind: type[Client], request: Request) -> dict[str, Any]:
    return kind("tiny", provider="openai", base_url="https://h/v1", api_key="k").payload(request)


def reply(**fields: Any) -> Raw:
    return Raw(200, json.dumps(fields).encode())


# Chat completions ----------------------------------------------------------------------------------------------------


def test_chat_tools_their_calls_and_their_answers() -> None:
    body = sent(OpenAIChat, Request(TURNS, tools=(TOOL,), tool_choice="get"))
    function = {"name": "get", "description": "Get it.", "parameters": TOOL.parameters}
    assert body["tools"] == [{"type": "function", "function": function}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "get"}}
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "get", "arguments": '{"x": 1}'}},
                {"id": "b", "type": "function", "function": {"name": "get", "arguments": "broken"}},
            ],
        },
        {"role": "tool", "content": "snow", "tool_call_id": "a"},
        {"role": "tool", "content": "rain", "tool_call_id": "b"},
    ]
    for word in ("auto", "none", "required"):
        assert sent(OpenAIChat, ASK.with_options(tool_choice=word))["tool_choice"] == word


def test_calls_come_back_as_they_are_even_when_their_arguments_are_broken(provider: FakeProvider) -> None:
    provider.answer = lambda _: Response("", finish="tool_calls", tool_calls=CALLS)
    response = portal.run(client(OpenAIChat, provider)(Request(TURNS[:1], tools=(TOOL,))))
    assert (response.text, response.finish, response.tool_calls) == ("", "tool_calls", CALLS)


def test_a_call_that_is_cut_off_is_not_taken_for_whole(provider: FakeProvider) -> None:
    provider.answer = lambda _: Response("", finish="length", tool_calls=(ToolCall("a", "get", '{"x": '),))
    for kind in (OpenAIChat, OpenAIResponses):
        assert portal.run(client(kind, provider)(ASK)).finish == "length"


def test_a_server_that_says_stop_after_a_call_is_understood(provider: FakeProvider) -> None:
    provider.answer = lambda _: Response("", finish="stop", tool_calls=CALLS[:1])
    assert portal.run(client(OpenAIChat, provider)(ASK)).finish == "tool_calls"


def test_chat_parts() -> None:
    assert sent(OpenAIChat, Request((Message("user", PARTS),)))["messages"][0]["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}},
    ]
    for part in (Part("file", url="https://x"), Part("audio", url="https://x")):
        with pytest.raises(UsageError, match="by URL"):
            sent(OpenAIChat, Request((Message("user", (part,)),)))


def test_a_schema_is_strict_where_it_can_be() -> None:
    closed = {"title": "My Answer", "type": "object", "properties": {"a": {"type": "string", "default": "x"}}}
    body = sent(OpenAIChat, ASK.with_options(schema=closed))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "My_Answer",
            "strict": True,
            "schema": {**closed, "additionalProperties": False, "required": ["a"]},
        },
    }
    open_ended = {"type": "object", "properties": {"a": {"type": "object", "additionalProperties": {"type": "integer"}}}}
    form = sent(OpenAIChat, ASK.with_options(schema=open_ended))["response_format"]["json_schema"]
    assert (form["strict"], form["schema"], form["name"]) == (False, open_ended, "reply")


@pytest.mark.parametrize(
    ("schema", "closed"),
    [
        ({"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
        ({"type": "array", "items": {"type": "object"}}, None),
        ({"anyOf": [{"type": "null"}, {"type": "object"}]}, None),
        ({"$defs": {"A": {"type": "object"}}, "$ref": "#/$defs/A"}, None),
        (
            {"$defs": {"type": {"properties": {}}}, "$ref": "#/$defs/type"},
            {"$defs": {"type": {"properties": {}, "additionalProperties": False, "required": []}}, "$ref": "#/$defs/type"},
        ),
        (
            {"properties": {"properties": {"type": "object", "properties": {"enum": {"type": "null"}}}}},
            {
                "properties": {
                    "properties": {
                        "type": "object",
                        "properties": {"enum": {"type": "null"}},
                        "additionalProperties": False,
                        "required": ["enum"],
                    }
                },
                "additionalProperties": False,
                "required": ["properties"],
            },
        ),
    ],
)
def test_objects_are_closed_at_every_depth_or_not_at_all(schema: dict[str, Any], closed: dict[str, Any] | None) -> None:
    assert strict(schema) == closed
    assert name_of(schema) == "reply"


def test_further_replies_are_kept_and_fewer_than_asked_are_an_error(provider: FakeProvider) -> None:
    provider.answer = lambda _: Response("a", others=("b", "c"))
    for kind in (OpenAIChat, OpenAIText):
        response = portal.run(client(kind, provider)(ASK.with_options(n=3)))
        assert (response.text, response.others, response.usage) == ("a", ("b", "c"), Usage(1, 4, 3, 0.0))
        assert provider.bodies[-1]["n"] == 3
        with pytest.raises(ServerError, match="no choices"):
            portal.run(client(kind, provider)(ASK.with_options(n=4)))


# Responses -----------------------------------------------------------------------------------------------------------


def test_responses_have_items_of_their_own() -> None:
    body = sent(OpenAIResponses, Request(TURNS, tools=(TOOL,), tool_choice="get", max_tokens=9, logprobs=True))
    assert body["input"] == [
        {"role": "user", "content": "weather?"},
        {"type": "function_call", "call_id": "a", "name": "get", "arguments": '{"x": 1}'},
        {"type": "function_call", "call_id": "b", "name": "get", "arguments": "broken"},
        {"type": "function_call_output", "call_id": "a", "output": "snow"},
        {"type": "function_call_output", "call_id": "b", "output": "rain"},
    ]
    assert body["tools"][0]["name"] == "get"
    assert body["tool_choice"] == {"type": "function", "name": "get"}
    assert (body["max_output_tokens"], body["include"]) == (9, ["message.output_text.logprobs"])
    form = sent(OpenAIResponses, ASK.with_options(schema={"type": "string"}))["text"]["format"]
    assert form == {"type": "json_schema", "name": "reply", "schema": {"type": "string"}, "strict": True}


def test_responses_parts_and_what_they_lack() -> None:
    parts = (*PARTS[:3], PARTS[4], Part("file", url="https://x/y.pdf"))
    content = sent(OpenAIResponses, Request((Message("user", parts),)))["input"][0]["content"]
    assert content == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "auto"},
        {"type": "input_image", "image_url": "https://x/y.png", "detail": "auto"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://x/y.pdf"},
    ]
    assert sent(OpenAIResponses, Request((Message("assistant", (Part("text", "a"),)),)))["input"][0]["content"] == [
        {"type": "output_text", "text": "a"}
    ]
    with pytest.raises(UsageError, match="no stop sequences"):
        sent(OpenAIResponses, ASK.with_options(stop=("x",)))
    with pytest.raises(UsageError, match="takes no audio audio/mpeg"):
        sent(OpenAIResponses, Request((Message("user", PARTS),)))


@pytest.mark.parametrize(
    ("fields", "finish"),
    [
        ({"status": "completed"}, "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "refusal"),
    ],
)
def test_states_of_a_response(provider: FakeProvider, fields: dict[str, Any], finish: str) -> None:
    output = [{"type": "message", "content": [{"type": "output_text", "text": "x"}]}]
    provider.faults = [reply(output=output, **fields)]
    assert portal.run(client(OpenAIResponses, provider)(ASK)).finish == finish


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "in_progress", "output": []}, "the status 'in_progress'"),
        ({"status": "cancelled", "output": []}, "the status 'cancelled'"),
        ({"output": []}, "the status None"),
        ({"status": "completed", "output": []}, "without output"),
        ({"status": "completed", "output": [3]}, "no output"),
        ({"status": "failed", "error": {"code": "server_error", "message": "broke"}}, "broke"),
        ({"status": "completed", "output": [{"type": "function_call"}]}, "a tool call without a name"),
    ],
)
def test_a_response_that_is_not_done_is_an_error(provider: FakeProvider, fields: dict[str, Any], words: str) -> None:
    provider.faults = [reply(**fields)]
    with pytest.raises(ServerError, match=words):
        portal.run(client(OpenAIResponses, provider)(ASK))


# Completions ---------------------------------------------------------------------------------------------------------


def test_completions_continue_one_prompt(provider: FakeProvider) -> None:
    response = portal.run(client(OpenAIText, provider)(ASK.with_options(max_tokens=4, logprobs=True, stop=("x",))))
    assert provider.paths == ["/v1/completions"]
    assert provider.bodies[0] == {
        "model": "tiny", "prompt": "Be brief.\n\ntwo words", "max_tokens": 4, "logprobs": 1, "stop": ["x"],
    }  # fmt: skip
    assert response.text == "Be brief.\n\ntwo words"
    assert response.logprobs is not None
    assert response.logprobs[0] == TokenLogprob("Be", -0.25)


def test_completions_take_neither_tools_nor_images() -> None:
    with pytest.raises(UsageError, match="no tools"):
        sent(OpenAIText, ASK.with_options(tools=(TOOL,)))
    with pytest.raises(UsageError, match="text only"):
        sent(OpenAIText, Request((Message("user", PARTS),)))


@pytest.mark.parametrize("logprobs", [{"tokens": ["a"], "token_logprobs": []}, {"tokens": 3}, 3])
def test_completions_with_broken_log_probabilities_are_an_error(provider: FakeProvider, logprobs: Any) -> None:
    provider.faults = [reply(choices=[{"text": "a", "finish_reason": "stop", "logprobs": logprobs}])]
    with pytest.raises(ServerError, match="log probabilities"):
        portal.run(client(OpenAIText, provider)(ASK.with_options(logprobs=True)))
