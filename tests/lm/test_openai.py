"""The OpenAI-compatible client, over real sockets against the fake provider."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from adjoint.base.errors import (
    AuthError,
    ContextLengthError,
    LMError,
    RateLimitError,
    RequestError,
    ServerError,
    TransportError,
    UsageError,
)
from adjoint.base.portal import portal
from adjoint.lm import guard, http, waits
from adjoint.lm.http import Timeouts
from adjoint.lm.openai import OpenAIChat
from adjoint.lm.pool import proxy
from adjoint.lm.retry import Retry, RetryPolicy
from adjoint.lm.types import Message, Request, TokenLogprob, Usage
from adjoint.testing import FakeProvider, Raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adjoint.testing.provider import Fault

ASK = Request((Message("system", "Be brief."), Message("user", "two words")))
KEY = "sk-canary-0123456789abcdef"


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


def client(provider: FakeProvider, /, **options: Any) -> OpenAIChat:
    return OpenAIChat("tiny", **{"base_url": provider.base_url, "api_key": None, "timeout": 5.0, **options})


def raw(data: object, status: int = 200, **headers: str) -> Raw:
    return Raw(status, json.dumps(data).encode(), {name.replace("_", "-"): value for name, value in headers.items()})


def reply(message: dict[str, Any], **rest: Any) -> Raw:
    return raw({"choices": [{"message": message, **rest}]})


def test_a_reply_is_read_with_its_usage_and_model(provider: FakeProvider) -> None:
    response = portal.run(client(provider)(ASK))
    assert (response.text, response.finish, response.model) == ("two words", "stop", "tiny")
    assert response.usage == Usage(1, 4, 2, 0.0)
    assert response.logprobs is None
    assert response.reasoning is None


def test_only_options_that_are_set_are_sent(provider: FakeProvider) -> None:
    lm = client(provider)
    portal.run(lm(ASK))
    full = ASK.with_options(temperature=0.0, max_tokens=0, stop=("x",), seed=0, logprobs=True, sample=3, extra={"top_p": 0.5})
    portal.run(lm(full))
    assert provider.bodies[0] == {
        "model": "tiny",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "two words"}],
    }
    assert {key: value for key, value in provider.bodies[1].items() if key not in ("model", "messages")} == {
        "temperature": 0.0,
        "max_tokens": 0,
        "stop": ["x"],
        "seed": 0,
        "logprobs": True,
        "top_p": 0.5,
    }


def test_openai_itself_gets_the_new_name_of_max_tokens() -> None:
    lm = OpenAIChat("o9", base_url="https://api.openai.com/v1", api_key="k")
    assert lm.payload(ASK.with_options(max_tokens=5))["max_completion_tokens"] == 5


def test_log_probabilities_are_read(provider: FakeProvider) -> None:
    response = portal.run(client(provider)(ASK.with_options(logprobs=True)))
    assert response.logprobs == (TokenLogprob("two", -0.25), TokenLogprob("words", -0.25))


@pytest.mark.parametrize(
    ("said", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "refusal"),
        ("tool_calls", "tool_calls"),
        (None, "stop"),
        ("eos", "stop"),
    ],
)
def test_reasons_to_finish(provider: FakeProvider, said: str | None, finish: str) -> None:
    provider.faults = [reply({"content": "x"}, finish_reason=said)]
    assert portal.run(client(provider)(ASK)).finish == finish


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        ({"content": "a", "reasoning_content": "because"}, "a", "because"),
        ({"content": "a", "reasoning": "because"}, "a", "because"),
        ({"content": [{"type": "thinking"}, {"type": "text", "text": "a"}]}, "a", None),
        ({"content": None}, "", None),
        ({"content": None, "refusal": "no"}, "no", None),
        ({"content": None, "tool_calls": [{"function": {"name": "f"}}]}, "", None),
        ({"content": "\ud800\x00\u202e"}, "\ud800\x00\u202e", None),
    ],
)
def test_forms_of_a_message(provider: FakeProvider, message: dict[str, Any], text: str, reasoning: str | None) -> None:
    provider.faults = [reply(message)]
    response = portal.run(client(provider)(ASK))
    assert (response.text, response.reasoning) == (text, reasoning)


def test_a_refusal_is_an_answer_and_not_an_error(provider: FakeProvider) -> None:
    provider.faults = ["refusal"]
    response = portal.run(client(provider)(ASK))
    assert (response.finish, response.text) == ("refusal", "I cannot help with that.")


def test_missing_usage_is_estimated_from_the_bytes(provider: FakeProvider) -> None:
    provider.faults = [reply({"content": "x" * 40})]
    usage = portal.run(client(provider)(ASK)).usage
    assert (usage.calls, usage.output_tokens) == (1, 11)


def test_dollars_come_from_the_price_or_from_the_provider_and_are_else_unknown(provider: FakeProvider) -> None:
    assert portal.run(client(provider, price=(1.0, 10.0))(ASK)).usage.usd == pytest.approx(24e-6)
    provider.faults = [None, raw({"choices": [{"message": {"content": "x"}}], "usage": {"cost": 0.25}})]
    assert portal.run(client(provider)(ASK)).usage.usd == 0.25
    remote = OpenAIChat("m", base_url="https://example.org/v1", api_key="k")
    assert remote._usage(ASK, "x", None).usd is None


ERRORS: list[tuple[Fault | Raw, type[LMError], str]] = [
    ("429", RateLimitError, "429"),
    ("500", ServerError, "500"),
    ("502", ServerError, "502"),
    ("503", ServerError, "503"),
    ("reset", TransportError, "broke"),
    ("half_body", TransportError, "broke"),
    ("bad_utf8", ServerError, "no valid JSON"),
    ("html", ServerError, "an HTML page"),
    ("empty", ServerError, "an empty body"),
    ("no_choices", ServerError, "no choices"),
    ("wrong_json", ServerError, "no valid JSON"),
    (raw({"detail": "no such thing"}, 400), RequestError, "no such thing"),
    (raw({"error": "model 'x' not found"}, 404), RequestError, "Check the model's name"),
    (raw({"error": {"message": "temperature too high"}}, 422), RequestError, "temperature too high"),
    (raw({"error": {"message": "m", "code": "context_length_exceeded"}}, 400), ContextLengthError, "400"),
    (raw({"message": "This model's maximum context length is 4096 tokens."}, 400), ContextLengthError, "4096"),
    (raw({"error": {"message": "no"}}, 403), AuthError, "OPENAI_API_KEY"),
    (raw({"error": {"message": "quota", "code": "insufficient_quota"}}, 429), AuthError, "no credit"),
    (raw({"error": {"message": "pay"}}, 402), AuthError, "no credit"),
    (raw({}, 302, Location="https://elsewhere.example"), RequestError, "not followed"),
    (raw({"error": {"message": "slow down", "code": 429}}), RateLimitError, "slow down"),
    (raw({"error": {"message": "broken"}}), ServerError, "broken"),
    (Raw(503, b"<html><b>bad gateway"), ServerError, "an HTML page"),
    (Raw(500, b"[" * 200_000), ServerError, "500"),
    (Raw(200, b"[" * 200_000), ServerError, "no valid JSON"),
    (Raw(200, b'{"choices": NaN}'), ServerError, "no valid JSON"),
    (Raw(200, b"[1]"), ServerError, "a JSON list"),
    (raw({"choices": 3}), ServerError, "no choices"),
    (raw({"choices": [3]}), ServerError, "no choices"),
    (raw({"choices": [{"message": None}]}), ServerError, "no choices"),
    (reply({"content": 3}), ServerError, "a int as content"),
    (reply({"content": None, "tool_calls": [{"id": "1"}]}), ServerError, "a tool call without a name"),
    (Raw(200, b'{"choices": [], "choices": 3}'), ServerError, "no valid JSON"),
    (reply({"content": ""}, finish_reason="error"), ServerError, "ended in an error"),
    (Raw(200, b"junk", {"Content-Encoding": "gzip"}), LMError, "http://127.0.0.1"),
]


@pytest.mark.parametrize(("fault", "kind", "words"), ERRORS)
def test_every_fault_is_a_typed_error_of_one_line(
    provider: FakeProvider, fault: Fault | Raw, kind: type[LMError], words: str
) -> None:
    provider.faults = [fault]
    with pytest.raises(kind, match=words) as caught:
        portal.run(client(provider)(ASK))
    assert "\n" not in str(caught.value)
    assert provider.base_url in str(caught.value)


def test_log_probabilities_in_an_unknown_form_are_an_error(provider: FakeProvider) -> None:
    for item in (3, {"token": "a"}, {"token": "a", "logprob": 1e999}):
        provider.faults = [*provider.faults, Raw(200, b"")]
        provider.faults[-1] = Raw(
            200, json.dumps({"choices": [{"message": {"content": "a"}, "logprobs": {"content": [item]}}]}).encode()
        )
        with pytest.raises(ServerError):
            portal.run(client(provider)(ASK.with_options(logprobs=True)))


def test_a_server_that_hangs_is_a_transport_error_after_the_timeout(provider: FakeProvider) -> None:
    provider.faults = ["hang"]
    started = time.monotonic()
    with pytest.raises(TransportError, match=r"did not answer within 0\.2 s"):
        portal.run(client(provider, timeout=0.2)(ASK))
    assert time.monotonic() - started < 1.0


def test_a_server_that_takes_the_call_and_says_nothing_is_told_apart_from_one_that_is_slow(provider: FakeProvider) -> None:
    patient = Timeouts(total=20.0, first_byte=0.2)
    provider.faults = ["hang", "slow_body"]
    with pytest.raises(TransportError, match=r"took the call and sent nothing for 0\.2 s") as caught:
        portal.run(client(provider, timeout=patient)(ASK))
    assert caught.value.maybe_billed
    assert portal.run(client(provider, timeout=patient)(ASK)).text == "two words"  # two seconds, but its first byte came at once


def test_a_connection_that_is_not_taken_costs_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        # The queue of connections is full, so that a further one gets no answer.
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(address)
        lm = OpenAIChat(
            "m", provider="fake", base_url=f"http://127.0.0.1:{address[1]}/v1", api_key=None, timeout=Timeouts(connect=0.2)
        )
        with pytest.raises(TransportError, match=r"did not take a connection within 0\.2 s") as caught:
            portal.run(lm(ASK))
        assert not caught.value.maybe_billed
        for one in crowd:
            one.close()


def test_an_unreachable_server_gives_one_line_that_names_it() -> None:
    lm = OpenAIChat("m", base_url="http://127.0.0.1:1/v1", api_key=None)
    with pytest.raises(TransportError, match=r"cannot reach http://127\.0\.0\.1:1/v1/chat/completions.*Is the server") as caught:
        portal.run(lm(ASK))
    assert "\n" not in str(caught.value)


def test_a_reply_that_is_too_large_is_cut_off(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BODY", 2**20)
    provider.answer = lambda _: "x" * 2**21
    with pytest.raises(ServerError, match="more than 1 MB"):
        portal.run(client(provider)(ASK))
    provider.answer = lambda _: "x" * 2**19
    assert len(portal.run(client(provider)(ASK)).text) == 2**19


def test_a_wrong_key_names_the_variable_and_the_endpoint_but_no_key() -> None:
    with FakeProvider(api_key="right") as provider:
        lm = client(provider, api_key=KEY, provider="groq")
        with pytest.raises(AuthError, match="GROQ_API_KEY") as caught:
            portal.run(lm(ASK))
        assert provider.base_url in str(caught.value)
        assert "[key]" in str(caught.value)
        assert portal.run(client(provider, api_key=" right\n")(ASK)).text == "two words"
    seen = [str(caught.value), repr(lm), repr(lm._endpoint), lm.identity, lm.name, ASK.key(lm.identity)]
    assert not any("canary" in text for text in seen)


@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 429, 500])
def test_a_provider_that_repeats_the_key_or_a_part_of_it_does_not_make_it_leak(provider: FakeProvider, status: int) -> None:
    said = f"key {KEY}, prefix {KEY[:14]}, suffix {KEY[-12:]}, \x1b[31m header Bearer\n{KEY}"
    for body in (said.encode(), json.dumps({"error": {"message": said}}).encode()):
        provider.faults = [*provider.faults, Raw(status, body, {"Location": f"/?{KEY}"})]
        with pytest.raises(LMError) as caught:
            portal.run(client(provider, api_key=KEY)(ASK))
        assert "canary" not in str(caught.value)
        assert "6789abcdef" not in str(caught.value)
        assert str(caught.value).isprintable()


def test_a_key_of_short_words_does_not_leak_either(provider: FakeProvider) -> None:
    key = "ab+cd/ef=gh:ij"
    provider.faults = [Raw(401, f"wrong key {key}".encode())]
    with pytest.raises(AuthError, match=r"wrong key \[key\]") as caught:
        portal.run(client(provider, api_key=key)(ASK))
    assert key not in str(caught.value)


def test_an_endpoint_that_would_carry_a_secret_in_its_url_is_refused() -> None:
    for url in ("https://me:secret@host/v1", "https://host/v1?key=secret"):
        with pytest.raises(UsageError, match="api_key") as caught:
            OpenAIChat("m", base_url=url, api_key=None)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://", "http://host:99999", "http://[bad"])
def test_a_base_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(UsageError, match="is no base URL"):
        OpenAIChat("m", base_url=url, api_key=None)


def test_a_key_that_cannot_be_a_header_is_refused_without_being_shown() -> None:
    with pytest.raises(AuthError, match="OPENAI_API_KEY") as caught:
        OpenAIChat("m", base_url="http://localhost/v1", api_key="canary\r\nX-Evil: 1")
    assert "canary" not in str(caught.value)


def test_the_identity_names_provider_model_and_endpoint() -> None:
    spellings = ["http://h:1/v1", "http://h:1/v1/", "http://h:1/v1/chat/completions", " http://h:1/v1 "]
    identities = {OpenAIChat("org/m", provider="vllm", base_url=url, api_key=None).identity for url in spellings}
    assert identities == {"vllm/org/m@http://h:1/v1"}


def test_paid_calls_can_be_switched_off(provider: FakeProvider) -> None:
    assert not guard.ALLOW_PAID_CALLS, "conftest switches them off"
    lm = OpenAIChat("m", base_url="https://api.openai.com/v1", api_key="k")
    with pytest.raises(UsageError, match="ALLOW_PAID_CALLS is False"):
        portal.run(lm(ASK))
    assert portal.run(client(provider)(ASK)).text == "two words"


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:1", True),
        ("http://a.localhost", True),
        ("http://127.8.8.8", True),
        ("http://[::1]:80/v1", True),
        ("http://0.0.0.0:8000", True),
        ("http://localhost.evil.com", False),
        ("http://127.0.0.1.evil.com", False),
        ("http://127.0.0.1@evil.com", False),
        ("http://10.0.0.1", False),
        ("https://api.openai.com", False),
    ],
)
def test_what_counts_as_this_machine(url: str, *, local: bool) -> None:
    assert guard.is_loopback(url) is local


def test_options_that_cannot_be_sent_are_usage_errors(provider: FakeProvider) -> None:
    for extra in ({"stream": True}, {"top_p": float("nan")}):
        with pytest.raises(UsageError):
            portal.run(client(provider)(ASK.with_options(extra=extra)))
    with pytest.raises(UsageError):
        client(provider, timeout=0)
    assert provider.requests == 0


NOW = 1_000_000_000.0


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "4"}, 4.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": formatdate(NOW + 9, usegmt=True)}, 9.0),
        ({"retry-after": formatdate(NOW - 9, usegmt=True)}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "4", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "4", "x-ratelimit-reset-requests": "1s"}, 4.0),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-tokens": "2m59.5s"}, 179.5),
        ({"x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-reset": str(int(NOW) + 30)}, 30.0),
        ({"x-ratelimit-reset": f"{int(NOW) + 30}000"}, 30.0),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "9s"}, 1.0),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "9s", "x-ratelimit-remaining-tokens": "0"}, 9.0),
        ({"x-ratelimit-reset-requests": "1s later"}, None),
    ],
)
def test_how_long_a_provider_asks_to_wait(headers: dict[str, str], wait: float | None) -> None:
    assert waits.asked(headers, now=NOW) == (None if wait is None else pytest.approx(wait, abs=1e-6))


@pytest.mark.parametrize("fault", ["429", "429-date", "429-reset"])
def test_a_retry_waits_as_long_as_the_provider_asks(provider: FakeProvider, fault: Fault) -> None:
    provider.faults, provider.retry_after = [fault], 0.3
    started = time.monotonic()
    portal.run(Retry(client(provider), RetryPolicy(base=0.0))(ASK))
    assert 0.29 < time.monotonic() - started < 2.5
    assert provider.requests == 2


def test_two_hundred_calls_through_a_storm_of_faults_all_arrive(provider: FakeProvider) -> None:
    provider.mix = {"429": 0.05, "500": 0.05, "reset": 0.05, "half_body": 0.03, "bad_utf8": 0.02, "html": 0.02, "empty": 0.03}
    lm = Retry(client(provider), RetryPolicy(attempts=12, base=0.001))

    async def storm() -> list[str]:
        asks = [Request((Message("user", f"row {number}"),)) for number in range(200)]
        return [response.text for response in await asyncio.gather(*map(lm, asks))]

    assert portal.run(storm()) == [f"row {number}" for number in range(200)]
    assert provider.requests > 220
    assert provider.in_flight == 0


def test_a_client_answers_on_any_event_loop(provider: FakeProvider) -> None:
    lm = client(provider)
    assert asyncio.run(lm(ASK)).text == asyncio.run(lm(ASK)).text == portal.run(lm(ASK)).text == "two words"


def test_a_cancelled_call_closes_its_connection(provider: FakeProvider) -> None:
    provider.faults = ["hang"]

    async def give_up() -> None:
        async with asyncio.timeout(0.2):
            await client(provider)(ASK)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    deadline = time.monotonic() + 2
    while provider.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    assert provider.in_flight == 0


def test_the_proxy_of_the_environment_is_used_but_never_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:1")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert proxy("https://outside.example/v1") == "http://proxy:1"
    assert proxy("https://inside.example/v1") is None
    assert proxy("http://localhost:8000/v1") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://other:2")
    assert proxy("https://outside.example/v1") == "http://other:2"


EXIT = """
import asyncio, os, sys
from adjoint.base.portal import portal
from adjoint.lm.http import Timeouts
from adjoint.lm.openai import OpenAIChat
from adjoint.lm.pool import proxy
from adjoint.lm.types import Message, Request
assert "aiohttp" not in sys.modules
lm = OpenAIChat("m", base_url=sys.argv[1], api_key=None)
ask = Request((Message("user", "hi"),))
print(portal.run(lm(ask)).text, flush=True)
if sys.argv[2] == "fork":
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    print(portal.run(lm(ask)).text, flush=True)
"""


@pytest.mark.parametrize("mode", ["plain", "fork"])
def test_a_process_ends_without_warnings_and_a_fork_works(provider: FakeProvider, mode: str) -> None:
    warnings = "error" if mode == "plain" else "ignore"  # a child lets the sockets of its parent go without closing them
    command = [sys.executable, "-W", warnings, "-c", EXIT, provider.base_url, mode]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True, stdin=subprocess.DEVNULL)
    assert done.stderr == ""
    assert done.stdout.split() == ["hi"] * (1 if mode == "plain" else 3)
