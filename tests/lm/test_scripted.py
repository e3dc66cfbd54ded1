"""The scripted LM, which users test their programs with."""

from __future__ import annotations

import asyncio
import re

import pytest

from adjoint.base.errors import RateLimitError, UsageError
from adjoint.lm.base import BaseLM, identity_of
from adjoint.lm.types import Message, Request, Response, Usage
from adjoint.testing import ScriptedLM


def ask(text: str, *before: Message) -> Request:
    return Request((*before, Message("user", text)))


def say(lm: ScriptedLM, text: str, *before: Message) -> str:
    return asyncio.run(lm(ask(text, *before))).text


def test_a_list_answers_in_order_and_records_the_requests() -> None:
    whole = Response("b", finish="length")
    lm = ScriptedLM(["a", whole])
    assert isinstance(lm, BaseLM)
    first, second = ask("1"), ask("2")
    assert asyncio.run(lm(first)).text == "a"
    assert asyncio.run(lm(second)) is whole
    assert lm.requests == [first, second]


def test_an_exception_in_the_script_is_raised() -> None:
    lm = ScriptedLM([RateLimitError("slow", retry_after=1.0), KeyError])
    with pytest.raises(RateLimitError, match="slow"):
        say(lm, "x")
    with pytest.raises(KeyError):
        say(lm, "x")


def test_when_answers_run_out_the_error_shows_the_prompt() -> None:
    lm = ScriptedLM(["only"], name="critic")
    say(lm, "x")
    with pytest.raises(UsageError, match=r"'critic' has no answer: it has 1 answers and this is call 2.*\n.*the lost prompt"):
        say(lm, "the lost prompt")


def test_the_first_rule_found_in_the_last_user_message_wins_then_the_whole_prompt() -> None:
    lm = ScriptedLM({"sky": "blue", re.compile(r"gr\w+s"): "green", "be a poet": "ode"})
    poet = Message("system", "be a poet about the sky")
    assert say(lm, "the sky over grass") == "blue"
    assert say(lm, "the grass", poet) == "green"
    assert say(lm, "anything", poet) == "blue"
    assert say(lm, "anything", Message("system", "be a poet")) == "ode"
    with pytest.raises(UsageError, match="none of its 3 rules is found"):
        say(lm, "anything")


def test_a_function_answers_sync_or_async() -> None:
    async def later(request: Request) -> str:
        await asyncio.sleep(0)
        return request.messages[-1].content.upper()

    assert say(ScriptedLM(lambda request: request.messages[-1].content[::-1]), "abc") == "cba"
    assert say(ScriptedLM(later), "abc") == "ABC"


def test_a_function_that_returns_something_else_is_told_so() -> None:
    with pytest.raises(UsageError, match="returned 3"):
        say(ScriptedLM(lambda _: 3), "x")  # type: ignore[arg-type,return-value]


def test_a_bare_string_is_no_script() -> None:
    with pytest.raises(UsageError, match=r"write \['yes'\]"):
        ScriptedLM("yes")


def test_words_count_as_tokens() -> None:
    response = asyncio.run(ScriptedLM(["one two three"], name="s")(ask("a b", Message("system", "c"))))
    assert (response.usage, response.model) == (Usage(1, 3, 3, 0.0), "s")


def test_calls_overlap_during_the_delay_and_their_number_is_recorded() -> None:
    lm = ScriptedLM(lambda _: "x", delay=0.02)

    async def many() -> None:
        await asyncio.gather(*(lm(ask("q")) for _ in range(5)))

    asyncio.run(many())
    assert (lm.max_in_flight, len(lm.requests)) == (5, 5)


def test_without_an_identity_nothing_is_cached_and_with_one_it_is() -> None:
    assert identity_of(ScriptedLM([])) is None
    assert identity_of(ScriptedLM([], identity="me@1")) == "me@1"
