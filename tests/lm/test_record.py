"""Record and replay: the same answers without the provider, and no secret in the file."""

from __future__ import annotations

import asyncio
import json
import stat
from typing import TYPE_CHECKING

import pytest

from adjoint.base.errors import DataError, ServerError
from adjoint.base.portal import portal
from adjoint.lm.base import BaseLM, identity_of
from adjoint.lm.openai import OpenAIChat
from adjoint.lm.record import Record, Replay
from adjoint.lm.types import Message, Part, Request, Response, TokenLogprob, ToolCall, ToolSpec, Usage
from adjoint.testing import FakeProvider, ScriptedLM

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-canary-0123456789abcdef"
FULL = Request(
    (
        Message("system", "Be brief."),
        Message("user", (Part("text", "ü"), Part("image", data="aGk=", media_type="image/png"))),
        Message("assistant", "", tool_calls=(ToolCall("a", "f", "{}"),)),
        Message("tool", "3", tool_call_id="a"),
    ),
    temperature=0.5,
    stop=("x",),
    tools=(ToolSpec("f", "F.", {"type": "object"}),),
    schema={"type": "object"},
    sample=2,
    extra={"top_p": 0.5},
)
ANSWER = Response(
    "three",
    finish="tool_calls",
    usage=Usage(1, 3, 4, 0.25),
    model="m",
    logprobs=(TokenLogprob("three", -0.5),),
    reasoning="hm",
    tool_calls=(ToolCall("b", "f", "{}"),),
    others=("four",),
)


def ask(text: str, **options: object) -> Request:
    return Request((Message("user", text),), **options)  # type: ignore[arg-type]


def test_a_replay_gives_the_recorded_answers_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "calls.jsonl"
    recorded = Record(ScriptedLM([ANSWER], name="m", identity="m@here"), path)
    assert isinstance(recorded, BaseLM)
    assert identity_of(recorded) == "m@here"
    assert asyncio.run(recorded(FULL)) == ANSWER
    replay = Replay(path)
    assert isinstance(replay, BaseLM)
    assert asyncio.run(replay(FULL)) == ANSWER
    assert replay.name == "m"
    assert identity_of(replay) == identity_of(Replay(path))


def test_answers_to_the_same_request_come_in_their_order_and_the_last_one_stays(tmp_path: Path) -> None:
    recorded = Record(ScriptedLM(["one", "other", "two"]), tmp_path / "f")
    for text in ("q", "p", "q"):
        asyncio.run(recorded(ask(text)))
    replay = Replay(tmp_path / "f")
    assert [asyncio.run(replay(ask("q"))).text for _ in range(3)] == ["one", "two", "two"]
    assert asyncio.run(replay(ask("p"))).text == "other"


def test_a_request_that_was_not_recorded_is_named(tmp_path: Path) -> None:
    asyncio.run(Record(ScriptedLM(["a"]), tmp_path / "f")(ask("q")))
    replay = Replay(tmp_path / "f")
    with pytest.raises(DataError, match=r"holds no answer to this request .*'temperature': 0.5.*: 'what now\?'") as caught:
        asyncio.run(replay(ask("what now?", temperature=0.5)))
    assert "Record(lm, path)" in str(caught.value)
    with pytest.raises(DataError, match="holds no answer"):
        asyncio.run(replay(ask("q", sample=1)))


def test_real_traffic_is_recorded_without_headers_and_failures(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with FakeProvider(api_key=KEY, faults=["500"]) as provider:
        lm = Record(OpenAIChat("tiny", base_url=provider.base_url, api_key=KEY), path)
        with pytest.raises(ServerError):
            portal.run(lm(ask("hello")))
        assert not path.exists()
        live = portal.run(lm(ask("hello")))
    assert portal.run(Replay(path)(ask("hello"))) == live
    (line,) = path.read_text().splitlines()
    assert set(json.loads(line)) == {"lm", "request", "response"}
    assert "canary" not in line


def test_secrets_are_replaced_and_the_replay_still_finds_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "correct-horse-battery")
    secrets = ["sk-proj-canary0123456789ab", "Bearer canary.0123456789", "correct-horse-battery", "hf_canary0123456789abcdef"]
    request = ask(
        f"my keys are {' '.join(secrets)}",
        extra={"api_key": "canary", "extra_headers": {"Authorization": "canary", "x-api-key": "canary"}, "max_tokens_hint": "5"},
    )
    answer = Response(f"you said {secrets[0]}", logprobs=(TokenLogprob("you", -1.0),))
    asyncio.run(Record(ScriptedLM([answer]), tmp_path / "f")(request))
    text = (tmp_path / "f").read_text()
    assert "canary" not in text
    assert "battery" not in text
    assert '"max_tokens_hint":"5"' in text
    found = asyncio.run(Replay(tmp_path / "f")(request))
    assert (found.text, found.logprobs) == ("you said [secret]", answer.logprobs)


def test_the_file_is_its_owners_and_grows_by_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "f"
    lm = Record(ScriptedLM(lambda request: request.messages[-1].text * 100), path)

    async def many() -> None:
        await asyncio.gather(*(lm(ask(str(number))) for number in range(50)))

    asyncio.run(many())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {asyncio.run(Replay(path)(ask(str(number)))).text for number in range(50)} == {str(n) * 100 for n in range(50)}


def test_a_file_that_cannot_be_read_or_written_is_said_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot replay"):
        Replay(tmp_path / "missing")
    with pytest.raises(DataError, match="cannot record"):
        asyncio.run(Record(ScriptedLM(["a"]), tmp_path)(ask("q")))
    for bad in ("{", "[]", "{}", '{"lm": "m", "request": {"messages": 3}, "response": {}}'):
        (tmp_path / "f").write_text(f"\n{bad}\n")
        with pytest.raises(DataError, match="f:2 is no recorded call"):
            Replay(tmp_path / "f")
