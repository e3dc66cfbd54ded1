"""Functions as language models, and the bridge to LiteLLM."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import adjoint
from adjoint.base.errors import (
    AuthError,
    ContextLengthError,
    LMError,
    MissingExtraError,
    RateLimitError,
    RequestError,
    ServerError,
    TransportError,
    UsageError,
)
from adjoint.lm.base import identity_of
from adjoint.lm.callable import CallableLM
from adjoint.lm.names import connect
from adjoint.lm.types import Message, Part, Request, Response, ToolCall
from adjoint.testing.fake_openai import Chat

if TYPE_CHECKING:
    from collections.abc import Callable

ASK = Request((Message("system", "Be brief."), Message("user", "hello")))
LOCAL = "http://127.0.0.1:9/v1"


def shout(prompt: str) -> str:
    return prompt.upper()


async def count(request: Request) -> Response:
    await asyncio.sleep(0)
    return Response(str(len(request.messages)))


class Model:
    async def __call__(self, prompt: str) -> str:
        return f"<{prompt}>"


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (shout, "BE BRIEF.\n\nHELLO"),
        (count, "2"),
        (Model(), "<Be brief.\n\nhello>"),
        (str.title, "Be Brief.\n\nHello"),
        (lambda prompt: Response(prompt[-5:]), "hello"),
    ],
)
def test_a_function_answers(function: Callable[[Any], Any], text: str) -> None:
    response = asyncio.run(CallableLM(function)(ASK))
    assert response.text == text
    assert response.usage.calls == 1


def test_a_function_is_named_and_its_replies_are_not_kept_unless_it_says_who_answers() -> None:
    assert (CallableLM(shout).name, identity_of(CallableLM(shout))) == ("shout", None)
    assert CallableLM(Model()).name == "Model"
    named = CallableLM(lambda request: request.messages[0].text, name="first", identity="first@1", takes="request")
    assert asyncio.run(named(ASK)).text == "Be brief."
    assert (named.name, identity_of(named)) == ("first", "first@1")


def test_a_slow_function_holds_nobody_up() -> None:
    both = threading.Barrier(2, timeout=5)

    def meet(prompt: str) -> str:
        both.wait()
        return prompt

    async def two() -> None:
        lm = CallableLM(meet)
        await asyncio.gather(lm(ASK), lm(ASK))

    asyncio.run(two())


def test_what_a_function_does_wrong_is_an_error_with_its_name() -> None:
    def fails(_: str) -> str:
        raise ZeroDivisionError("no")

    with pytest.raises(LMError, match="the function fails raised ZeroDivisionError: no"):
        asyncio.run(CallableLM(fails)(ASK))
    with pytest.raises(LMError, match="returned a int"):
        asyncio.run(CallableLM(len)(ASK))
    with pytest.raises(UsageError, match="takes text only"):
        asyncio.run(CallableLM(shout)(Request((Message("user", (Part("image", url="x"),)),))))


def test_lm_takes_a_function_and_gives_all_replies() -> None:
    assert adjoint.LM(shout)("hi") == ["HI"]
    assert adjoint.LM(lambda _: Response("a", others=("b",)))("hi", n=2) == ["a", "b"]


# The bridge ----------------------------------------------------------------------------------------------------------


class FakeLiteLLM(ModuleType):
    """As much of LiteLLM as the bridge uses."""

    def __init__(self) -> None:
        super().__init__("litellm")
        self.calls: list[dict[str, Any]] = []
        self.answer: Any = Response("hi", tool_calls=(ToolCall("a", "f", "{}"),))

    async def acompletion(self, **options: Any) -> Any:
        self.calls.append(options)
        if isinstance(self.answer, Exception):
            raise self.answer
        answer = self.answer(options) if callable(self.answer) else self.answer
        answer = await answer if inspect.isawaitable(answer) else answer
        body = answer if isinstance(answer, dict) else Chat().whole(options, answer)
        return Dumped(body)


class Dumped:
    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def model_dump(self) -> dict[str, Any]:
        return self.body


@pytest.fixture
def litellm(monkeypatch: pytest.MonkeyPatch) -> FakeLiteLLM:
    module = FakeLiteLLM()
    monkeypatch.setitem(sys.modules, "litellm", module)
    return module


def test_the_bridge_asks_litellm_once_and_reads_its_reply(litellm: FakeLiteLLM) -> None:
    lm = connect("litellm/bedrock/claude", base_url=LOCAL, api_key="canary-key", timeout=3.0)
    response = asyncio.run(lm(ASK.with_options(temperature=0.5, max_tokens=7)))
    assert (response.text, response.finish, response.tool_calls) == ("hi", "tool_calls", (ToolCall("a", "f", "{}"),))
    assert (lm.name, identity_of(lm)) == ("litellm/bedrock/claude", f"litellm/bedrock/claude@{LOCAL}")
    (call,) = litellm.calls
    own = {"api_key": "canary-key", "api_base": LOCAL, "timeout": 3.0, "num_retries": 0, "max_tokens": 7, "temperature": 0.5}
    assert own.items() <= call.items()
    assert (call["model"], len(call["messages"])) == ("bedrock/claude", 2)
    assert "canary" not in repr(lm)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("AuthenticationError", AuthError),
        ("RateLimitError", RateLimitError),
        ("ContextWindowExceededError", ContextLengthError),
        ("BadRequestError", RequestError),
        ("Timeout", TransportError),
        ("ServiceUnavailableError", ServerError),
        ("SomethingNew", LMError),
    ],
)
def test_errors_of_litellm_are_typed(litellm: FakeLiteLLM, name: str, kind: type[LMError]) -> None:
    litellm.answer = type(name, (Exception,), {})("refused for canary-key-0123\nand more")
    with pytest.raises(kind, match="LiteLLM for m: refused") as caught:
        asyncio.run(connect("litellm/m", base_url=LOCAL, api_key="canary-key-0123")(ASK))
    assert type(caught.value) is kind
    assert "canary" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_reply_of_litellm_that_is_none_is_an_error_and_paid_calls_can_be_off(litellm: FakeLiteLLM) -> None:
    litellm.answer = {"choices": []}
    with pytest.raises(ServerError, match="no choices"):
        asyncio.run(connect("litellm/m", base_url=LOCAL)(ASK))
    with pytest.raises(UsageError, match="ALLOW_PAID_CALLS"):
        asyncio.run(connect("litellm/m")(ASK))


def test_without_litellm_the_command_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "litellm", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'adjoint\[litellm\]'"):
        connect("litellm/m")
