"""Rows, scores and splits."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoint import Example, Prediction, Score
from adjoint.base.errors import MetricError, UsageError
from adjoint.data.records import expected_outputs, id_of, score_of
from adjoint.data.splits import distinct, split


def rows(count, **more):
    return [Example(q=str(number), a="x", **more).with_inputs("q") for number in range(count)]


def test_fields_are_read_as_attributes_and_as_a_mapping():
    row = Example({"question": "1+1?"}, answer="2")
    assert (row.question, row["answer"], row.get("nope", 3), "answer" in row, len(row)) == ("1+1?", "2", 3, True, 2)
    assert (row.keys(), row.values(), row.items()[0]) == (["question", "answer"], ["1+1?", "2"], ("question", "1+1?"))
    assert dict(row) == row.toDict() == {**row}


def test_inputs_and_labels_divide_the_fields():
    row = Example(question="1+1?", answer="2", why="sum").with_inputs("question")
    assert row.inputs().toDict() == {"question": "1+1?"}
    assert row.labels().keys() == ["answer", "why"]


def test_inputs_before_with_inputs_are_a_value_error():
    with pytest.raises(ValueError, match="with_inputs"):
        Example(q="x").inputs()
    with pytest.raises(UsageError, match="no such field"):
        Example(q="x").with_inputs("question")


def test_copy_and_without_keep_what_the_inputs_are():
    row = Example(q="x", a="y").with_inputs("q")
    assert row.copy(a="z").inputs().keys() == ["q"]
    assert row.without("a").toDict() == {"q": "x"}
    assert row.without("q").inputs().keys() == []
    assert row.a == "y"


def test_rows_are_equal_by_their_values_and_hash_even_with_lists():
    assert Example(q=[1, {"a": 2}]) == Example(q=[1, {"a": 2}])
    assert len({Example(q=[1]), Example(q=[1]), Example(q=[2])}) == 2


def test_a_field_may_be_called_base_or_self():
    assert Example({"base": 1, "self": 2}).base == Example(base=1).base == 1
    assert Prediction(base="x").base == "x"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda row: pickle.loads(pickle.dumps(row))])
def test_rows_can_be_copied_and_pickled(duplicate):
    row = Example(q=["x"], a="y").with_inputs("q")
    again = duplicate(row)
    assert again == row
    assert again.inputs() == row.inputs()


def test_a_missing_field_names_those_that_are_there():
    with pytest.raises(AttributeError, match="has no field 'x'; it has q"):
        _ = Example(q=1).x
    assert not hasattr(Example(q=1), "__deepcopy__")


def test_ids_are_content_not_position():
    first, second = rows(2)
    assert id_of(first) == id_of(Example(q="0", a="x"))
    assert id_of(first) != id_of(second)
    assert id_of(Example.row({"q": 1}, {}, id="r1", metadata={})) == "r1"


def test_a_changed_copy_has_another_id():
    named = Example.row({"q": 1}, {"a": 2}, id="r1", metadata={"source": "x"})
    assert id_of(named.copy()) == "r1"
    assert id_of(named.copy(q=3)) != "r1"


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"answer": "4"}, {"answer": "4"}),
        ({"expected": "4"}, {"answer": "4"}),
        ({"expected": {"answer": "4", "other": 1}}, {"answer": "4"}),
        ({"note": "x"}, {}),
    ],
)
def test_a_bare_label_belongs_to_the_last_output(labels, found):
    row = Example({"q": "2+2", **labels}).with_inputs("q")
    assert expected_outputs(row, ["reasoning", "answer"]) == found


@pytest.mark.parametrize(
    ("result", "value"),
    [(True, 1.0), (0, 0.0), (0.5, 0.5), (Score(0.25), 0.25), (Prediction(score=0.5, feedback="so"), 0.5)],
)
def test_what_a_metric_may_return_becomes_a_score(result, value):
    assert score_of(result).value == value


@pytest.mark.parametrize(
    "result", [None, "yes", math.nan, 1.5, -0.1, math.inf, [1], Prediction(score=None), Score(2.0), Score(math.nan)]
)
def test_what_is_no_score_is_an_error_never_a_zero(result):
    with pytest.raises(MetricError):
        score_of(result)


@pytest.mark.parametrize("number", [np.float64(0.5), np.float32(0.5), np.bool_(True), np.int64(1)])
def test_numpy_numbers_are_scores(number):
    assert score_of(number).value == float(number)


def test_a_prediction_gives_its_feedback():
    assert score_of(Prediction(score=1, feedback="good")).feedback == "good"


@given(st.integers(6, 60), st.integers(0, 9))
def test_the_three_roles_share_no_row_and_lose_none(count, seed):
    parts = split(rows(count), seed=seed)
    names = [row.q for part in (parts.feedback, parts.selection, parts.holdout) for row in part]
    assert sorted(names, key=int) == [str(number) for number in range(count)]
    assert min(len(parts.feedback), len(parts.selection), len(parts.holdout)) >= 2


def test_a_split_is_its_seed():
    assert split(rows(30), seed=1) == split(rows(30), seed=1)
    assert split(rows(30), seed=1) != split(rows(30), seed=2)


def test_repeated_rows_play_one_role():
    parts = split([*rows(8), *rows(8)], seed=0)
    assert sum(map(len, (parts.feedback, parts.selection, parts.holdout))) == 8
    assert len(distinct([*rows(3), *rows(3)])) == 3


def test_a_validation_set_gives_selection_and_holdout_without_rows_of_the_training_set():
    val = [Example(q=f"v{number}", a="x").with_inputs("q") for number in range(6)]
    parts = split(rows(3), [*val, *rows(3)], seed=0)
    assert {row.q for row in parts.feedback} == {"0", "1", "2"}
    assert {row.q for row in (*parts.selection, *parts.holdout)} == {row.q for row in val}


@pytest.mark.parametrize("sets", [(rows(5), None), ([], rows(9)), (rows(3), rows(6))])
def test_too_few_rows_are_refused_with_the_count(sets):
    with pytest.raises(UsageError, match="too few"):
        split(*sets, seed=0)
