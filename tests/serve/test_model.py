"""A model behind OpenAI's interface: what is asked is what is answered, and what cannot be is refused with its reason."""

from __future__ import annotations

import asyncio
import threading

import aiohttp
import pytest
from tests.serve.conftest import MESSAGES, SYSTEM, TICKET, ask, ask_all, chat, raw

import adjoint
from adjoint.base.errors import AuthError, RateLimitError, TransportError
from adjoint.lm.pocket import Pocket
from adjoint.lm.retry import RetryPolicy
from adjoint.lm.types import Delta, Message, Request, Response, TokenLogprob, ToolCall
from adjoint.program.context import open_ledger
from adjoint.serve import Server
from adjoint.testing import ScriptedLM

DIRECT = Pocket()


def direct(**options):
    return asyncio.run(DIRECT(Request((Message("system", SYSTEM), Message("user", TICKET)), **options)))


def test_a_chat_is_answered_as_the_model_answers(pocket):
    body = chat(pocket).json
    reply = direct()
    assert body["object"] == "chat.completion" and body["model"] == "pocket" and body["id"].startswith("chatcmpl-")
    message = {"role": "assistant", "content": reply.text, "refusal": None}
    assert body["choices"] == [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]
    given, made = reply.usage.input_tokens, reply.usage.output_tokens
    assert body["usage"] == {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_reply_is_as_long_as_asked(pocket, name):
    choice = chat(pocket, **{name: 1}).json["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (direct(max_tokens=1).text, "length")


def test_it_stops_where_asked(pocket):
    assert chat(pocket, stop="]").json["choices"][0]["message"]["content"] == direct(stop=("]",)).text
    assert chat(pocket, stop=["]", "["]).json["choices"][0]["message"]["content"] == ""


def test_content_may_be_a_list_of_texts(pocket):
    parts = [MESSAGES[0], {"role": "user", "content": [{"type": "text", "text": TICKET}]}]
    assert chat(pocket, messages=parts).json["choices"] == chat(pocket).json["choices"]


def test_a_seed_fixes_what_is_sampled_and_without_one_each_draw_is_new(pocket):
    options = {"temperature": 3, "max_tokens": 6}
    texts = [[choice["message"]["content"] for choice in chat(pocket, n=3, seed=7, **options).json["choices"]] for _ in range(2)]
    assert texts[0] == texts[1] and len(set(texts[0])) == 3
    assert len({chat(pocket, **options).json["choices"][0]["message"]["content"] for _ in range(4)}) > 1


def test_logprobs_are_those_of_the_tokens(pocket):
    found = chat(pocket, logprobs=True).json["choices"][0]["logprobs"]["content"]
    wanted = [(one.token, one.logprob) for one in direct(logprobs=True).logprobs if one.token]
    assert [(one["token"], pytest.approx(one["logprob"])) for one in found] == wanted


def test_a_stream_gives_the_same_text_in_pieces(pocket):
    *pieces, last, usage = chat(pocket, stream=True, stream_options={"include_usage": True}).events
    deltas = [piece["choices"][0]["delta"] for piece in pieces]
    assert deltas[0]["role"] == "assistant" and len(deltas) > 1
    assert "".join(delta["content"] for delta in deltas) == direct().text
    assert last["choices"][0]["finish_reason"] == "stop" and last["choices"][0]["delta"] == {}
    assert usage["choices"] == [] and usage["usage"]["completion_tokens"] == direct().usage.output_tokens
    assert len({event["id"] for event in (*pieces, last, usage)}) == 1


def test_several_choices_are_streamed_by_their_index(pocket):
    events = chat(pocket, stream=True, n=2, temperature=2, seed=1, max_tokens=5).events
    texts = {0: "", 1: ""}
    for choice in (event["choices"][0] for event in events):
        texts[choice["index"]] += choice["delta"].get("content", "")
    assert [*texts.values()] == [
        direct(n=2, temperature=2.0, seed=1, max_tokens=5).text,
        *direct(n=2, temperature=2.0, seed=1, max_tokens=5).others,
    ]


def test_completions_answer_each_prompt(pocket):
    body = ask(
        pocket, {"model": "pocket", "prompt": ["the plural of dog", "the plural of cat"], "logprobs": 1}, "/v1/completions"
    ).json
    asked = [asyncio.run(DIRECT(Request((Message("user", prompt),)))) for prompt in ("the plural of dog", "the plural of cat")]
    assert body["object"] == "text_completion"
    assert [choice["text"] for choice in body["choices"]] == [reply.text for reply in asked]
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    scored = body["choices"][0]["logprobs"]
    assert len(scored["tokens"]) == len(scored["token_logprobs"]) == len(scored["text_offset"])


def test_completions_are_streamed(pocket):
    events = ask(pocket, {"model": "pocket", "prompt": "the plural of dog", "stream": True}, "/v1/completions").events
    whole = ask(pocket, {"model": "pocket", "prompt": "the plural of dog"}, "/v1/completions").json["choices"][0]
    assert "".join(event["choices"][0]["text"] for event in events) == whole["text"]
    assert events[-1]["choices"][0]["finish_reason"] == whole["finish_reason"]


def test_the_models_are_listed(pocket):
    listed = raw(pocket, "GET", "/v1/models").json
    assert [model["id"] for model in listed["data"]] == ["pocket"]
    assert raw(pocket, "GET", "/v1/models/pocket").json == listed["data"][0]
    assert raw(pocket, "GET", "/v1/models/other").status == 404
    assert raw(pocket, "GET", "/healthz").json == {"status": "ok"}


@pytest.mark.parametrize(
    "neutral", [{"top_p": 1}, {"top_p": 0.9, "temperature": 0}, {"frequency_penalty": 0, "stop": None}, {"user": "me"}], ids=str
)
def test_options_that_change_nothing_are_taken(pocket, neutral):
    assert chat(pocket, **neutral).json["choices"] == chat(pocket).json["choices"]


REFUSED = {
    "no messages": ({"messages": []}, "messages", "at least one"),
    "a role that nobody has": ({"messages": [{"role": "narrator", "content": "x"}]}, "messages[0]", "role"),
    "messages that are texts": ({"messages": ["hello"]}, "messages[0]", "role"),
    "content that is a number": ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content", "list"),
    "a part of no kind": ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content[0]", "text"),
    "an image": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]}]},
        None,
        "text only",
    ),
    "a temperature below 0": ({"temperature": -1}, "temperature", "-1"),
    "a temperature in words": ({"temperature": "hot"}, "temperature", "hot"),
    "no tokens": ({"max_tokens": 0}, "max_tokens", "1 or more"),
    "a fraction of a token": ({"max_tokens": 1.5}, "max_tokens", "whole"),
    "no replies": ({"n": 0}, "n", "1 or more"),
    "too many replies": ({"n": 1000}, "n", "at most"),
    "an empty stop": ({"stop": ""}, "stop", "empty"),
    "stream in words": ({"stream": "yes"}, "stream", "true or false"),
    "tools": ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "cannot call tools"),
    "a form of the reply": ({"response_format": {"type": "json_object"}}, "response_format", "leave out"),
    "an option that it does not know": ({"top_p": 0.5, "temperature": 1}, None, "top_p"),
    "a prompt that is too long": ({"messages": [{"role": "user", "content": "lamp " * 2000}]}, None, "1023"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("options", "param", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_honoured_is_refused_with_the_reason(pocket, options, param, said, stream):
    reply = chat(pocket, **{"stream": stream, **options})
    error = reply.json["error"]
    assert (reply.status, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert said in error["message"]


def test_a_model_that_is_not_here_is_not_found(pocket):
    reply = chat(pocket, model="gpt-4o")
    assert (reply.status, reply.json["error"]["code"]) == (404, "model_not_found")
    assert "'pocket'" in reply.json["error"]["message"]


def test_a_path_that_is_not_here_names_those_that_are(pocket):
    error = ask(pocket, {}, "/v1/chat").json["error"]
    assert error["message"].startswith("POST '/v1/chat': Not Found; here are ")
    assert "POST /v1/chat/completions" in error["message"]


def test_32_chats_at_once_are_decoded_together_and_each_gets_its_own_answer(monkeypatch):
    rows = [
        f"Hi, I am Ida from Oslo. On Friday I ordered a red {item}. The {item} arrived broken."
        for item in ("lamp", "table", "chair", "clock")
    ] * 8
    model, sizes = Pocket(), []
    decode = model._decode
    monkeypatch.setattr(model, "_decode", lambda asks: sizes.append(len(asks)) or decode(asks))
    with Server(lm=model) as server:
        bodies = [
            {"model": "pocket", "messages": [MESSAGES[0], {"role": "user", "content": row}], "stream": at % 2 == 1}
            for at, row in enumerate(rows)
        ]
        replies = ask_all(server, bodies)
    said = [
        "".join(event["choices"][0]["delta"].get("content", "") for event in reply.events)
        if at % 2
        else reply.json["choices"][0]["message"]["content"]
        for at, reply in enumerate(replies)
    ]

    async def one_by_one():
        return [(await DIRECT(Request((Message("system", SYSTEM), Message("user", row))))).text for row in rows[:4]]

    assert said == asyncio.run(one_by_one()) * 8
    assert sum(sizes) == 32 and len(sizes) < 32


def scripted(*answers, **options):
    made = ScriptedLM(list(answers), name="test/scripted", **options)
    return adjoint.LM(made, supports={"tools", "schema"})


def test_tools_reasoning_and_refusals_go_through():
    call = Response("", finish="tool_calls", tool_calls=(ToolCall("c1", "look", '{"at": 1}'),), reasoning="Let me look.")
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    lm = scripted(call, call, Response("I will not.", finish="refusal"))
    with Server(lm=lm) as server:
        body = {"model": "scripted", "messages": MESSAGES, "tools": tools, "response_format": form, "tool_choice": "auto"}
        choice = ask(server, body).json["choices"][0]
        streamed = ask(server, {**body, "stream": True}).events[-1]["choices"][0]
        refused = ask(server, {"model": "test/scripted", "messages": MESSAGES}).json["choices"][0]
    asked = lm.client.requests[0]
    assert (asked.tools[0].name, asked.tool_choice, asked.schema) == ("look", "auto", {"type": "object"})
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at": 1}'}
    assert (choice["message"]["reasoning_content"], choice["finish_reason"]) == ("Let me look.", "tool_calls")
    assert streamed["delta"]["tool_calls"][0]["index"] == 0
    assert (refused["message"]["refusal"], refused["finish_reason"]) == ("I will not.", "content_filter")


def test_scores_of_others_go_through():
    with Server(lm=scripted(Response("a", logprobs=(TokenLogprob("a", -0.5),)))) as server:
        body = {"model": "scripted", "messages": MESSAGES, "logprobs": True}
        assert ask(server, body).json["choices"][0]["logprobs"]["content"][0]["bytes"] == [97]


FAILURES = {
    "refused key": (AuthError("no key"), 502, "model_failed"),
    "rate limit": (RateLimitError("slow down", retry_after=0.0), 429, "rate_limit_exceeded"),
    "connection": (TransportError("reset"), 502, "model_failed"),
    "bug": (KeyError("secret detail"), 500, "internal_error"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("error", "status", "code"), FAILURES.values(), ids=FAILURES)
def test_failures_of_the_model_have_their_status(error, status, code, stream):
    class Failing:
        name = "failing"

        async def __call__(self, request):
            raise error

    adjoint.configure(retry=RetryPolicy(attempts=1))
    try:
        with Server(lm=Failing()) as server:
            reply = ask(server, {"model": "failing", "messages": MESSAGES, "stream": stream})
    finally:
        adjoint.configure(retry=RetryPolicy())
    assert (reply.status, reply.json["error"]["code"]) == (status, code)
    assert "secret detail" not in reply.text


def test_a_stream_that_breaks_off_says_so_and_has_no_end_mark():
    class Breaking:
        name = "breaking"

        async def __call__(self, request):
            raise AssertionError

        async def stream(self, request):
            yield Delta("half a ")
            raise TransportError("the line went dead")

    with Server(lm=Breaking()) as server:
        reply = ask(server, {"model": "breaking", "messages": MESSAGES, "stream": True})
    assert reply.status == 200
    assert "half a " in reply.text and '"error"' in reply.text and "[DONE]" not in reply.text


def test_replies_are_kept_only_in_a_ledger_that_was_named(tmp_path):
    for ledger, calls in ((None, 2), (open_ledger(tmp_path / "kept.db"), 1)):
        lm = scripted("one", "two", identity="kept")
        with Server(lm=lm, ledger=ledger) as server:
            for _ in range(2):
                ask(server, {"model": "scripted", "messages": MESSAGES})
        assert len(lm.client.requests) == calls


def test_a_client_that_goes_away_ends_its_request():
    ended = threading.Event()

    class Endless:
        name = "endless"

        async def __call__(self, request):
            raise AssertionError

        async def stream(self, request):
            try:
                while True:
                    yield Delta("and ")
                    await asyncio.sleep(0.01)
            finally:
                ended.set()

    async def leave(server):
        body = {"model": "endless", "messages": MESSAGES, "stream": True}
        async with aiohttp.ClientSession() as session, session.post(f"{server.url}/v1/chat/completions", json=body) as response:
            await response.content.readline()

    with Server(lm=Endless()) as server:
        asyncio.run(leave(server))
        assert ended.wait(5)
