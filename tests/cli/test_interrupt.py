"""Ctrl-C and SIGTERM: what has arrived stays, the end comes within two seconds, and the same command goes on."""

from __future__ import annotations

import json
import signal
import time

import pytest
from tests.cli.conftest import start

from adjoint.testing import FakeProvider

SYNC = """
import time
import adjoint

class Slow(adjoint.Module):
    def __init__(self):
        self.answer = adjoint.Predict("word -> answer")

    def forward(self, word):
        made = self.answer(word=word)
        time.sleep({pause})
        return made

program = Slow()
"""
DEAF = '''
import time
from adjoint.lm.types import Response

class Deaf:
    """A model that blocks the event loop itself."""
    name = identity = "deaf"
    async def __call__(self, request):
        open("asked", "w").close()
        time.sleep(60)
        return Response("")

lm = Deaf()
'''


def wait_for(condition, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def stopped(process, number):
    begin = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return process.returncode, time.monotonic() - begin, out, err


@pytest.fixture
def provider():
    """Answers 20 rows, then hangs."""
    with FakeProvider(lambda messages: messages[-1]["content"].upper(), faults=[*[None] * 20, *["hang"] * 100]) as made:
        yield made


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", ["eval", "run", "optimize"])
def test_the_same_command_continues_after_a_signal(verb, number, world, provider):
    command = [verb, "words.py:program", "rows.jsonl", "--model", "openai/x", "--json"]
    there = {"OPENAI_BASE_URL": provider.base_url, "OPENAI_API_KEY": "sk-any"}
    process = start(*command, **there)
    wait_for(lambda: provider.billed == 20 and provider.in_flight > 0)
    time.sleep(0.2)
    code, seconds, out, err = stopped(process, number)
    assert (code, out) == (130, "")
    assert err == "adjoint: interrupted; the same command continues\n"
    assert seconds < 2.0
    paid = provider.billed
    provider.faults = []
    again = start(*command, **there)
    out, err = again.communicate(timeout=30)
    assert (again.returncode, err) == (0, "")
    if verb != "optimize":
        assert provider.billed == 60
        assert len(json.loads(out)["rows"] if verb == "run" else json.loads(out)["reports"][0]["rows"]) == 60
    prompts = [json.dumps(body["messages"]) for body in provider.bodies]
    assert paid > 0
    assert provider.billed == len(set(prompts))  # nothing that was received has been bought twice


def test_a_second_signal_ends_at_once(world):
    (world / "deaf.py").write_text(DEAF)
    process = start("eval", "words.py:program", "rows.jsonl", "--model", "deaf.py:lm")
    wait_for((world / "asked").exists)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert time.monotonic() - begin < 1.0
    process.communicate()


def test_one_signal_is_enough_even_if_the_model_blocks_the_loop(world):
    (world / "deaf.py").write_text(DEAF)
    process = start("eval", "words.py:program", "rows.jsonl", "--model", "deaf.py:lm")
    wait_for((world / "asked").exists)
    code, seconds, _, err = stopped(process, signal.SIGINT)
    assert code == 130
    assert seconds < 2.0
    assert "interrupted" in err


def test_threads_of_the_program_do_not_hold_the_end(world):
    (world / "slow.py").write_text(SYNC.format(pause=60))
    text = (world / "model.py").read_text()
    (world / "model.py").write_text(text.replace("system, word = ", 'open("asked", "w").close()\n    system, word = '))
    process = start("eval", "slow.py:program", "rows.jsonl")
    wait_for((world / "asked").exists)
    code, seconds, _, err = stopped(process, signal.SIGINT)
    assert (code, err) == (130, "adjoint: interrupted; the same command continues\n")
    assert seconds < 2.0
