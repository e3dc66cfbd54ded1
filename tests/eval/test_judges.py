"""Judges: metrics that ask a language model, and how far they can be trusted."""

from __future__ import annotations

import asyncio
import json

import pytest

import adjoint
from adjoint.base.errors import MetricError, ServerError, UsageError
from adjoint.eval import judges
from adjoint.eval.judges import CompleteAndGrounded, Judge, Pairwise, Rubric, SemanticF1
from adjoint.program.context import context
from adjoint.testing import ScriptedLM

ROW = adjoint.Example(question="Who found radium?", response="Marie and Pierre Curie").with_inputs("question")
SAID = adjoint.Prediction(response="Marie Curie")


def reply(**fields):
    """A reply of several fields, as an LM writes it."""
    return "\n".join(f"[[{name}]]\n{value}" for name, value in fields.items())


def lm(*replies, **options):
    return ScriptedLM(list(replies), **options)


# Verdicts ----------------------------------------------------------------------------------------------------------


def test_a_judge_says_yes_or_no_and_why():
    asked = lm(reply(reason="one name is missing", verdict="no"))
    assert Judge(lm=asked)(ROW, SAID) == adjoint.Score(0.0, "one name is missing")
    prompt = asked.requests[0].messages[-1].text
    assert "Marie and Pierre Curie" in prompt and "Who found radium?" in prompt


def test_a_judge_with_a_rubric_needs_no_label_and_is_shown_none():
    asked = lm(reply(reason="polite", verdict="yes"))
    assert Judge("It is polite.", lm=asked)(ROW, SAID).value == 1.0
    prompt = asked.requests[0].messages[-1].text
    assert "It is polite." in prompt and "Pierre" not in prompt


def test_a_judge_that_has_nothing_to_compare_with_is_an_error():
    with pytest.raises(MetricError, match="no label and the judge no rubric"):
        Judge(lm=lm())(adjoint.Example(question="?").with_inputs("question"), SAID)


def test_a_verdict_that_cannot_be_read_is_an_error_of_the_row_and_no_score():
    judge = Judge(
        lm=ScriptedLM(lambda request: "maybe" if "radium" in request.messages[1].text else reply(reason="fine", verdict="yes"))
    )
    other = adjoint.Example(question="Who found penicillin?", response="Fleming").with_inputs("question")
    report = adjoint.evaluate(adjoint.Predict("question -> response"), [ROW, other], judge, lm=ScriptedLM(lambda _: "x"))
    assert (report.n, report.errors, report.mean) == (1, 1, 1.0)
    assert report.cells[0].error.startswith("ParseError")


def test_the_calls_of_a_judge_are_billed_to_the_judge():
    judge = Judge(lm=ScriptedLM(lambda _: reply(reason="fine", verdict="yes")))
    report = adjoint.evaluate(adjoint.Predict("question -> response"), [ROW], judge, lm=ScriptedLM(lambda _: "x"))
    assert {role: usage.calls for role, usage in report.usage_by_role.items()} == {"task": 1, "judge": 1}


def test_a_judge_without_an_lm_of_its_own_asks_that_of_the_context():
    with context(lm=lm(reply(reason="fine", verdict="yes"))):
        assert Judge()(ROW, SAID).value == 1.0


def test_a_judge_is_a_program_whose_prompt_can_be_optimised():
    assert [name for name, _ in SemanticF1().named_parameters()] == ["module.predict.instruction", "module.predict.demos"]


# DSPy's ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("recall", "precision", "f1"), [(0.5, 1.0, 2 / 3), (0.0, 1.0, 0.0), (1, 1, 1.0)])
def test_semantic_f1_is_the_harmonic_mean_of_its_parts(recall, precision, f1):
    score = SemanticF1(lm=lm(reply(reasoning="so", recall=recall, precision=precision)))(ROW, SAID)
    assert score.value == pytest.approx(f1)
    assert dict(score.parts) == {"recall": recall, "precision": precision}


def test_while_a_program_is_compiled_semantic_f1_says_whether_it_suffices():
    scripted = lm(*[reply(reasoning="so", recall=0.5, precision=1.0)] * 2)
    assert SemanticF1(lm=scripted)(ROW, SAID, adjoint.Tape()) is True
    assert SemanticF1(threshold=0.7, lm=scripted)(ROW, SAID, trace=[]) is False


def test_the_threshold_counts_in_a_run_that_compiles():
    from adjoint.eval.cells import run_row

    judge = SemanticF1(threshold=0.7, lm=ScriptedLM(lambda _: reply(reasoning="so", recall=0.5, precision=1.0)))
    with context(lm=ScriptedLM(lambda _: "x")):
        program = adjoint.Predict("question -> response")
        scores = [asyncio.run(run_row(program, ROW, judge, compiling=compiling)).score.value for compiling in (False, True)]
    assert scores == [pytest.approx(2 / 3), 0.0]


def test_semantic_f1_may_list_the_ideas_first():
    said = reply(
        reasoning="so",
        ground_truth_ideas='["a", "b"]',
        response_ideas='["a"]',
        discussion="b is missing",
        recall=0.5,
        precision=1,
    )
    assert SemanticF1(decompositional=True, lm=lm(said))(ROW, SAID).value == pytest.approx(2 / 3)


def test_a_share_above_one_is_asked_again_and_then_an_error():
    wrong = reply(reasoning="so", recall=5, precision=1.0)
    right = reply(reasoning="so", recall=0.5, precision=1.0)
    assert SemanticF1(lm=lm(wrong, right))(ROW, SAID).value == pytest.approx(2 / 3)
    with pytest.raises(adjoint.base.errors.ParseError):
        SemanticF1(lm=lm(wrong, wrong, wrong))(ROW, SAID)


def test_complete_and_grounded_asks_of_the_label_and_of_the_context():
    def answer(request):
        if "radium is in the passage" in request.messages[-1].text:
            return reply(reasoning="so", claims='["a"]', discussion="supported", groundedness=1.0)
        return reply(reasoning="so", ground_truth_ideas='["a", "b"]', discussion="b is missing", completeness=0.5)

    judge = CompleteAndGrounded(lm=ScriptedLM(answer))
    score = judge(ROW, adjoint.Prediction(response="Marie Curie", context=["radium is in the passage"]))
    assert score.value == pytest.approx(2 / 3)
    assert dict(score.parts) == {"completeness": 0.5, "groundedness": 1.0}
    with pytest.raises(MetricError, match="no field 'context'"):
        judge(ROW, SAID)


# Rubrics -----------------------------------------------------------------------------------------------------------


def test_every_criterion_of_a_rubric_is_graded_for_itself():
    def answer(request):
        polite = "The tone is polite." in request.messages[-1].text
        return reply(reason="kind" if polite else "wordy", grade=5 if polite else 2)

    score = Rubric({"polite": "The tone is polite.", "short": "Nothing is said twice."}, lm=ScriptedLM(answer))(ROW, SAID)
    assert dict(score.parts) == {"polite": 1.0, "short": 0.25}
    assert (score.value, score.feedback) == (0.625, "polite: kind; short: wordy")


def test_a_grade_off_the_scale_is_an_error():
    with pytest.raises(MetricError, match="not on the scale from 1 to 3"):
        Rubric("fine", levels=3, lm=lm(reply(reason="great", grade=4)))(ROW, SAID)
    with pytest.raises(UsageError, match="Rubric"):
        Rubric({})


# Pairs -------------------------------------------------------------------------------------------------------------


def longer(request):
    """An honest judge that prefers the longer output."""
    said = dict(line.split(": ", 1) for line in request.messages[-1].text.splitlines() if ": " in line)
    first, second = said["first"], said["second"]
    return reply(reason="longer", better="first" if len(first) > len(second) else "second")


def test_a_pairwise_judge_is_asked_in_both_orders():
    judge = Pairwise(lm=ScriptedLM(longer))
    found = asyncio.run(judge.between(ROW, "short", "much longer"))
    assert (found.winner, found.consistent) == ("b", True)
    assert judge(ROW, adjoint.Prediction(response="Marie and Pierre Curie, in 1898")).value == 1.0


def test_a_judge_that_goes_by_the_place_ties():
    scripted = ScriptedLM(lambda _: reply(reason="it comes first", better="first"))
    found = asyncio.run(Pairwise(lm=scripted).between(ROW, "a", "b"))
    assert (found.winner, found.consistent) == ("tie", False)


def test_equal_outputs_tie_without_a_call():
    scripted = lm()
    assert asyncio.run(Pairwise(lm=scripted).between(ROW, "a", "a")).winner == "tie"
    assert scripted.requests == []


def test_two_reports_are_compared_by_preference_and_failures_left_out():
    rows = [adjoint.Example(question=f"q{i}", response="label").with_inputs("question") for i in range(12)]

    def report(answer):
        return adjoint.evaluate(adjoint.Predict("question -> response"), rows, adjoint.exact_match, lm=ScriptedLM(answer))

    def failing(request):
        return adjoint.base.errors.ContextLengthError("x") if "q3" in request.messages[-1].text else "long answer"

    found = judges.prefer(report(lambda _: "short"), report(failing), Pairwise(lm=ScriptedLM(longer)))
    assert (found.n, found.errors_b, found.difference, found.verdict) == (11, 1, 1.0, "better")


# Calibration -------------------------------------------------------------------------------------------------------


def labelled(pairs):
    """Rows with a label by people and what the judge will say."""
    rows = [adjoint.Example(q=f"q{i}", answer="x").with_inputs("q") for i in range(len(pairs))]
    return [(row, adjoint.Prediction(answer=str(said)), label) for row, (label, said) in zip(rows, pairs, strict=True)]


def reading(example, prediction):
    """A judge that says what stands in the output."""
    return float(prediction.answer)


def test_agreement_kappa_and_confusion_are_those_of_the_table():
    pairs = [(True, 1)] * 20 + [(False, 1)] * 10 + [(True, 0)] * 5 + [(False, 0)] * 15
    found = judges.calibrate(reading, labelled(pairs))
    assert (found.n, found.errors, found.agreement) == (50, 0, 0.7)
    assert found.kappa == pytest.approx(0.4)
    assert found.kappa_interval.low < 0.4 < found.kappa_interval.high
    assert (found.confusion.judge_only, found.confusion.people_only) == (10, 5)
    assert found.confusion.sensitivity.holds(0.8) and found.confusion.specificity.holds(0.6)
    assert found.bias == pytest.approx(0.1)
    assert "kappa 0.40" in str(found) and json.loads(json.dumps(found.to_dict()))["n"] == 50


def test_a_threshold_is_suggested_if_it_agrees_better_on_rows_that_did_not_choose_it():
    pairs = [(said >= 0.8, said) for said in [0.55, 0.6, 0.65, 0.7, 0.9, 0.95, 1.0, 0.1] * 5]
    found = judges.calibrate(reading, labelled(pairs))
    assert found.agreement == 0.5
    assert (found.suggested, found.suggested_agreement) == (pytest.approx(0.8), 1.0)


def test_no_threshold_is_suggested_to_a_judge_that_knows_nothing():
    pairs = [(bool(i % 2), (i * 7 % 10) / 10 if i % 3 else 0.5) for i in range(40)]
    found = judges.calibrate(reading, labelled([(bool(label), 0.5) for label, _ in pairs]), threshold=0.5)
    assert found.suggested == 0.5 and found.kappa == 0.0


def test_rows_that_the_judge_fails_on_are_errors_and_in_no_number():
    def picky(example, prediction):
        if example.q == "q1":
            raise ServerError("down")
        return 1

    found = judges.calibrate(picky, labelled([(True, 1)] * 4))
    assert (found.n, found.errors, found.agreement) == (3, 1, 1.0)
    assert found.kappa is None


def test_too_few_labels_are_refused():
    with pytest.raises(UsageError, match="tell nothing about a judge"):
        judges.calibrate(reading, labelled([(True, 1)]))


def test_calibration_costs_what_the_judge_costs_and_nothing_the_second_time():
    judge = Judge(lm=ScriptedLM(lambda _: reply(reason="fine", verdict="yes"), identity="scripted@1"))
    rows = labelled([(True, 1), (False, 2), (True, 3)])
    assert [judges.calibrate(judge, rows).usage.calls for _ in range(2)] == [3, 0]


def test_a_spent_budget_is_told():
    judge = Judge(lm=ScriptedLM(lambda _: reply(reason="fine", verdict="yes")))
    found = judges.calibrate(judge, labelled([(True, i) for i in range(10)]), budget="4calls")
    assert found.n == 4 and "budget of 4 calls" in found.stopped


# Rectified estimates -----------------------------------------------------------------------------------------------


def judged_world(draw, n, truth=0.6, mild=0.5, strict=0.1):
    """What people say of n rows, and a judge that passes half of what they fail."""
    people = draw.random(n) < truth
    judge = [draw.random() > strict if one else draw.random() < mild for one in people]
    return people.astype(float), [float(one) for one in judge]


def test_rectified_intervals_cover_the_truth_that_the_judge_misses():
    import numpy as np

    draw, covered, narrower = np.random.default_rng(0), 0, 0
    for _ in range(400):
        people, said = judged_world(draw, 100)
        found = judges.rectified_mean(people, said, judged_world(draw, 2000)[1])
        covered += found.low <= 0.6 <= found.high
        narrower += found.high - found.low < found.labelled.high - found.labelled.low
        assert found.judged > 0.65  # the judge alone is far too mild
    assert covered >= 0.93 * 400
    assert narrower >= 0.95 * 400


def test_a_judge_that_knows_nothing_is_not_used():
    found = judges.rectified_mean([1, 0, 1, 0], [1, 1, 1, 1], [1] * 50)
    assert (found.weight, found.mean) == (0.0, 0.5)
    assert (found.low, found.high) == tuple(found.labelled)


def test_rectifying_needs_rows_of_both_kinds():
    with pytest.raises(UsageError, match="belong together"):
        judges.rectified_mean([1, 0], [1], [1, 0])
    found = judges.calibrate(
        reading, labelled([(True, 1), (False, 0), (False, 1)]), [(row, made) for row, made, _ in labelled([(0, 1), (0, 0)])]
    )
    assert found.rectified.n == 3 and found.rectified.unlabelled == 2
