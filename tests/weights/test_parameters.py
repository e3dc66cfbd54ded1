"""Weights as parameters of a program: part of its state, kept beside it by their content, and never read unchecked."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
from safetensors.numpy import save

import adjoint
from adjoint.base.errors import MissingExtraError, UsageError
from adjoint.lm import weights
from adjoint.lm.scripted import ScriptedLM
from adjoint.lm.types import Response


def kept(value=1.0):
    return weights.keep(save({"a": np.full(3, value)}, metadata=weights.metadata({"kind": "lora", "base": "b"})))


def forget(monkeypatch):
    """As a new process would begin."""
    monkeypatch.setattr(weights, "_places", {})


def test_the_same_numbers_have_the_same_name():
    assert kept() == kept() != kept(2.0)
    assert weights.about(kept())["base"] == "b"


def test_weights_are_part_of_a_state_only_where_there_are_some():
    program = adjoint.ChainOfThought("q -> a")
    assert [*program.state_dict()] == ["predict.instruction", "predict.demos"]
    tuned = program.with_state({"predict.weights": {"adapter": kept()}})
    assert tuned.state_dict()["predict.weights"] == {"adapter": kept()}
    assert "predict.weights" not in tuned.with_state({"predict.weights": None}).state_dict()


@pytest.mark.parametrize("value", ["abc", {"path": "/etc/passwd"}, {"adapter": "a", "model": "b"}, 3])
def test_a_value_that_names_no_weights_is_refused(value):
    with pytest.raises(UsageError, match="an object with adapter or model"):
        adjoint.Predict("q -> a").with_state({"weights": value})


def test_they_go_with_each_request_of_their_predictor_and_no_other():
    lm = ScriptedLM(lambda _: Response("x"))
    program = adjoint.Predict("q -> a").with_state({"weights": {"model": "ft:tiny:1"}})
    with adjoint.context(lm=lm):
        program(q="1")
        adjoint.Predict("q -> a")(q="1")
    assert [request.extra for request in lm.requests] == [{"model": "ft:tiny:1"}, {}]


def test_a_saved_program_takes_its_weights_along(tmp_path, monkeypatch):
    digest = kept()
    adjoint.Predict("q -> a").with_state({"weights": {"adapter": digest}}).save(tmp_path / "best.json")
    assert [file.name for file in (tmp_path / "best.weights").iterdir()] == [f"{digest}.safetensors"]
    monkeypatch.setenv("ADJOINT_WEIGHTS", str(tmp_path / "elsewhere"))
    forget(monkeypatch)
    assert adjoint.load(tmp_path / "best.json").weights == {"adapter": digest}
    assert weights.find(digest).parent == tmp_path / "best.weights"


def test_weights_that_were_changed_are_refused_when_the_program_is_loaded(tmp_path, monkeypatch):
    digest = kept()
    adjoint.Predict("q -> a").with_state({"weights": {"adapter": digest}}).save(tmp_path / "best.json")
    file = tmp_path / "best.weights" / f"{digest}.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x00")
    forget(monkeypatch)
    with pytest.raises(UsageError, match="not as it was saved"):
        adjoint.load(tmp_path / "best.json")


def test_weights_that_are_missing_are_named_with_the_place_where_they_belong(tmp_path, monkeypatch):
    adjoint.Predict("q -> a").with_state({"weights": {"adapter": kept()}}).save(tmp_path / "best.json")
    (tmp_path / "best.weights" / f"{kept()}.safetensors").unlink()
    monkeypatch.setenv("ADJOINT_WEIGHTS", str(tmp_path / "elsewhere"))
    forget(monkeypatch)
    with pytest.raises(UsageError, match="set ADJOINT_WEIGHTS"):
        adjoint.load(tmp_path / "best.json")


def test_a_name_cannot_lead_out_of_the_store(tmp_path):
    adjoint.Predict("q -> a").with_state({"instruction": "x"}).save(tmp_path / "best.json")
    body = json.loads((tmp_path / "best.json").read_text())
    body["state"]["weights"], body["digest"] = {"adapter": "../../secret"}, ""
    (tmp_path / "best.json").write_text(json.dumps(body))
    with pytest.raises(UsageError, match="names no weights"):
        adjoint.load(tmp_path / "best.json")


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'adjoint\[hf\]'"):
        adjoint.LM("hf/pocket")
