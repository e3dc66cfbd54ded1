"""Every client keeps the rules of the shipped suite, over real sockets against the fake provider."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from tests.lm.test_callable import FakeLiteLLM

from adjoint import Embedder
from adjoint.lm import http
from adjoint.lm.anthropic import Anthropic
from adjoint.lm.callable import CallableLM
from adjoint.lm.completions import OpenAIText
from adjoint.lm.engine import EngineLM, as_lm
from adjoint.lm.gemini import Gemini
from adjoint.lm.names import connect
from adjoint.lm.openai import OpenAIChat
from adjoint.lm.record import Record, Replay
from adjoint.lm.responses import OpenAIResponses
from adjoint.lm.scripted import ScriptedLM
from adjoint.lm.types import Response, ToolCall, Usage
from adjoint.testing import FakeProvider
from adjoint.testing.embedder_suite import EmbedderConformance
from adjoint.testing.fake_openai import vector
from adjoint.testing.faults import FAULTS
from adjoint.testing.lm_suite import COUNT, ERRORS, PERSON, READY, STREAM_ERRORS, TOOL, WEATHER, LMConformance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from adjoint.lm.base import BaseLM
    from adjoint.lm.client import Client
    from adjoint.lm.types import Request

USAGE = Usage(1, 9, 9)


def said(prompt: str, last: str) -> Response:
    """What a capable model says to the questions of the suite."""
    if "snowing" in prompt:
        return Response("It snows in Paris.", usage=USAGE)
    if WEATHER in prompt:
        calls = (ToolCall("call_7", TOOL.name, json.dumps({"city": "Paris"})),)
        return Response("", finish="tool_calls", tool_calls=calls, usage=USAGE)
    if PERSON in prompt:
        return Response('{"name": "Ada Lovelace", "age": 36}', usage=USAGE)
    if COUNT in prompt:
        return Response("one two three four five six", finish="length", usage=USAGE)
    return Response("ready" if READY in prompt else last.rsplit(maxsplit=1)[-1], usage=USAGE)


class Remote(LMConformance):
    """A client against the fake provider, which plays a model that can do all that the suite asks for."""

    client: ClassVar[type[Client]]
    secret = "sk-canary-0123456789abcdef"

    @pytest.fixture(autouse=True)
    def serve(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(http, "MAX_BODY", 2**20)
        with FakeProvider(self.answer) as self.provider:
            yield
        assert self.provider.in_flight == 0

    async def answer(self, messages: list[dict[str, Any]]) -> Response:
        response = said(json.dumps([*messages, self.provider.bodies[-1]]), str(messages[-1].get("content") or "-"))
        asked = self.provider.bodies[-1]
        many = asked.get("n") or asked.get("generationConfig", {}).get("candidateCount") or 1
        return replace(response, others=(response.text,) * (many - 1))

    def lm(self, timeout: float = 20.0) -> BaseLM:
        return self.client("tiny", provider="fake", base_url=self.provider.base_url, api_key=self.secret, timeout=timeout)

    def broken(self, fault: str) -> BaseLM:
        """Only what never ends is waited for briefly: a busy machine must not look like a server that hangs."""
        self.provider.faults = [*[None] * self.provider.requests, fault]
        return self.lm(0.2 if fault in ENDLESS else 20.0)

    def open_connections(self) -> int:
        return self.provider.in_flight


ENDLESS = ("hang", "slow_body", "stream_stall")


class TestOpenAIChat(Remote):
    client = OpenAIChat


class TestOpenAIText(Remote):
    client = OpenAIText
    can = LMConformance.can - {"tools"}


class TestOpenAIResponses(Remote):
    client = OpenAIResponses


class TestAnthropic(Remote):
    client = Anthropic


class TestGemini(Remote):
    client = Gemini


class TestCallable(LMConformance):
    can = frozenset({"options", "usage"})

    def lm(self) -> BaseLM:
        return CallableLM(lambda prompt: said(prompt, prompt).text, name="function")


class TestScripted(LMConformance):
    can = frozenset({"options", "usage", "truncated", "tools", "schema"})

    def lm(self) -> BaseLM:
        async def answer(request: Request) -> Response:
            await asyncio.sleep(0)
            prompt = "\n".join(message.text for message in request.messages)
            return said(prompt, prompt)

        return ScriptedLM(answer)


class TestEngine(LMConformance):
    can = frozenset({"options", "usage"})

    def lm(self) -> BaseLM:
        lm = as_lm(Engine())
        assert lm is not None
        return lm


class Engine(EngineLM):
    def generate(self, prompt: Any, system_prompt: str | None = None, **options: Any) -> str:
        return said(prompt, prompt).text


class TestLiteLLM(LMConformance):
    """The bridge, with as much of LiteLLM as it uses."""

    secret = Remote.secret

    @pytest.fixture(autouse=True)
    def pretend(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = FakeLiteLLM()
        module.answer = self.answer
        monkeypatch.setitem(sys.modules, "litellm", module)

    def answer(self, options: dict[str, Any]) -> Response:
        last = options["messages"][-1].get("content") or "-"
        response = said(json.dumps(options), str(last))
        return replace(response, others=(response.text,) * (options.get("n", 1) - 1))

    def lm(self, timeout: float = 20.0) -> BaseLM:
        return connect("litellm/some/model", base_url="http://localhost:1/v1", api_key=self.secret, timeout=timeout)

    def broken(self, fault: str) -> BaseLM:
        """Faults as LiteLLM names them."""
        if fault == "hang":
            sys.modules["litellm"].answer = lambda _: asyncio.Event().wait()  # type: ignore[attr-defined]
            return self.lm(0.2)
        if fault not in LITELLM:
            pytest.skip(f"{fault} is met inside LiteLLM")
        error = type(LITELLM[fault], (Exception,), {})(f"refused: {self.secret}\nand more")
        if fault == "reset":  # under a name that tells nothing, but with what it comes from
            error.__cause__ = type("APIConnectionError", (Exception,), {})()
        sys.modules["litellm"].answer = error  # type: ignore[attr-defined]
        return self.lm()


LITELLM = {
    "401": "AuthenticationError",
    "429": "RateLimitError",
    "500": "InternalServerError",
    "html": "APIError",
    "reset": "InternalServerError",
}


class TestReplay(TestScripted):
    """Each question of the suite is asked and recorded first, then answered from the file alone."""

    path: Path | None = None
    recorded = False

    @pytest.fixture(autouse=True)
    def record(self, tmp_path: Path, request: pytest.FixtureRequest) -> None:
        self.path = tmp_path / "calls.jsonl"
        request.function()
        self.recorded = self.path.exists()

    def lm(self) -> BaseLM:
        assert self.path is not None
        return Replay(self.path) if self.recorded else Record(super().lm(), self.path)


class TestServedEmbeddings(EmbedderConformance):
    secret = Remote.secret

    @pytest.fixture(autouse=True)
    def serve(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(http, "MAX_BODY", 2**20)
        with FakeProvider(api_key=self.secret) as self.provider:
            yield

    def embedder(self, timeout: float = 20.0) -> Embedder:
        return Embedder("openai/tiny", 3, base_url=self.provider.base_url, api_key=self.secret, timeout=timeout)

    def broken(self, fault: str) -> Embedder:
        self.provider.faults = [*[None] * self.provider.requests, fault]
        return self.embedder(0.2 if fault in ENDLESS else 20.0)


class TestLocalEmbeddings(EmbedderConformance):
    def embedder(self) -> Embedder:
        return Embedder(lambda texts: [vector(text) for text in texts])


def test_the_suite_meets_every_fault_that_must_be_an_error() -> None:
    answered = {"refusal", "length", "null_content", "wrong_type", "swapped"}
    assert {*ERRORS, *STREAM_ERRORS} == {*FAULTS} - answered
    assert len(FAULTS) >= 25


class Silent(TestCallable):
    def lm(self) -> BaseLM:
        return CallableLM(lambda _: "", name="silent")


def test_the_suite_fails_an_lm_that_breaks_the_rules() -> None:
    with pytest.raises(AssertionError):
        Silent().test_it_answers_with_text()
    with pytest.raises(AssertionError):
        Silent().test_answers_at_once_are_not_mixed_up()
