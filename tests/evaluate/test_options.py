"""What an evaluation can be told: deadlines, repeats, how rows were drawn, several models; and what its report can show."""

from __future__ import annotations

import asyncio
import csv
import json
import threading

import pytest

import adjoint
from adjoint.base.errors import ContextLengthError, MissingExtraError, ProgramError, UnknownNameError, UsageError
from adjoint.base.portal import portal
from adjoint.eval.cells import run_row
from adjoint.eval.sampling import Sampling
from adjoint.testing import ScriptedLM


def rows(n):
    return [
        adjoint.Example.row({"q": f"question {i}"}, {"answer": f"answer {i}"}, id=f"r{i}", metadata={"kind": "ab"[i % 2]})
        for i in range(n)
    ]


def right(request):
    return request.messages[-1].content.replace("question", "answer")


def but(answers):
    return lambda request: answers.get(request.messages[-1].content, right(request))


def measured(lm, count=8, metric=adjoint.exact_match, **options):
    return adjoint.evaluate(adjoint.Predict("q -> answer"), rows(count), metric, lm=lm, **options)


# Deadlines ---------------------------------------------------------------------------------------------------------


def test_a_row_that_takes_too_long_is_cancelled_and_an_error():
    begun, cancelled = [], []

    async def endless(request):
        begun.append(1)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    with adjoint.context(lm=ScriptedLM(endless)):
        cell = portal.run(run_row(adjoint.Predict("q -> answer"), rows(1)[0], adjoint.exact_match, seconds=0.2))
    assert (cell.score, cell.error) == (None, "TimeoutError: the row took longer than timeout=0.2 seconds")
    assert cancelled == begun


def test_a_metric_that_never_ends_does_not_hold_the_run():
    over = threading.Event()

    def metric(example, prediction):
        over.wait(60)

    with pytest.raises(ProgramError, match=r"all of the first 3 rows failed.*took longer than timeout=0\.01"):
        measured(ScriptedLM(right), 3, metric, timeout=0.01)
    over.set()


def test_a_timeout_in_the_users_own_code_is_not_the_rows():
    def metric(example, prediction):
        raise TimeoutError("mine")

    with pytest.raises(ProgramError, match="MetricError: the metric metric raised TimeoutError: mine"):
        measured(ScriptedLM(right), 3, metric, timeout=60)


def test_so_many_errors_end_the_run():
    report = measured(
        ScriptedLM(but({"question 1": ContextLengthError("x"), "question 2": ContextLengthError("y")})), 30, limit=1, max_errors=2
    )
    assert (report.n, report.errors) == (1, 2)
    assert report.stopped == "2 cells failed (max_errors=2). The last said: ContextLengthError: y"


def test_an_option_that_does_not_exist_is_named():
    with pytest.raises(UnknownNameError, match=r"option of evaluate 'timeuot'; did you mean 'timeout'"):
        measured(ScriptedLM([]), timeuot=3)


# Repeats -----------------------------------------------------------------------------------------------------------


def test_repeats_are_samples_of_their_own_and_a_row_counts_once():
    def every_other(request):
        return right(request) if request.sample == 0 else "wrong"

    report = measured(ScriptedLM(every_other), 6, repeats=3)
    assert len(report.cells) == 18
    assert (report.n, report.mean) == (6, pytest.approx(1 / 3))
    assert [cell.repeat for cell in report.cells[:3]] == [0, 1, 2]
    assert len({cell.example for cell in report.cells}) == 6


def test_repeats_do_not_make_an_interval_narrower_than_the_rows_allow():
    answers = but({f"question {i}": "wrong" for i in range(0, 8, 2)})
    once, thrice = (measured(ScriptedLM(answers), repeats=repeats) for repeats in (1, 3))
    assert tuple(once.interval) == tuple(thrice.interval)


def test_a_repeat_that_fails_is_an_error_and_the_others_are_the_rows_score():
    def answer(request):
        return ContextLengthError("x") if request.sample and request.messages[-1].content == "question 0" else right(request)

    report = measured(ScriptedLM(answer), 3, repeats=2)
    assert (report.n, report.errors, report.mean) == (3, 1, 1.0)


def test_repeats_below_one_are_refused():
    with pytest.raises(UsageError, match="repeats=0"):
        measured(ScriptedLM([]), repeats=0)


# How rows were drawn, and slices -----------------------------------------------------------------------------------


def test_clusters_widen_the_interval_of_the_report():
    answers = but({f"question {i}": "wrong" for i in range(0, 40, 2)})
    plain, clustered = (
        measured(ScriptedLM(answers), 40, sampling=sampling) for sampling in (None, Sampling(cluster=lambda row: row.q[-1]))
    )
    assert plain.mean == clustered.mean == 0.5
    assert clustered.high - clustered.low > plain.high - plain.low


def test_clusters_are_the_pairs_of_a_comparison():
    sampling = Sampling(cluster="kind")
    found = measured(
        [ScriptedLM(lambda _: "wrong", name="bad"), ScriptedLM(right, name="good")], 40, sampling=sampling
    ).comparisons[0]
    assert (found.n, found.fixed, found.difference) == (2, ("a", "b"), 1.0)
    assert not found.conclusive  # 40 rows of 2 documents are 2 documents


def test_strata_with_weights_give_the_mean_of_the_population():
    answers = but({f"question {i}": "wrong" for i in range(0, 40, 2)})
    report = measured(ScriptedLM(answers), 40, sampling=Sampling(strata="kind", weights={"a": 1, "b": 9}))
    assert report.mean == pytest.approx(0.9)
    assert report.low < 0.9 < report.high


def test_a_report_can_be_sliced():
    report = measured(ScriptedLM(but({"question 0": "wrong", "question 1": ContextLengthError("x")})), 8)
    assert [(part.name, part.n, part.mean, part.errors) for part in report.by("kind")] == [("a", 4, 0.75, 0), ("b", 3, 1.0, 1)]
    assert [part.name for part in report.by(lambda row: int(row.q[-1]) > 3)] == ["False", "True"]


# Objectives --------------------------------------------------------------------------------------------------------


def test_parts_have_intervals_of_their_own():
    def metric(example, prediction):
        return adjoint.Score(1.0, parts={"polite": float(example.q != "question 0"), "words": 120.0})

    report = measured(ScriptedLM(right), metric=metric)
    polite = report.parts["polite"]
    assert (polite.mean, polite.n) == (7 / 8, 8) and 0 < polite.low < 7 / 8 < polite.high <= 1
    assert report.parts["words"].mean == 120.0


def test_a_report_says_what_the_rows_took():
    report = measured(ScriptedLM(right))
    objectives = report.objectives
    assert list(objectives) == ["quality", "tokens", "length", "usd", "seconds"]
    assert objectives["length"].mean == len("answer 0")
    assert objectives["tokens"].mean > 5
    assert list(report.latency) == ["p50", "p90", "p99"] and report.latency["p50"] <= report.latency["p99"]


def test_what_came_from_the_ledger_has_tokens_and_length_but_no_latency():
    lm = ScriptedLM(right, identity="scripted@1")
    first, again = measured(lm), measured(lm)
    assert again.latency == {} and "seconds" not in again.objectives
    assert again.objectives["tokens"] == first.objectives["tokens"]


# Several at once ---------------------------------------------------------------------------------------------------


def test_several_models_are_compared_with_the_first_row_by_row():
    good, bad = ScriptedLM(right, name="good"), ScriptedLM(lambda _: "wrong", name="bad")
    found = measured([bad, good, good], 20)
    assert [report.name for report in found] == ["bad", "good", "good"]
    assert [one.verdict for one in found.comparisons] == ["better", "better"]
    assert found.adjusted == [pytest.approx(2 * one.p) for one in found.comparisons]
    assert "good against bad: better: +100.0 points" in str(found) and "adjusted for 2 comparisons" in str(found)
    assert found["good"].mean == 1.0
    assert json.loads(json.dumps(found.to_dict()))["comparisons"][0]["verdict"] == "better"


def test_several_programs_and_models_make_a_grid():
    lms = [ScriptedLM(right, name="one"), ScriptedLM(right, name="two")]
    programs = {"short": adjoint.Predict("q -> answer"), "long": adjoint.Predict("q -> answer", "Answer the question.")}
    found = adjoint.evaluate(programs, rows(4), adjoint.exact_match, lm=lms)
    assert [report.name for report in found] == ["short, one", "short, two", "long, one", "long, two"]
    assert [report.name for report in adjoint.evaluate(programs, rows(4), adjoint.exact_match, lm=lms[0])] == ["short", "long"]


def test_several_models_share_one_budget():
    lms = [ScriptedLM(right, name=name) for name in ("one", "two")]
    found = measured(lms, 20, budget=10)
    assert sum(len(lm.requests) for lm in lms) == 10
    assert all(report.stopped for report in found)


def test_nothing_to_compare_is_refused():
    with pytest.raises(UsageError, match="at least one program and one LM"):
        measured([])


def test_several_in_asynchronous_code():
    found = asyncio.run(
        adjoint.aevaluate(
            adjoint.Predict("q -> answer"),
            rows(3),
            adjoint.exact_match,
            lm=[ScriptedLM(right, name="a"), ScriptedLM(right, name="b")],
        )
    )
    assert [report.mean for report in found] == [1.0, 1.0]


# Views -------------------------------------------------------------------------------------------------------------


def test_every_cell_is_a_record_and_an_error_has_no_score(tmp_path):
    report = measured(ScriptedLM(but({"question 0": "wrong", "question 1": ContextLengthError("x")})), 3)
    table = report.table()
    assert table[0] == {
        "id": "r0", "q": "question 0", "expected.answer": "answer 0", "output.answer": "wrong", "score": 0.0,
        "feedback": "expected: answer 0", "error": None, "calls": 1, "seconds": table[0]["seconds"],
    }  # fmt: skip
    assert (table[1]["score"], table[1]["error"]) == (None, "ContextLengthError: x")
    report.to_csv(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [one["score"] for one in read] == ["0.0", "", "1.0"]


def test_a_dataframe_leaves_errors_out_of_its_mean():
    report = measured(ScriptedLM(but({"question 1": ContextLengthError("x")})), 4)
    frame = report.to_dataframe()
    assert list(frame.index) == ["r0", "r1", "r2", "r3"]
    assert frame["score"].mean() == report.mean
    assert list(measured([ScriptedLM(right, name="a"), ScriptedLM(right, name="b")], 3).to_dataframe()["score"]) == [1.0, 1.0]


def test_without_pandas_the_error_names_the_extra(monkeypatch):
    def missing(name):
        raise ImportError(name)

    report = measured(ScriptedLM(right), 2)
    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(MissingExtraError, match=r"adjoint\[notebook\]"):
        report.to_dataframe()


def test_a_notebook_shows_outputs_as_text_and_never_as_markup():
    report = measured(ScriptedLM(but({"question 0": "<script>alert(1)</script>"})), 30)
    page = report._repr_html_()
    assert "&lt;script&gt;" in page and "<script>" not in page
    assert "and 10 more rows" in page


# DSPy's class ------------------------------------------------------------------------------------------------------


def test_the_class_shows_and_saves_what_it_is_told_to(tmp_path, capsys):
    evaluator = adjoint.Evaluate(
        devset=rows(4), metric=adjoint.exact_match, display_progress=True, display_table=2, save_as_csv=str(tmp_path / "a.csv"),
        save_as_json=str(tmp_path / "a.json"),
    )  # fmt: skip
    with adjoint.context(lm=ScriptedLM(right)):
        report = evaluator(adjoint.Predict("q -> answer"))
    said = capsys.readouterr()
    assert said.out == ""
    assert "4 of 4 rows, 0 errors, 100.0 %" in said.err and "question 1" in said.err and "question 2" not in said.err
    assert [row["score"] for row in json.loads((tmp_path / "a.json").read_text("utf-8"))] == report.scores
    assert (tmp_path / "a.csv").read_text("utf-8").count("\n") == 5


def test_a_failure_score_is_refused_because_a_failure_is_no_score():
    with pytest.raises(UsageError, match=r"failure_score=0\.0"):
        adjoint.Evaluate(devset=rows(2), metric=adjoint.exact_match, failure_score=0.0)
    with pytest.raises(TypeError), adjoint.context(lm=ScriptedLM([])):
        adjoint.Evaluate(devset=rows(2), metric=adjoint.exact_match)(adjoint.Predict("q -> answer"), nonsense=1)


# The name of a run -------------------------------------------------------------------------------------------------


def test_a_run_is_named_by_the_options_of_its_metric_too():
    from functools import partial

    from adjoint.eval.fingerprint import run_id

    def names(make):
        return {run_id("evaluate", adjoint.Predict("q -> answer"), rows(2), make(option)) for option in (1, 2, 2)}

    with adjoint.context(lm=ScriptedLM([])):
        for make in (
            lambda option: partial(adjoint.numeric_match, tolerance=option),
            lambda option: adjoint.Judge(f"rubric {option}"),
            lambda option: adjoint.metrics.Weighted({"quality": (adjoint.exact_match, option)}),
        ):
            assert len(names(make)) == 2
