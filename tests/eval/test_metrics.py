"""Metrics: what counts as right, what counts as nearly right, and what is no score at all."""

from __future__ import annotations

import asyncio
import random
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

import adjoint
from adjoint.base.errors import MetricError, MissingExtraError, UsageError
from adjoint.data.records import score_of
from adjoint.eval import metrics
from adjoint.eval.metrics.numbers import read_number
from adjoint.program.metric import check
from adjoint.testing import ScriptedLM


def value(metric, label, output):
    """The score of an output against a label."""
    return score_of(metric(adjoint.Example(q="?", answer=label).with_inputs("q"), adjoint.Prediction(answer=output))).value


def feedback(metric, label, output):
    return metric(adjoint.Example(q="?", answer=label).with_inputs("q"), adjoint.Prediction(answer=output)).feedback


JUST_BY_THE_LABEL = [name for name in metrics.METRICS if name not in {"answer_passage_match", "brevity", "economy"}]


@pytest.mark.parametrize("name", sorted(metrics.METRICS))
def test_every_named_metric_has_the_shape_of_one(name):
    assert check(metrics.METRICS[name]).__name__ == name


@pytest.mark.parametrize("name", JUST_BY_THE_LABEL)
def test_a_row_without_a_label_is_an_error_and_never_a_score(name):
    with pytest.raises(MetricError):
        metrics.METRICS[name](adjoint.Example(q="?").with_inputs("q"), adjoint.Prediction(answer="x"))


# Text --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prediction", "answers", "em", "f1", "precision"),
    [
        ("The Eiffel Tower!", ["eiffel tower"], True, 1.0, 1.0),
        ("tower", ["Eiffel Tower", "tour"], False, 2 / 3, 1.0),
        ("", ["x"], False, 0.0, 0.0),
        ("cafe\u0301", ["caf\u00e9"], True, 1.0, 1.0),
    ],
)
def test_the_text_scores_that_dspys_users_know(prediction, answers, em, f1, precision):
    assert metrics.EM(prediction, answers) is em
    assert metrics.F1(prediction, answers) == pytest.approx(f1)
    assert metrics.precision_score(prediction, answers) == precision


def test_hotpot_f1_gives_nothing_for_half_a_yes():
    assert metrics.HotPotF1("yes indeed", ["yes"]) == 0.0
    assert metrics.HotPotF1("yes", ["Yes."]) == 1.0


def test_an_answer_may_be_one_of_several():
    assert value(metrics.answer_exact_match, ["a b", "c"], "C") == 1.0
    assert value(partial(metrics.answer_exact_match, frac=0.6), ["tall tower"], "tower") == 1.0
    assert value(metrics.f1, ["a x", "tower"], "tower") == 1.0


def test_passages_are_searched_for_whole_words():
    row = adjoint.Example(q="?", answer=["New York"]).with_inputs("q")
    found = [
        metrics.answer_passage_match(row, adjoint.Prediction(context=passages)) for passages in (["York, new."], ["In new york!"])
    ]
    assert found == [False, True]
    with pytest.raises(MetricError, match="no field 'context'"):
        metrics.answer_passage_match(row, adjoint.Prediction(answer="x"))


# Numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("1,234", 1234, ""), ("1.234,5", 1234.5, ""), ("1.234.567", 1234567, ""), ("1'000", 1000, ""), ("1\u202f000", 1000, ""),
        ("1,5", 1.5, ""), (".5", 0.5, ""), ("3/4", 0.75, ""), ("1 1/2 h", 1.5, "h"), ("2\u00bd", 2.5, ""), ("1e-3", 0.001, ""),
        ("\u22127", -7, ""), ("$5", 5, ""), ("12 %", 12, "%"), ("5 km/h", 5, ""), ("3 is it", 3, ""), ("in 1990 it was 42.", 42, ""),
        ("**42**", 42, ""), (7.5, 7.5, ""),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text, number, unit):
    assert read_number(text) == (pytest.approx(number), unit)


@pytest.mark.parametrize("text", ["none", "A4", "1.2.3", "10/0", "", True])
def test_what_is_no_number_is_none(text):
    assert read_number(text) is None


@given(st.integers(-(10**12), 10**12))
def test_thousands_separators_do_not_change_a_number(number):
    assert read_number(f"{number:,}") == read_number(str(number)) == (number, "")


@pytest.mark.parametrize(
    ("label", "output", "right"),
    [
        ("1500 m", "1.5 km", 1), ("90 min", "1.5 hours", 1), ("1.5 km", "1.5 kg", 0), ("12 %", "0.12", 1), ("12 %", "12", 1),
        ("0.12", "12%", 1), ("2 million", "2,000,000", 1), ("2 million", "2", 0), (["3", "5"], "5", 1), ("5", "five", 0), (5, "5.0", 1),
    ],
)  # fmt: skip
def test_quantities_are_compared_and_not_their_spelling(label, output, right):
    assert value(metrics.numeric_match, label, output) == right


def test_a_tolerance_is_in_the_unit_of_the_label():
    near = partial(metrics.numeric_match, tolerance=0.1)
    assert [value(near, "1.5 km", output) for output in ("1,590 m", "1,610 m")] == [1.0, 0.0]
    assert value(partial(metrics.numeric_match, relative=0.1), "100", "109") == 1.0


def test_a_label_without_a_number_is_an_error():
    with pytest.raises(MetricError, match="'many' holds no number"):
        value(metrics.numeric_match, "many", "5")


# Structure ---------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text("ab ", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1, max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_json_equals_itself_however_it_is_written(data):
    import json

    label, output = json.dumps(data), "```json\n" + json.dumps(data, indent=2, sort_keys=True) + "\n```"
    assert value(metrics.json_match, label, output) == 1.0
    assert value(metrics.json_fields, label, output) == 1.0


@pytest.mark.parametrize(
    ("label", "output"), [({"a": 1}, {"a": True}), ({"a": 1}, {"a": 1, "b": 2}), ([1, 2], [2, 1]), ({"a": "1"}, {"a": 1})]
)
def test_other_data_is_other_json(label, output):
    assert value(metrics.json_match, label, output) == 0.0
    assert 0.0 <= value(metrics.json_fields, label, output) < 1.0


def test_fields_are_scored_one_by_one_and_named():
    import json

    label = {"name": "Ida", "age": 7, "tags": ["a", "b"]}
    score = metrics.json_fields(
        adjoint.Example(q="?", answer=label).with_inputs("q"),
        adjoint.Prediction(answer=json.dumps({"name": "Ida", "tags": ["a", "c"], "x": 0})),
    )
    assert dict(score.parts) == {"name": 1.0, "age": 0.0, "tags[0]": 1.0, "tags[1]": 0.0}
    assert score.value == 2 * 2 / (4 + 4)
    assert score.feedback == 'age: expected 7, which is missing; tags[1]: expected "b", got "c"; x: not expected'


def test_several_outputs_are_fields_too():
    row = adjoint.Example(q="?", name='"Ida"', age="7").with_inputs("q")
    score = metrics.json_fields(row, adjoint.Prediction(name='"Ida"', age="8"))
    assert dict(score.parts) == {"name": 1.0, "age": 0.0}


def test_an_output_that_is_no_json_is_wrong_and_a_label_that_is_none_is_an_error():
    assert value(metrics.json_match, {"a": 1}, "{a: 1") == 0.0
    assert feedback(metrics.json_fields, {"a": 1}, "hello").startswith("no JSON (")
    with pytest.raises(MetricError, match="write it as JSON"):
        value(metrics.json_match, "{a", "{}")


def test_sets_ignore_order_and_repetition():
    assert value(metrics.set_f1, "red, blue", ["Blue", "red", "red"]) == 1.0
    assert value(metrics.set_f1, [], "") == 1.0
    assert value(metrics.set_f1, ["a1", "b1", "c1"], "a1") == pytest.approx(0.5)
    assert value(metrics.set_f1, ["a1"], "") == 0.0


def test_a_pattern_must_match_the_whole_output():
    assert [value(metrics.regex_match, r"\d+ apples?", output) for output in ("5 apples\n", "about 5 apples")] == [1.0, 0.0]
    assert value(partial(metrics.regex_match, pattern="[a-z]+"), "no label is looked at", "abc") == 1.0
    with pytest.raises(MetricError, match="no regular expression"):
        value(metrics.regex_match, "(", "x")
    with pytest.raises(UsageError, match="no regular expression"):
        value(partial(metrics.regex_match, pattern="("), "x", "x")


# Overlap -----------------------------------------------------------------------------------------------------------

WORDS = ["the", "cat", "sat", "on", "a", "mat", "in", "Paris", "today", "."]


@pytest.mark.parametrize("seed", range(5))
def test_overlap_scores_are_those_of_their_libraries(seed):
    draw = random.Random(seed)
    output, label = (" ".join(draw.choices(WORDS, k=draw.randint(1, 12))) for _ in range(2))
    assert value(metrics.bleu, label, output) == pytest.approx(
        BLEU(effective_order=True).sentence_score(output, [label]).score / 100
    )
    assert value(metrics.chrf, label, output) == pytest.approx(CHRF().sentence_score(output, [label]).score / 100)
    for kind in ("rouge1", "rouge2", "rougeL"):
        expected = RougeScorer([kind]).score(label, output)[kind].fmeasure
        assert value(partial(metrics.rouge, kind=kind), label, output) == pytest.approx(expected)


def test_a_perfect_text_scores_one_and_any_reference_will_do():
    for metric in (metrics.bleu, metrics.chrf, metrics.rouge):
        assert value(metric, ["something else", "the cat sat on a mat"], "the cat sat on a mat") == 1.0


def test_a_corpus_score_is_the_librarys_and_no_mean_of_rows():
    outputs, references = (
        ["the cat sat on a mat", "it rains in Paris"],
        ["the cat sat on the mat", ["it rains", "it rains in Paris today"]],
    )
    found = metrics.corpus_score(outputs, references)
    assert (
        found.value
        == BLEU().corpus_score(outputs, [["the cat sat on the mat", "it rains"], [None, "it rains in Paris today"]]).score
    )
    assert found.low <= found.value <= found.high and "version" in found.signature and str(found).startswith("BLEU ")
    assert metrics.corpus_score(outputs, references) == found
    with pytest.raises(UsageError, match="2 outputs and 1 references"):
        metrics.corpus_score(outputs, references[:1])


def test_without_the_library_the_error_names_the_extra(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    for metric in (metrics.bleu, metrics.chrf, metrics.rouge):
        with pytest.raises(MissingExtraError, match=r"pip install 'adjoint\[metrics\]'"):
            value(metric, "a", "b")


# Several objectives ------------------------------------------------------------------------------------------------


def test_objectives_are_weighed_and_each_stays_a_part():
    metric = metrics.Weighted({"quality": (metrics.exact_match, 3), "brevity": (partial(metrics.brevity, limit=4), 1)})
    row = adjoint.Example(q="?", answer="Paris").with_inputs("q")
    score = asyncio.run(metric(row, adjoint.Prediction(answer="Rome, or"), adjoint.Tape()))
    assert score.value == (3 * 0 + 1 * 0.5) / 4
    assert dict(score.parts) == {"quality": 0.0, "brevity": 0.5}
    assert score.feedback == "quality: expected: Paris; brevity: 8 characters, at most 4 are wanted"


@pytest.mark.parametrize("given_metrics", [{}, {"quality": (metrics.exact_match, 0)}])
def test_weights_that_cannot_be_used_are_refused(given_metrics):
    with pytest.raises(UsageError, match="Weighted"):
        metrics.Weighted(given_metrics)


def test_tokens_are_the_same_whether_replies_are_paid_now_or_kept():
    rows = [adjoint.Example(q="question", answer="a").with_inputs("q")]
    lm = ScriptedLM(lambda _: "a", identity="scripted@1")
    metric = partial(metrics.economy, limit=5)
    first, again = (adjoint.evaluate(adjoint.Predict("q -> answer"), rows, metric, lm=lm) for _ in range(2))
    assert (first.usage.calls, again.usage.calls) == (1, 0)
    assert first.scores == again.scores and 0 < first.scores[0] < 1
