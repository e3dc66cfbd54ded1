"""A local checkpoint keeps the rules of the shipped suite, behind a program, in front of a server, and as one of several models."""

from __future__ import annotations

import json
import urllib.request

import pytest

pytest.importorskip("torch", reason="the extra hf is not installed")
pytest.importorskip("transformers", reason="the extra hf is not installed")
pytest.importorskip("peft", reason="the extra hf is not installed")

import torch
import transformers
from tests.weights.conftest import EMBEDDED, TOKENS, saved

import adjoint
from adjoint.cli.sources import read_served
from adjoint.lm.hf.client import HF
from adjoint.lm.hf.merge import merge
from adjoint.lm.types import Message
from adjoint.optim.weights.loop import train
from adjoint.optim.weights.recipe import Recipe
from adjoint.optim.weights.rows import Row
from adjoint.optim.weights.task import Task
from adjoint.serve.server import Server
from adjoint.testing.lm_suite import COUNT, NUMBER, READY, LMConformance

NUMBERS = "one two three four five six seven eight nine ten " * 2
ANSWERS = {READY: "ready", COUNT: NUMBERS.strip(), **{f"{NUMBER}{number}": str(number) for number in range(100, 116)}}


@pytest.fixture(scope="module")
def able(tmp_path_factory):
    """A checkpoint that knows what the suite asks: a small Llama that was taught it."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        **TOKENS, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=256,
        bos_token_id=EMBEDDED["bos_token_id"],
    )  # fmt: skip
    lm = HF(str(saved(tmp_path_factory.mktemp("blank"), transformers.LlamaForCausalLM(config))))
    rows = [Row((Message("user", question),), answer) for question, answer in ANSWERS.items()]
    task = Task(
        Recipe(rank=None, learning_rate=5e-3, batch_size=18, micro_batch=18, steps=120), rows, tmp_path_factory.mktemp("run")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADJOINT_WEIGHTS", str(tmp_path_factory.mktemp("weights")))
        trained = lm.engine.run(lambda engine: train(engine, task)).result()
        folder = tmp_path_factory.mktemp("able") / "checkpoint"
        lm.engine.run(lambda engine: merge(engine, trained.weights[-1], folder)).result()
    return folder


class TestHF(LMConformance):
    can = frozenset({"options", "usage", "truncated", "n"})

    @pytest.fixture(autouse=True)
    def taught(self, able):
        self.folder = able

    def lm(self):
        return HF(str(self.folder))


def test_it_is_served_as_openais_interface(able):
    program, lm = read_served(f"hf/{able}", None)
    assert program is None
    with Server(lm=lm) as server:
        body = {"model": f"hf/{able}", "messages": [{"role": "user", "content": READY}]}
        sent = urllib.request.Request(
            f"{server.url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(sent) as reply:
            assert json.load(reply)["choices"][0]["message"]["content"] == "ready"


def test_several_models_answer_in_one_program(able):
    first, second = adjoint.Predict("q -> a", ""), adjoint.Predict("q -> a", "", max_tokens=4)
    first.lm, second.lm = adjoint.LM(f"hf/{able}"), adjoint.LM("hf/pocket")
    assert first(q=READY).a == "ready"
    assert second(q=READY).a != "ready"
