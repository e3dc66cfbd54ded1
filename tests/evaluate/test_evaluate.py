"""Evaluation: every row gets a score or an error, never both, and a report says what was measured."""

from __future__ import annotations

import asyncio
import json

import pytest

import adjoint
from adjoint.base.errors import AuthError, ContextLengthError, ProgramError, UsageError
from adjoint.eval.cells import HOPELESS
from adjoint.testing import ScriptedLM


def rows(n):
    return [adjoint.Example(q=f"question {i}", answer=f"answer {i}").with_inputs("q") for i in range(n)]


def right(request):
    """The answer to `question i` is `answer i`."""
    return request.messages[-1].content.replace("question", "answer")


def program():
    return adjoint.Predict("q -> answer")


def but(answers):
    """Right, except for the questions named in `answers`."""
    return lambda request: answers.get(request.messages[-1].content, right(request))


def test_every_row_is_measured_once_in_the_order_of_the_rows_whatever_the_order_of_replies():
    async def later_rows_first(request):
        await asyncio.sleep(0.02 / (1 + int(request.messages[-1].content.split()[-1])))
        return right(request)

    data = rows(12)
    report = adjoint.evaluate(program(), data, adjoint.exact_match, lm=ScriptedLM(later_rows_first))
    assert [example for example, _, _ in report.results] == data
    assert [prediction.answer for _, prediction, _ in report.results] == [f"answer {i}" for i in range(12)]
    assert (report.mean, report.n, report.errors, report.stopped) == (1.0, 12, 0, None)


def test_rows_with_the_id_of_another_one_are_measured_once_and_that_is_told(caplog):
    report = adjoint.evaluate(program(), rows(12) + rows(5), adjoint.exact_match, lm=ScriptedLM(right))
    assert (report.n, len(report.cells)) == (12, 12)
    assert "5 of 17 rows have the id of another one" in caplog.text


def test_an_lm_error_is_a_row_with_an_error_and_never_a_zero():
    lm = ScriptedLM(but({"question 3": ContextLengthError("too long"), "question 4": "wrong"}))
    report = adjoint.evaluate(program(), rows(10), adjoint.exact_match, lm=lm)
    failed = report.cells[3]
    assert failed.score is None
    assert failed.error == "ContextLengthError: too long"
    assert (report.n, report.errors, report.mean) == (9, 1, 8 / 9)
    assert report.results[3][2] is None


def test_a_metric_that_raises_is_an_error_of_its_row_that_names_the_metric():
    def picky(example, prediction):
        if example.q == "question 1":
            raise KeyError("colour")
        return True

    report = adjoint.evaluate(program(), rows(3), picky, lm=ScriptedLM(right))
    assert report.cells[1].error == "MetricError: the metric picky raised KeyError: 'colour'"
    assert report.mean == 1.0


@pytest.mark.parametrize(
    "nonsense", [None, "good", 2, -0.1, float("nan"), [1], adjoint.Prediction(score=None), adjoint.Score("1")]
)
def test_a_metric_that_returns_nonsense_is_an_error_and_no_score(nonsense):
    def metric(example, prediction):
        return nonsense if example.q == "question 0" else 1

    report = adjoint.evaluate(program(), rows(2), metric, lm=ScriptedLM(right))
    assert report.cells[0].score is None
    assert report.cells[0].error.startswith("MetricError: the metric returned")
    assert report.n == 1


def test_what_a_metric_may_return():
    results = [True, 0.25, 1, adjoint.Score(0.5, "so so"), adjoint.Prediction(score=0.75, feedback="nearly")]
    by_question = {f"question {i}": result for i, result in enumerate(results)}
    report = adjoint.evaluate(program(), rows(5), lambda example, _: by_question[example.q], lm=ScriptedLM(right))
    assert report.scores == [1.0, 0.25, 1.0, 0.5, 0.75]
    assert [cell.score.feedback for cell in report.cells] == ["", "", "", "so so", "nearly"]


def test_a_refused_key_ends_the_run_at_once_with_advice():
    lm = ScriptedLM(lambda _: AuthError("401: the key is refused; set OPENAI_API_KEY."))
    with pytest.raises(AuthError, match="set OPENAI_API_KEY"):
        adjoint.evaluate(program(), rows(50), adjoint.exact_match, lm=lm, limit=4)
    assert len(lm.requests) <= 8


def test_a_run_whose_rows_all_fail_stops_early_and_shows_the_first_error():
    lm = ScriptedLM(lambda _: ContextLengthError("much too long"))
    with pytest.raises(ProgramError, match=r"all of the first 10 rows failed.*much too long"):
        adjoint.evaluate(program(), rows(200), adjoint.exact_match, lm=lm, limit=2)
    assert len(lm.requests) <= HOPELESS + 2


def test_one_good_row_is_enough_to_go_on():
    lm = ScriptedLM(lambda request: right(request) if request.messages[-1].content == "question 0" else ContextLengthError("x"))
    report = adjoint.evaluate(program(), rows(30), adjoint.exact_match, lm=lm, limit=1)
    assert (report.n, report.errors) == (1, 29)


@pytest.mark.parametrize("limit", [1, 3, 64])
def test_a_spent_budget_gives_a_report_of_what_was_paid_for(limit):
    lm = ScriptedLM(right, delay=0.002)
    report = adjoint.evaluate(program(), rows(40), adjoint.exact_match, lm=lm, budget="7calls", limit=limit)
    assert len(lm.requests) == 7
    assert (report.n, report.usage.calls) == (7, 7)
    assert "the budget of 7 calls is spent" in report.stopped


def test_once_the_budget_is_spent_no_further_row_begins():
    begun = []

    class Counting(adjoint.Predict):
        def acall(self, *args, **inputs):
            begun.append(inputs["q"])
            return super().acall(*args, **inputs)

    adjoint.evaluate(Counting("q -> answer"), rows(200), adjoint.exact_match, lm=ScriptedLM(right), budget=4, limit=2)
    assert len(begun) <= 8


def test_tokens_that_were_reserved_but_not_used_are_given_back_before_the_budget_counts_as_spent():
    lm = ScriptedLM(right, delay=0.002)
    short = adjoint.Predict("q -> answer", max_tokens=200)  # 20 rows at once would reserve more than 4000 tokens
    report = adjoint.evaluate(short, rows(20), adjoint.exact_match, lm=lm, budget="2000tokens")
    assert (report.n, report.stopped) == (20, None)


def test_a_budget_holds_over_all_lives_of_a_run():
    lm = ScriptedLM(right, identity="scripted@1")
    first = adjoint.evaluate(program(), rows(20), adjoint.exact_match, lm=lm, budget=8)
    again = adjoint.evaluate(program(), rows(20), adjoint.exact_match, lm=lm, budget=8)
    assert (len(lm.requests), first.n, again.n) == (8, 8, 8)
    more = adjoint.evaluate(program(), rows(20), adjoint.exact_match, lm=lm, budget=12)
    assert (len(lm.requests), more.n, more.usage.calls) == (12, 12, 4)


def test_a_budget_of_zero_makes_no_call():
    lm = ScriptedLM(right)
    report = adjoint.evaluate(program(), rows(5), adjoint.exact_match, lm=lm, budget=0)
    assert (len(lm.requests), report.n, report.errors, report.mean) == (0, 0, 0, None)
    assert report.stopped
    assert "no score" in str(report)


def test_no_more_rows_run_at_once_than_the_limit():
    lm = ScriptedLM(right, delay=0.005)
    adjoint.evaluate(program(), rows(20), adjoint.exact_match, lm=lm, limit=3)
    assert lm.max_in_flight == 3
    with pytest.raises(UsageError, match="limit=0"):
        adjoint.evaluate(program(), rows(2), adjoint.exact_match, lm=lm, limit=0)


def test_a_program_that_raises_is_an_error_of_its_row():
    class Fragile(adjoint.Module):
        def forward(self, q):
            return adjoint.Prediction(answer=["answer 0"][int(q.split()[-1])])

    report = adjoint.evaluate(Fragile(), rows(2), adjoint.exact_match, lm=ScriptedLM([]))
    assert report.cells[1].error == "ProgramError: the program raised IndexError: list index out of range"
    assert report.mean == 1.0


def test_the_report_as_json_holds_n_errors_interval_cost_and_rows():
    lm = ScriptedLM(but({"question 1": "wrong", "question 2": ContextLengthError("x")}))
    body = adjoint.evaluate(program(), rows(4), adjoint.exact_match, lm=lm, name="mine").to_dict()
    assert json.loads(json.dumps(body)) == body
    assert {key: body[key] for key in ("name", "n", "errors", "calls", "stopped")} == {
        "name": "mine", "n": 3, "errors": 1, "calls": 3, "stopped": None,
    }  # fmt: skip
    assert 0 <= body["low"] < body["score"] == 2 / 3 < body["high"] <= 1
    assert [row["score"] and row["score"]["value"] for row in body["rows"]] == [1.0, 0.0, None, 1.0]
    assert body["rows"][1]["outputs"] == {"answer": "wrong"}


def test_the_same_evaluation_again_costs_no_call_and_gives_the_same_report():
    lm = ScriptedLM(but({"question 1": "wrong"}), identity="scripted@1")
    first, second = (adjoint.evaluate(program(), rows(8), adjoint.exact_match, lm=lm) for _ in range(2))
    assert len(lm.requests) == 8
    assert second.usage.calls == 0
    assert [(c.example, c.score, c.error, c.outputs) for c in first.cells] == [
        (c.example, c.score, c.error, c.outputs) for c in second.cells
    ]


def test_an_lm_without_identity_is_asked_anew():
    lm = ScriptedLM(right)
    for _ in range(2):
        adjoint.evaluate(program(), rows(3), adjoint.exact_match, lm=lm)
    assert len(lm.requests) == 6


def test_a_row_that_occurs_twice_counts_once():
    report = adjoint.evaluate(program(), rows(3) + rows(3), adjoint.exact_match, lm=ScriptedLM(right))
    assert report.n == 3


def test_the_ledger_holds_the_run_from_begin_to_end():
    adjoint.evaluate(program(), rows(3), adjoint.exact_match, lm=ScriptedLM(right))
    from adjoint.program.context import active_ledger

    assert [event.kind for event in active_ledger().events()] == ["begin", "cell", "cell", "cell", "end"]


def test_a_program_with_an_lm_of_its_own_needs_no_other():
    mine = program()
    mine.set_lm(ScriptedLM(right))
    assert adjoint.evaluate(mine, rows(3), adjoint.exact_match).mean == 1.0


def test_no_rows_and_no_metric_are_told_before_anything_is_spent():
    lm = ScriptedLM([])
    with pytest.raises(UsageError, match="no rows"):
        adjoint.evaluate(program(), [], adjoint.exact_match, lm=lm)
    with pytest.raises(UsageError, match="is no function"):
        adjoint.evaluate(program(), rows(1), "exact_match", lm=lm)
    with pytest.raises(UsageError, match="wrong parameters"):
        adjoint.evaluate(program(), rows(1), lambda one: True, lm=lm)
    assert lm.requests == []


def test_evaluation_in_asynchronous_code():
    report = asyncio.run(adjoint.aevaluate(program(), rows(4), adjoint.exact_match, lm=ScriptedLM(right)))
    assert report.mean == 1.0


def test_an_error_in_the_callers_own_callback_ends_the_run():
    def stop(cell):
        raise RuntimeError("enough")

    lm = ScriptedLM(right, delay=0.002)
    with pytest.raises(RuntimeError, match="enough"):
        adjoint.evaluate(program(), rows(100), adjoint.exact_match, lm=lm, limit=2, on_cell=stop)
    assert len(lm.requests) < 10


# The class ---------------------------------------------------------------------------------------------------------


def test_the_evaluate_class_works_as_in_dspy():
    evaluator = adjoint.Evaluate(devset=rows(4), metric=adjoint.exact_match, num_threads=2, display_progress=False)
    with adjoint.context(lm=ScriptedLM(but({"question 0": "wrong"}), delay=0.002)) as here:
        report = evaluator(program())
        assert here.lm.max_in_flight == 2
        assert (report.score, float(report)) == (75.0, 0.75)
        assert evaluator(program(), metric=lambda *_: 1, devset=rows(2)).n == 2
        with pytest.raises(UsageError, match="needs a metric"):
            adjoint.Evaluate(devset=rows(4))(program())
    assert evaluator(lambda q: adjoint.Prediction(answer=q.replace("question", "answer"))).score == 100.0


# Comparing ---------------------------------------------------------------------------------------------------------


def test_two_reports_are_compared_row_by_row():
    wrong = {f"question {i}": "wrong" for i in range(10)}
    before, after = (
        adjoint.evaluate(program(), rows(20), adjoint.exact_match, lm=ScriptedLM(but(answers))) for answers in (wrong, {})
    )
    comparison = adjoint.compare(before, after)
    assert comparison.difference == 0.5
    assert comparison.n == 20


def test_rows_with_an_error_on_either_side_are_left_out_of_a_comparison():
    before = adjoint.evaluate(
        program(), rows(6), adjoint.exact_match, lm=ScriptedLM(but({"question 0": ContextLengthError("x")}))
    )
    after = adjoint.evaluate(program(), rows(6), adjoint.exact_match, lm=ScriptedLM(but({"question 1": ContextLengthError("x")})))
    assert adjoint.compare(before, after).n == 4


def test_reports_without_a_common_row_cannot_be_compared():
    before = adjoint.evaluate(program(), rows(4)[:2], adjoint.exact_match, lm=ScriptedLM(right))
    after = adjoint.evaluate(program(), rows(4)[2:], adjoint.exact_match, lm=ScriptedLM(right))
    with pytest.raises(UsageError, match="share no row"):
        adjoint.compare(before, after)
