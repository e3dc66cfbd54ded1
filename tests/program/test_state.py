"""State: names of parameters, copies that touch nobody, files that round-trip."""

import collections
import json
from typing import NamedTuple

import pytest

import adjoint
from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.program.state import name_of
from adjoint.testing import ScriptedLM


class Pair(NamedTuple):
    left: adjoint.Predict
    right: str


class Zoo(adjoint.Module):
    """Modules in every kind of container."""

    def __init__(self):
        self.single = adjoint.Predict("q -> a")
        self.steps = [adjoint.Predict("q -> a"), adjoint.ChainOfThought("q -> a")]
        self.named = {"x": adjoint.Predict("q -> a")}
        self.ordered = collections.OrderedDict(y=adjoint.Predict("q -> a"))
        self.pair = Pair(adjoint.Predict("q -> a"), "text")
        self._hidden = adjoint.Predict("q -> a")
        self.again = self.single
        self.threshold = adjoint.Parameter(0.5, kind="number", role="threshold")
        self.tools = (len, print)


PREDICTORS = ["single", "steps.0", "steps.1.predict", "named.x", "ordered.y", "pair.0", "hidden"]


def test_parameters_are_named_by_the_path_to_them_each_once():
    names = [name for name, _ in Zoo().named_parameters()]
    assert names == [f"{name}.{kind}" for name in PREDICTORS for kind in ("instruction", "demos")] + ["threshold"]


def test_predictors_are_found_in_lists_dicts_and_nested_modules():
    assert [name for name, _ in Zoo().named_predictors()] == PREDICTORS
    assert [name for name, _ in adjoint.Predict("q -> a").named_predictors()] == ["self"]
    assert len(Zoo().predictors()) == len(PREDICTORS)


def test_the_state_is_flat_json_and_its_name_is_its_content():
    state = Zoo().state_dict()
    assert json.loads(json.dumps(state)) == state
    assert state["threshold"] == 0.5
    assert name_of(state) == name_of(Zoo().state_dict()) != name_of({**state, "threshold": 0.6})


def test_a_candidate_leaves_the_student_as_it_was():
    student = Zoo()
    before = student.state_dict()
    changed = {name: "New." if name.endswith("instruction") else [{"q": "x", "a": "y"}] for name in before if name != "threshold"}
    candidate = student.with_state(changed)
    assert student.state_dict() == before
    assert candidate.state_dict() == {**before, **changed}
    assert all(ours is not theirs for ours, theirs in zip(student.predictors(), candidate.predictors(), strict=True))


def test_demos_changed_in_place_stay_with_their_owner():
    student = adjoint.Predict("q -> a")
    student.demos = [{"q": "1", "a": "2"}]
    copied = student.deepcopy()
    copied.demos[0]["a"] = "changed"
    copied.demos.append({"q": "3", "a": "4"})
    assert student.demos == [{"q": "1", "a": "2"}]


def test_a_loaded_state_is_not_shared_with_its_giver():
    demos = [{"q": "1", "a": "2"}]
    program = adjoint.Predict("q -> a").with_state({"demos": demos})
    demos[0]["a"] = "changed"
    assert program.demos == [{"q": "1", "a": "2"}]


def test_copies_share_lms_and_tools_and_keep_aliases():
    student = Zoo()
    student.set_lm(ScriptedLM(["x"]))
    copied = student.deepcopy()
    assert copied.single.lm is student.single.lm
    assert copied.tools == student.tools
    assert copied.again is copied.single is not student.single
    assert (type(copied.ordered), type(copied.pair)) == (collections.OrderedDict, Pair)


def test_containers_that_hold_themselves_are_walked_once():
    program = adjoint.Predict("q -> a")
    program.loop = [program]
    program.loop.append(program.loop)
    assert [name for name, _ in program.deepcopy().named_parameters()] == ["instruction", "demos"]


@pytest.mark.parametrize(
    "state",
    [{"single.instruction": "New.", "singel.demos": []}, {"single.instruction": "New.", "threshold.x": 1}],
)
def test_an_unknown_name_is_refused_before_anything_changes(state):
    program = Zoo()
    before = program.state_dict()
    with pytest.raises(UnknownNameError, match="unknown parameter"):
        program.load_state_dict(state)
    assert program.state_dict() == before


@pytest.mark.parametrize(
    ("name", "value"), [("single.instruction", 3), ("single.demos", "x"), ("single.demos", ["x"]), ("threshold", "high")]
)
def test_a_value_of_another_kind_is_refused_before_anything_changes(name, value):
    program = Zoo()
    before = program.state_dict()
    with pytest.raises(UsageError, match=f"parameter '{name}' is"):
        program.load_state_dict({"hidden.instruction": "New.", name: value})
    assert program.state_dict() == before


def test_examples_as_demos_are_json_in_the_state():
    program = adjoint.Predict("q -> a")
    program.demos = [adjoint.Example(q="1", a="2").with_inputs("q")]
    assert program.state_dict()["demos"] == [{"q": "1", "a": "2"}]
    assert program.render(q="3")[1].text == "1"


def test_a_saved_program_comes_back(tmp_path):
    program = Zoo().with_state({"steps.0.instruction": "Größe?", "named.x.demos": [{"q": "1", "a": "2"}], "threshold": 0.25})
    program.save(tmp_path / "zoo.json")
    again = Zoo()
    again.load(tmp_path / "zoo.json")
    assert again.state_dict() == program.state_dict()
    assert "Größe?" in (tmp_path / "zoo.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"format": "adjoint.program/99", "state": {}}'])
def test_what_is_no_saved_program_is_refused(body, tmp_path):
    (tmp_path / "x.json").write_text(body)
    with pytest.raises(UsageError):
        Zoo().load(tmp_path / "x.json")
    with pytest.raises(UsageError):
        Zoo().load(tmp_path / "nowhere.json")


def test_a_reset_copy_has_no_demos_and_the_same_instructions():
    program = Zoo().with_state({"single.demos": [{"q": "1", "a": "2"}], "single.instruction": "New."})
    assert program.reset_copy().single.demos == []
    assert program.reset_copy().single.instruction == "New."
    assert program.single.demos == [{"q": "1", "a": "2"}]


def test_parameters_are_the_trainable_ones():
    program = Zoo()
    program.threshold.trainable = False
    assert program.threshold not in program.parameters()
    assert len(program.parameters()) == 2 * len(PREDICTORS)
