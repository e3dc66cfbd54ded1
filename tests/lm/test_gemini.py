"""The client for Google's Gemini API: what it sends, and how it reads what comes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from adjoint.base.errors import AuthError, ContextLengthError, RateLimitError, ServerError, UsageError
from adjoint.base.portal import portal
from adjoint.lm.gemini import Gemini
from adjoint.lm.schema import openapi
from adjoint.lm.types import Message, Part, Request, TokenLogprob, ToolSpec, Usage
from adjoint.testing import FakeProvider, Raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adjoint.base.errors import LMError

ASK = Request((Message("system", "Be brief."), Message("user", "two words")))
KEY = "AIza-canary-0123456789abcdef"


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


def client(provider: FakeProvider, **options: Any) -> Gemini:
    return Gemini("flash", **{"provider": "gemini", "base_url": provider.base_url, "api_key": KEY, "timeout": 5.0, **options})


def sent(request: Request) -> dict[str, Any]:
    return Gemini("flash", provider="gemini", base_url="https://h/v1beta", api_key=KEY).payload(request)


def reply(**fields: Any) -> Raw:
    return Raw(200, json.dumps(fields).encode())


def candidate(*parts: dict[str, Any], why: str | None = "STOP") -> Raw:
    return reply(candidates=[{"content": {"parts": list(parts)}, "finishReason": why}])


def test_a_request_has_its_key_in_a_header_and_not_in_the_address(provider: FakeProvider) -> None:
    lm = client(provider)
    response = portal.run(lm(ASK))
    assert (response.text, response.usage, response.model) == ("two words", Usage(1, 4, 2, 0.0), "flash")
    assert provider.paths == ["/v1/models/flash:generateContent"]
    assert lm._endpoint.headers == {"x-goog-api-key": KEY}
    assert provider.bodies[0] == {
        "model": "flash",  # from the address
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "two words"}]}],
    }
    assert lm.identity == f"gemini/flash@{provider.base_url}"


def test_options_go_into_the_configuration_or_to_their_own_place() -> None:
    extra = {"top_p": 0.5, "safetySettings": [], "thinkingConfig": {"thinkingBudget": 0}}
    body = sent(ASK.with_options(temperature=0.0, max_tokens=5, stop=("x",), seed=1, n=2, logprobs=True, extra=extra))
    assert body["generationConfig"] == {
        "temperature": 0.0,
        "maxOutputTokens": 5,
        "stopSequences": ["x"],
        "seed": 1,
        "candidateCount": 2,
        "responseLogprobs": True,
        "top_p": 0.5,
        "thinkingConfig": {"thinkingBudget": 0},
    }
    assert body["safetySettings"] == []


def test_parts_are_sent_inline_or_by_address() -> None:
    parts = (Part("text", "see"), Part("audio", data="aGk=", media_type="audio/wav"), Part("file", url="https://x/y"))
    assert sent(Request((Message("user", parts),)))["contents"][0]["parts"] == [
        {"text": "see"},
        {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}},
        {"fileData": {"fileUri": "https://x/y"}},
    ]


def test_a_signature_travels_with_its_call_through_a_conversation(provider: FakeProvider) -> None:
    tool = ToolSpec("get", "Get it.", {"type": "object", "properties": {"x": {"type": "integer"}}, "additionalProperties": False})
    call = {"functionCall": {"name": "get", "args": {"x": 1}}, "thoughtSignature": "c2ln"}
    provider.faults = [candidate(call, {"functionCall": {"name": "get", "args": {"x": 2}}})]
    first = portal.run(client(provider)(ASK.with_options(tools=(tool,), tool_choice="get")))
    assert first.finish == "tool_calls"
    assert provider.bodies[0]["tools"] == [{"functionDeclarations": [{
        "name": "get", "description": "Get it.", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}},
    }]}]  # fmt: skip
    assert provider.bodies[0]["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get"]}}
    answers = [Message("tool", "snow", tool_call_id=one.id) for one in first.tool_calls]
    turns = sent(Request((*ASK.messages, Message("assistant", "", tool_calls=first.tool_calls), *answers)))["contents"]
    assert turns[1]["parts"] == [call, {"functionCall": {"name": "get", "args": {"x": 2}}}]
    assert turns[2] == {"role": "user", "parts": [{"functionResponse": {"name": "get", "response": {"result": "snow"}}}] * 2}


def test_thoughts_are_kept_apart_and_paid_as_output(provider: FakeProvider) -> None:
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 40}
    parts = [{"text": "hm", "thought": True}, {"text": "a"}, {"text": "b"}]
    provider.faults = [reply(candidates=[{"content": {"parts": parts}, "finishReason": "STOP"}], usageMetadata=usage)]
    response = portal.run(client(provider)(ASK))
    assert (response.text, response.reasoning) == ("ab", "hm")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 42)


def test_log_probabilities_are_read(provider: FakeProvider) -> None:
    response = portal.run(client(provider)(ASK.with_options(logprobs=True)))
    assert response.logprobs == (TokenLogprob("two", -0.25), TokenLogprob("words", -0.25))


@pytest.mark.parametrize(
    ("why", "finish"),
    [("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "refusal"), ("RECITATION", "refusal"), ("MODEL_ARMOR", "refusal")],
)
def test_reasons_to_finish(provider: FakeProvider, why: str, finish: str) -> None:
    provider.faults = [candidate({"text": "x"}, why=why)]
    assert portal.run(client(provider)(ASK)).finish == finish


def test_a_prompt_that_the_filter_stops_is_a_refusal_and_not_an_empty_answer(provider: FakeProvider) -> None:
    blocked = reply(promptFeedback={"blockReason": "PROHIBITED_CONTENT"}, usageMetadata={"promptTokenCount": 4})
    provider.faults = [blocked, candidate(why="SAFETY")]
    first = portal.run(client(provider)(ASK))
    assert (first.finish, first.text, first.usage) == (
        "refusal",
        "The prompt was blocked: PROHIBITED_CONTENT.",
        Usage(1, 4, 0, 0.0),
    )
    second = portal.run(client(provider)(ASK))
    assert (second.finish, second.text) == ("refusal", "")


def said(number: int, words: str, **details: Any) -> Raw:
    return Raw(number, json.dumps({"error": {"code": number, "message": words, **details}}).encode())


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (said(400, "API key not valid. Please pass a valid API key.", status="INVALID_ARGUMENT"), AuthError, "GEMINI_API_KEY"),
        (said(400, "The input token count (9) exceeds the maximum number of tokens allowed (8)."), ContextLengthError, "exceeds"),
        (said(503, "The model is overloaded."), ServerError, "overloaded"),
        (candidate({"text": "x"}, why=None), ServerError, "ended with None"),
        (candidate({"text": "half"}, why="OTHER"), ServerError, "ended with 'OTHER'"),
        (candidate(why="MALFORMED_FUNCTION_CALL"), ServerError, "MALFORMED_FUNCTION_CALL"),
        (candidate({"text": 3}), ServerError, "a int as content"),
        (candidate({"functionCall": {}}), ServerError, "a tool call without a name"),
        (reply(candidates=[]), ServerError, "no candidates"),
        (reply(), ServerError, "no candidates"),
    ],
)
def test_errors_and_broken_replies_are_typed(provider: FakeProvider, fault: Raw, kind: type[LMError], words: str) -> None:
    provider.faults = [fault]
    with pytest.raises(kind, match=words) as caught:
        portal.run(client(provider)(ASK))
    assert KEY not in str(caught.value)


def test_the_wait_that_an_error_asks_for_in_its_details_is_kept(provider: FakeProvider) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}]
    provider.faults = [said(429, "Quota exceeded.", details=details)]
    with pytest.raises(RateLimitError) as caught:
        portal.run(client(provider)(ASK))
    assert caught.value.retry_after == 17.5


SCHEMA = {
    "$defs": {"Pet": {"type": "object", "title": "Pet", "properties": {"kind": {"const": "cat"}}, "additionalProperties": False}},
    "type": "object",
    "properties": {
        "pet": {"$ref": "#/$defs/Pet", "description": "the pet"},
        "age": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}], "default": None},
        "tags": {"type": "array", "items": {"type": ["string", "null"]}},
        "either": {"anyOf": [{"type": "string"}, {"type": "number"}]},
        "type": {"type": "string", "enum": ["a", "b"]},
    },
    "required": ["pet"],
}


def test_a_schema_is_reduced_to_what_the_interface_knows() -> None:
    assert openapi(SCHEMA) == {
        "type": "object",
        "properties": {
            "pet": {
                "type": "object",
                "title": "Pet",
                "description": "the pet",
                "properties": {"kind": {"enum": ["cat"], "type": "string"}},
            },
            "age": {"type": "integer", "minimum": 0, "nullable": True},
            "tags": {"type": "array", "items": {"type": "string", "nullable": True}},
            "either": {"anyOf": [{"type": "string"}, {"type": "number"}]},
            "type": {"type": "string", "enum": ["a", "b"]},
        },
        "required": ["pet"],
    }
    body = sent(ASK.with_options(schema=SCHEMA))
    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseSchema": openapi(SCHEMA)}


def test_a_schema_that_cannot_be_written_out_is_refused() -> None:
    tree = {"$defs": {"T": {"type": "array", "items": {"$ref": "#/$defs/T"}}}, "$ref": "#/$defs/T"}
    with pytest.raises(UsageError, match="refers to itself"):
        openapi(tree)
    with pytest.raises(UsageError, match="which it does not hold"):
        openapi({"$ref": "#/$defs/Missing"})
