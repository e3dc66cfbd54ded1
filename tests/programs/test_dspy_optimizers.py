"""Optimizers as DSPy's users construct and call them: the same names, the same order of arguments, the same settings of a run."""

from __future__ import annotations

import pytest

import adjoint as dspy
from adjoint.base.errors import UsageError
from adjoint.optim.allocators.grid import Grid
from adjoint.testing.planted import DEMOS, HINTS, INSTRUCTION, PROBLEMS, matches


@pytest.fixture
def lms():
    """The model of the planted demos for the program, and one that proposes; replies are not kept."""
    task, proposer = DEMOS.lms()
    with dspy.context(lm=task, ledger=None):
        yield task, proposer


def score(program, problem=DEMOS):
    task, _ = problem.lms()
    return dspy.evaluate(program, problem.rows[:20], matches, lm=task).mean


TRAIN = list(DEMOS.rows)


def test_labeled_few_shot(lms):
    compiled = dspy.LabeledFewShot(k=3).compile(DEMOS.student(), trainset=TRAIN, sample=False)
    assert [demo["q"] for demo in compiled.demos] == [demo.q for demo in compiled.demos] == ["word0", "word1", "word2"]
    assert dspy.LabeledFewShot(3).compile(DEMOS.student(), trainset=TRAIN).demos != compiled.demos


def test_bootstrap_few_shot_with_a_teacher_and_positional_arguments(lms):
    teacher = dspy.Predict("q -> answer", "Copy the word.")
    teacher.demos = [{"q": "a", "answer": "A"}, {"q": "b", "answer": "B"}]
    made = dspy.BootstrapFewShot(matches, 0.9, None, 2, 0, 1)
    compiled = made.compile(DEMOS.student(), teacher=teacher, trainset=TRAIN)
    assert [demo["answer"] for demo in compiled.demos] == ["WORD0", "WORD1"]


def test_the_teachers_own_settings_hold_for_the_teacher_only():
    strong, weak = DEMOS.lms()[0], DEMOS.lms()[0]
    with dspy.context(lm=weak, ledger=None):
        dspy.BootstrapFewShot(metric=matches, teacher_settings={"lm": strong}, max_labeled_demos=4).compile(
            DEMOS.student(), trainset=TRAIN
        )
    assert strong.requests
    assert weak.requests == []


def test_the_note_of_a_candidate_names_the_rows_that_passed_and_those_that_did_not(lms):
    result = dspy.optimize(DEMOS.student(), trainset=TRAIN, metric=matches, optimizer=dspy.BootstrapFewShot(max_labeled_demos=3))
    note = result.report.trials[0].note
    assert len(note["good"]) == 4
    assert set(note["good"].values()) == {1.0}
    assert all(value is None or value < 1.0 for value in note["bad"].values())


def test_random_search_with_threads_and_a_score_to_stop_at(lms):
    made = dspy.BootstrapFewShotWithRandomSearch(
        metric=matches, max_bootstrapped_demos=2, max_labeled_demos=2, num_candidate_programs=2, num_threads=3, stop_at_score=90.0
    )
    assert dspy.BootstrapRS is dspy.BootstrapFewShotWithRandomSearch
    compiled = made.compile(DEMOS.student(), trainset=TRAIN)
    assert score(compiled) == 1.0
    assert made.stop.target == 0.9
    assert lms[0].max_in_flight == 3


def test_optuna_search_with_max_demos(lms):
    made = dspy.BootstrapFewShotWithOptuna(metric=matches, num_candidate_programs=3)
    compiled = made.compile(DEMOS.student(), max_demos=2, trainset=TRAIN[:45], valset=TRAIN[45:])
    assert len(compiled.demos) == 2
    assert score(compiled) == 1.0


def vectors(texts):
    """Numbers that are near are near."""
    return [[1.0, float(text.removeprefix("q: word") or 0) / 60] for text in texts]


def test_knn_few_shot_shows_each_call_what_is_near_and_buys_no_teachers_run_twice(tmp_path):
    task, _ = DEMOS.lms()
    student = DEMOS.student()
    compiled = dspy.KNNFewShot(3, TRAIN, vectors, metric=matches, max_labeled_demos=3).compile(student)
    with dspy.context(lm=task, ledger=tmp_path / "ledger.db"):
        assert compiled(q="word7").answer == "WORD7"
        last = [message.text for message in task.requests[-1].messages]
        assert set(last) & {"word6", "word7", "word8"}
        bought = len(task.requests)
        assert compiled(q="word7").answer == "WORD7"
        assert len(task.requests) == bought
    assert student.demos == []
    with pytest.raises(UsageError, match="KNNFewShot has its rows from its constructor"):
        dspy.KNNFewShot(3, TRAIN, vectors).compile(student, trainset=TRAIN)


def test_copro_with_a_prompt_model_and_the_settings_of_an_evaluation(caplog):
    task, proposer = HINTS.lms()
    made = dspy.COPRO(prompt_model=proposer, metric=matches, breadth=5, depth=3, init_temperature=1.4, track_stats=True)
    with dspy.context(lm=task, ledger=None):
        compiled = made.compile(
            HINTS.student(),
            trainset=list(HINTS.rows),
            eval_kwargs={"num_threads": 2, "display_progress": True, "display_table": 0},
        )
    assert score(compiled, HINTS) == 1.0
    assert {request.temperature for request in proposer.requests} == {1.4}
    assert task.max_in_flight == 2
    assert "track_stats=True has no effect here" in caplog.text
    assert "display_progress=True has no effect here" in caplog.text
    assert "display_table" not in caplog.text
    assert dspy.SignatureOptimizer is dspy.COPRO


def test_mipro_as_its_tutorials_write_it(caplog):
    task, proposer = INSTRUCTION.lms()
    made = dspy.MIPROv2(
        metric=matches, prompt_model=proposer, task_model=task, auto="light", num_threads=24, verbose=True, sampler="tpe"
    )
    compiled = made.compile(
        INSTRUCTION.student(), trainset=list(INSTRUCTION.rows), max_bootstrapped_demos=0, max_labeled_demos=0,
        minibatch_size=10, program_aware_proposer=False, requires_permission_to_run=False,
    )  # fmt: skip
    assert score(compiled, INSTRUCTION) == 1.0
    assert compiled.demos == []
    assert made.max_bootstrapped_demos == 4  # settings of one run are settings of that run
    assert made.grounds.program_aware_proposer
    assert "verbose=True has no effect here" in caplog.text
    assert dspy.MIPRO is dspy.BayesianSignatureOptimizer is dspy.MIPROv2


def test_mipro_with_numbers_of_its_own_tries_so_many_combinations():
    task, proposer = PROBLEMS["demos"].lms()
    made = dspy.MIPROv2(matches, proposer, task, auto=None, num_candidates=4, seed=0, sampler="optuna", per_round=2)
    with dspy.context(ledger=None):
        compiled = made.compile(DEMOS.student(), trainset=TRAIN, num_trials=4, minibatch=False)
        result = dspy.optimize(DEMOS.student(), trainset=TRAIN, metric=matches, optimizer=made, allocator=Grid(), seed=0)
    assert score(compiled) == 1.0
    assert result.report.trials


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"auto": "huge"}, r"auto='huge'\) cannot be; give 'light', 'medium', 'heavy' or None"),
        ({"num_candidates": 3}, "give auto=None together with num_candidates"),
        ({"auto": None}, "num_candidates says how many"),
    ],
)
def test_mipro_refuses_settings_that_contradict_each_other(options, message):
    with pytest.raises(UsageError, match=message):
        dspy.MIPROv2(metric=matches, **options)


@pytest.mark.parametrize("option", [{"requires_permission_to_run": True}, {"restrict": [1, 2]}, {"labeled_sample": False}])
def test_what_would_change_a_run_and_is_not_offered_is_refused_with_what_to_do(lms, option):
    with pytest.raises(UsageError, match=r"is not offered: .*(budget=|num_candidate_programs|sample=False)"):
        dspy.BootstrapRS(metric=matches).compile(DEMOS.student(), trainset=TRAIN, **option)
    assert lms[0].requests == []


def test_infer_rules_with_the_arguments_of_a_bootstrap():
    task, proposer = INSTRUCTION.lms()
    with dspy.context(lm=task, ledger=None):
        made = dspy.InferRules(
            num_candidates=2, num_rules=5, num_threads=4, metric=matches, prompt_model=proposer, max_labeled_demos=0
        )
        compiled = made.compile(INSTRUCTION.student(), trainset=list(INSTRUCTION.rows))
    assert compiled.instruction == "Copy the word.\nWrite the word in CAPITALS."
    assert any("most: 5" in request.messages[-1].text for request in proposer.requests)


def test_the_names_are_also_where_dspy_has_them():
    from adjoint.dspy import teleprompt

    for name in ("BootstrapFewShotWithOptuna", "COPRO", "InferRules", "KNNFewShot", "MIPROv2"):
        assert getattr(teleprompt, name) is getattr(dspy, name)


@pytest.mark.parametrize(
    "make", [dspy.COPRO, dspy.BootstrapFewShotWithRandomSearch, dspy.GEPA, dspy.MIPROv2], ids=lambda kind: kind.__name__
)
def test_few_rows_are_compiled_undivided_and_that_is_said(lms, make, caplog):
    compiled = make(metric=matches).compile(DEMOS.student(), trainset=TRAIN[:3])
    assert isinstance(compiled, dspy.Predict)
    assert (
        "3 training rows cannot be divided: the same rows teach and choose, and nothing is certified; give 6 or more"
        in caplog.text
    )


def test_few_rows_of_a_valset_all_choose_and_the_report_says_so(lms):
    task, proposer = DEMOS.lms()
    given = {"valset": TRAIN[10:12], "metric": matches, "lm": task, "proposer_lm": proposer}
    found = dspy.optimize(DEMOS.student(), TRAIN[:3], **given, ship="always")
    assert "2 validation rows cannot be divided: all of them choose, and nothing is certified" in found.report.notes
    with pytest.raises(ValueError, match="too few"):
        dspy.optimize(DEMOS.student(), TRAIN[:3], **given)
