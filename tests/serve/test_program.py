"""A program behind HTTP: its inputs in, its outputs out, and nothing else can be set from outside."""

from __future__ import annotations

import pytest
from tests.serve.conftest import SYSTEM, TICKET, ask, raw

import adjoint
from adjoint.serve import Server
from adjoint.testing import ScriptedLM


class Two(adjoint.Module):
    """Synchronous code, as most programs are."""

    def __init__(self):
        self.first = adjoint.Predict("word -> shouted")
        self.second = adjoint.Predict("word -> answer: int")

    def forward(self, word, times=1):
        return adjoint.Prediction(answer=self.second(word=self.first(word=word).shouted).answer * times)


class Broken(adjoint.Module):
    def forward(self, word):
        raise RuntimeError("the path /home/someone")


@pytest.fixture(scope="module")
def tickets():
    with Server(adjoint.Predict("ticket -> answer", SYSTEM), lm=adjoint.LM("pocket")) as server:
        yield server


@pytest.fixture(scope="module")
def two():
    with Server(Two(), lm=ScriptedLM(lambda request: "LAMP" if "shouted" in request.messages[0].text else "21")) as server:
        yield server


@pytest.mark.parametrize("path", ["/", "/predict"])
def test_inputs_give_outputs(tickets, path):
    reply = ask(tickets, {"ticket": TICKET}, path)
    assert (reply.status, reply.json) == (200, {"answer": "[lamp]"})


def test_the_fields_are_told(tickets):
    schema = raw(tickets, "GET", "/schema").json
    field = {"type": "str", "required": True, "schema": {"type": "string"}}
    assert schema["inputs"] == [{"name": "ticket", **field}]
    assert schema["outputs"] == [{"name": "answer", **field}]
    assert (schema["program"], schema["model"]) == ("Predict", "pocket")


def test_a_program_of_several_calls_runs_its_own_code(two):
    assert ask(two, {"word": "lamp", "times": 2}, "/predict").json == {"answer": 42}
    told = raw(two, "GET", "/schema").json
    assert told["inputs"] == [{"name": "word", "required": True}, {"name": "times", "required": False}]


def test_a_chain_of_thought_tells_its_reasoning():
    with Server(adjoint.ChainOfThought("ticket -> answer"), lm=ScriptedLM([])) as server:
        assert [field["name"] for field in raw(server, "GET", "/schema").json["outputs"]] == ["reasoning", "answer"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "ticket"),
        ({"ticket": 7}, "ticket"),
        ({"ticket": TICKET, "lm": "openai/x"}, "lm"),
        ({"ticket": TICKET, "more": 1}, "more"),
    ],
    ids=str,
)
def test_inputs_that_do_not_fit_are_refused(tickets, body, param):
    reply = ask(tickets, body, "/predict")
    assert (reply.status, reply.json["error"]["param"]) == (400, param)


def test_a_program_that_raises_tells_strangers_nothing_of_it(caplog):
    with Server(Broken(), lm=ScriptedLM([])) as server:
        reply = ask(server, {"word": "lamp"}, "/predict")
    assert (reply.status, reply.json["error"]["code"]) == (500, "internal_error")
    assert "/home/someone" not in reply.text and "/home/someone" in caplog.text


def test_a_reply_that_cannot_be_read_is_the_models_failure():
    with Server(adjoint.Predict("word -> answer: int"), lm=ScriptedLM(lambda request: "many")) as server:
        reply = ask(server, {"word": "lamp"}, "/predict")
    assert (reply.status, reply.json["error"]["code"]) == (502, "reply_not_readable")


def test_a_model_s_paths_are_not_there(tickets):
    assert raw(tickets, "GET", "/v1/models").status == 404
