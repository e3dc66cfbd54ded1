"""Metrics in every shape that users write them in."""

from __future__ import annotations

import asyncio
import threading

import adjoint
from adjoint.program.context import active_ledger
from adjoint.testing import ScriptedLM

ROWS = [adjoint.Example(q=f"q{i}", answer="a").with_inputs("q") for i in range(4)]


def measured(metric, lm=None):
    return adjoint.evaluate(adjoint.Predict("q -> answer"), ROWS, metric, lm=lm or ScriptedLM(lambda _: "a"))


def test_two_parameters():
    assert measured(lambda example, prediction: example.answer == prediction.answer).mean == 1.0


def test_a_third_parameter_gets_the_tape_under_any_name_but_trace():
    seen = []

    def metric(example, prediction, tape):
        seen.append([node.op for node in tape.nodes])
        return 1

    assert measured(metric).mean == 1.0
    assert seen == [["predict"]] * 4


def test_a_third_parameter_called_trace_is_none_in_an_evaluation_as_in_dspy():
    seen = []

    def metric(example, prediction, trace=None):
        seen.append(trace)
        return 1

    measured(metric)
    assert seen == [None] * 4


def test_five_parameters_as_reflective_optimizers_of_dspy_call_them():
    def metric(gold, pred, trace=None, pred_name=None, pred_trace=None):
        assert (trace, pred_name, pred_trace) == (None, None, None)
        return adjoint.Prediction(score=0.5, feedback="half")

    assert measured(metric).scores == [0.5] * 4


def test_a_metric_may_be_asynchronous_or_a_callable_object():
    class Judge:
        async def __call__(self, example, prediction):
            await asyncio.sleep(0)
            return True

    async def metric(example, prediction):
        await asyncio.sleep(0)
        return 0.5

    assert measured(metric).mean == 0.5
    assert measured(Judge()).mean == 1.0


def test_a_synchronous_metric_may_ask_a_judge_and_wait():
    judge = adjoint.Predict("question, answer -> good: bool")
    judge.set_lm(ScriptedLM(lambda _: "true", name="judge"))

    def metric(example, prediction):
        return judge(question=example.q, answer=prediction.answer).good

    assert measured(metric).mean == 1.0


def test_the_calls_of_a_judge_count_as_cost_but_are_no_calls_of_the_program():
    tapes = []

    def metric(example, prediction, tape):
        adjoint.Predict("text -> good")(text=prediction.answer)
        tapes.append(len(tape.nodes))
        return 1

    report = measured(metric, ScriptedLM(lambda request: request.messages[-1].content[:1], identity="judging"))
    assert tapes == [1] * 4
    assert [cell.usage.calls for cell in report.cells].count(1) >= 3
    assert report.usage.calls == 5  # four questions, and the one answer that is judged four times


def test_a_slow_metric_does_not_hold_up_the_others():
    together = threading.Barrier(4, timeout=5)

    def metric(example, prediction):
        together.wait()  # passes only if all four rows are measured at the same time
        return 1

    assert measured(metric).mean == 1.0


def test_a_changed_metric_is_measured_anew_on_the_replies_that_are_kept():
    lm = ScriptedLM(lambda _: "a", identity="kept")
    for wanted, mean in (("a", 1.0), ("b", 0.0)):
        assert measured(lambda example, prediction, wanted=wanted: prediction.answer == wanted, lm).mean == mean
    assert len(lm.requests) == 4
    assert {event.kind for event in active_ledger().events()} == {"begin", "cell", "end"}


def test_exact_match_and_f1_say_what_was_expected():
    lm = ScriptedLM(lambda _: "b")
    for metric in (adjoint.exact_match, adjoint.f1):
        report = measured(metric, lm)
        assert report.mean == 0.0
        assert report.cells[0].score.feedback == "expected: a"


def test_a_row_without_a_label_for_the_outputs_is_an_error_and_no_zero():
    row = adjoint.Example(q="q", gold="a").with_inputs("q")
    report = adjoint.evaluate(adjoint.Predict("q -> answer"), [*ROWS, row], adjoint.exact_match, lm=ScriptedLM(lambda _: "a"))
    assert report.errors == 1
    assert "no label for the outputs answer" in report.cells[4].error


def test_a_third_parameter_with_a_default_of_its_own_keeps_it():
    assert measured(lambda example, prediction, wanted="a": prediction.answer == wanted).mean == 1.0
