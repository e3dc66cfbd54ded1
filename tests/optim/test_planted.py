"""Optimizers on problems with a planted optimum: what they find, what it costs, and what they may not do."""

from __future__ import annotations

import asyncio

import pytest

import adjoint
from adjoint.base.errors import AuthError, ContextLengthError, ProgramError, UsageError
from adjoint.data.records import id_of
from adjoint.data.splits import split
from adjoint.optim.strategies.bootstrap import BootstrapFewShot, BootstrapFewShotWithRandomSearch, LabeledFewShot
from adjoint.optim.strategies.tgd import TGD
from adjoint.program.state import name_of
from adjoint.testing import ScriptedLM


def rows(n=60):
    return [adjoint.Example(q=f"word{i}", answer=f"WORD{i}").with_inputs("q") for i in range(n)]


def role_of(request):
    system = request.messages[0].content
    if system.startswith("One step of a program gave a wrong output"):
        return "critic"
    return "proposer" if system.startswith("Improve the text") else "task"


def demos_of(request):
    """Pairs of what was asked and answered in the demos of a request."""
    turns = [message.content for message in request.messages[1:-1]]
    return list(zip(turns[::2], turns[1::2], strict=True))


def learner(needed=2, *, right_demo=lambda q, a: a == q.upper(), **options):
    """Writes in capitals if the instruction says so or enough demos show it; its critic and proposer know the way."""

    def answer(request):
        role, given = role_of(request), request.messages[-1].content
        if role != "task":
            return "Say that capitals are wanted." if role == "critic" else "Write the word in CAPITALS."
        able = "CAPITALS" in request.messages[0].content or sum(right_demo(*demo) for demo in demos_of(request)) >= needed
        return given.upper() if able else given

    return ScriptedLM(answer, **{"identity": "learner", **options})


def student():
    return adjoint.Predict("q -> answer", "Copy the word.")


def optimized(optimizer, lm, data=None, **options):
    given = {"trainset": data or rows(), "metric": adjoint.exact_match, "lm": lm, **options}
    return adjoint.optimize(student(), optimizer=optimizer, **given)


SOLVERS = {
    "labeled": (lambda: LabeledFewShot(k=4), 60),
    "bootstrap": (BootstrapFewShot, 75),
    "bootstrap-rs": (lambda: BootstrapFewShotWithRandomSearch(num_candidate_programs=6), 250),
    "tgd": (TGD, 110),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_each_optimizer_finds_the_planted_optimum_within_a_stated_number_of_calls(name):
    make, calls = SOLVERS[name]
    lm = learner()
    result = optimized(make(), lm)
    assert result.report.verdict == "better"
    assert result.report.shipped
    assert result.report.selection == 1.0
    assert result.report.certificate.difference == 1.0
    assert len(lm.requests) == result.report.usage.calls <= calls
    assert adjoint.evaluate(result.program, rows(), adjoint.exact_match, lm=learner()).mean == 1.0


@pytest.mark.parametrize("name", SOLVERS)
def test_without_headroom_the_baseline_is_returned_and_the_report_says_so(name):
    lm = ScriptedLM(lambda request: request.messages[-1].content.upper(), identity="perfect")
    result = optimized(SOLVERS[name][0](), lm)
    assert result.state == student().state_dict()
    assert (result.report.verdict, result.report.shipped, result.report.certificate) == ("not shown better", False, None)
    assert "the original program is returned" in str(result.report)


@pytest.mark.parametrize("ship", ["certified", "always"])
@pytest.mark.parametrize("name", SOLVERS)
def test_a_worse_candidate_is_never_shipped(name, ship):
    """Here everything that optimizers do makes the program worse."""

    def answer(request):
        if role_of(request) != "task":
            return "Write small letters."
        word, plain = request.messages[-1].content, request.messages[0].content == "Copy the word."
        return word.upper() if plain and len(request.messages) == 2 and not word.endswith("7") else word

    result = optimized(SOLVERS[name][0](), ScriptedLM(answer, identity="worse"), ship=ship)
    assert result.state == student().state_dict()
    assert not result.report.shipped
    assert not any(trial.accepted for trial in result.report.trials)


def test_a_difference_too_small_to_be_shown_is_not_shipped_unless_asked_for():
    def answer(request):
        word = request.messages[-1].content
        return word.upper() if int(word[4:]) % 10 or len(request.messages) > 2 else word

    for ship in ("certified", "always"):
        result = optimized(LabeledFewShot(), ScriptedLM(answer, identity="slight"), ship=ship)
        assert result.report.verdict == "not shown better"
        assert result.report.shipped == (ship == "always")


def test_the_three_roles_of_rows_never_mix():
    """Feedback rows teach, selection rows race, holdout rows certify; each phase sees only its own."""
    data, seen, phase = rows(), {}, ["propose"]
    parts = split(data, seed=0)
    lm = learner()

    def metric(example, prediction):
        seen.setdefault(phase[0], set()).add(id_of(example))
        return prediction.answer == example.answer

    optimized(TGD(), lm, data, metric=metric, on_progress=lambda progress: phase.__setitem__(0, progress.phase))
    roles = {"propose": parts.feedback, "race": parts.selection, "certify": parts.holdout}
    assert seen.keys() == roles.keys()
    for name, allowed in roles.items():
        assert seen[name] <= {id_of(row) for row in allowed}, name


def test_demos_come_from_feedback_rows_only():
    parts = split(rows(), seed=0)
    result = optimized(BootstrapFewShotWithRandomSearch(num_candidate_programs=4), learner())
    taught = {row.q for row in parts.feedback}
    for trial in result.report.trials:
        assert {demo["q"] for demo in trial.state["demos"]} <= taught


def test_a_row_is_not_among_the_demos_of_its_own_teacher():
    lm = learner()
    BootstrapFewShot(adjoint.exact_match).compile(student(), trainset=rows(12), lm=lm)
    taught = [request for request in lm.requests if demos_of(request)]
    assert taught
    assert all(request.messages[-1].content not in [q for q, _ in demos_of(request)] for request in taught)


def test_a_broken_candidate_loses_its_race_and_the_run_goes_on():
    """Demos make the prompt too long, so every candidate fails on every row."""
    lm = ScriptedLM(lambda request: ContextLengthError("too long") if len(request.messages) > 2 else "x", identity="short")
    result = optimized(LabeledFewShot(), lm)
    assert result.state == student().state_dict()
    assert [(trial.mean, trial.n, trial.errors) for trial in result.report.trials] == [(None, 0, 8)]


def test_a_run_in_which_nothing_goes_well_stops_with_the_first_error():
    with pytest.raises(ProgramError, match=r"rows failed, so the run stops.*too long"):
        optimized(LabeledFewShot(), ScriptedLM(lambda _: ContextLengthError("too long")))


def test_a_refused_key_ends_the_run_at_once():
    lm = ScriptedLM(lambda _: AuthError("401"))
    with pytest.raises(AuthError):
        optimized(TGD(), lm, limit=2)
    assert len(lm.requests) <= 4


@pytest.mark.parametrize("failing", ["critic", "proposer"])
def test_a_critic_or_proposer_that_fails_costs_a_candidate_and_not_the_run(failing):
    able = learner()._script
    lm = ScriptedLM(lambda request: ContextLengthError("x") if role_of(request) == failing else able(request), identity="half")
    result = optimized(TGD(), lm)
    assert result.report.trials == ()
    assert result.state == student().state_dict()
    assert result.report.rounds == 2


def test_a_batch_without_a_failure_does_not_end_the_search():
    """One row of fifty fails, and the batch may miss it."""
    lm = ScriptedLM(lambda request: request.messages[-1].content.upper(), identity="good")
    assert optimized(TGD(batch_size=2, patience=4), lm).report.rounds == 4


def test_rejected_texts_are_shown_to_the_next_proposal():
    def answer(request):
        if role_of(request) == "task":
            return request.messages[-1].content
        return "Wrong." if role_of(request) == "critic" else "Try harder."

    lm = ScriptedLM(answer, identity="stubborn")
    optimized(TGD(proposals=1), lm)
    proposals = [request.messages[-1].content for request in lm.requests if role_of(request) == "proposer"]
    assert "Try harder." not in proposals[0]
    assert "tried: - Try harder." in proposals[1]


# Budgets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("budget", [1, 13, 40, 77])
def test_the_budget_is_never_exceeded(name, budget):
    lm = learner(delay=0.0005)
    result = optimized(SOLVERS[name][0](), lm, budget=budget)
    assert len(lm.requests) <= budget
    assert result.report.usage.calls == len(lm.requests)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_budget_of_zero_makes_no_call_and_returns_the_baseline(name):
    lm = learner()
    result = optimized(SOLVERS[name][0](), lm, budget=0)
    assert lm.requests == []
    assert result.state == student().state_dict()
    assert "the budget of 0 calls is spent" in result.report.stopped


def test_calls_of_the_proposer_count_in_the_budget():
    task, proposer = learner(), learner(identity="proposer")
    result = optimized(TGD(), task, proposer_lm=proposer, budget=60)
    assert {role_of(request) for request in proposer.requests} == {"critic", "proposer"}
    assert {role_of(request) for request in task.requests} == {"task"}
    assert len(task.requests) + len(proposer.requests) == result.report.usage.calls <= 60


def test_a_part_of_the_budget_is_held_back_for_the_certificate():
    result = optimized(BootstrapFewShotWithRandomSearch(), learner(), budget=150)
    assert result.report.stopped.startswith("the budget of 150 calls is spent") or result.report.certificate is not None
    plenty = optimized(LabeledFewShot(k=4), learner(), budget=80)
    assert plenty.report.verdict == "better"


# Reproducibility ---------------------------------------------------------------------------------------------------


def course(result, lm):
    """What a run did: its candidates, its scores and what it asked."""
    trials = [(trial.name, trial.mean, trial.n, trial.accepted) for trial in result.report.trials]
    return name_of(result.state), trials, sorted(request.key("x") for request in lm.requests)


@pytest.mark.parametrize("name", SOLVERS)
def test_the_number_of_rows_at_once_does_not_change_the_result(name):
    courses = []
    for limit in (1, 5, 64):
        lm = learner(delay=0.0002, identity=f"limit-{limit}")
        courses.append(course(optimized(SOLVERS[name][0](), lm, limit=limit), lm))
    assert courses[0] == courses[1] == courses[2]


def test_another_seed_is_another_run():
    results = [optimized(LabeledFewShot(k=4), learner(identity=f"seed-{seed}"), seed=seed) for seed in (0, 0, 1)]
    assert results[0].run_id == results[1].run_id != results[2].run_id
    assert results[0].state == results[1].state != results[2].state


def test_a_finished_run_again_costs_nothing_and_gives_the_same():
    for make, _ in SOLVERS.values():
        lm = learner(identity="again")
        first = optimized(make(), lm)
        bought = len(lm.requests)
        second = optimized(make(), lm)
        assert len(lm.requests) == bought
        assert second.state == first.state
        assert {**second.report.to_dict(), "seconds": 0} == {**first.report.to_dict(), "seconds": 0}


# compile -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOLVERS)
def test_compile_gives_a_program_and_leaves_the_student_alone(name):
    made, original, optimizer = student(), student().state_dict(), SOLVERS[name][0]()
    optimizer.metric = adjoint.exact_match
    compiled = optimizer.compile(made, trainset=rows(), lm=learner())
    assert compiled is not made
    assert made.state_dict() == original
    assert compiled.state_dict() != original
    assert adjoint.evaluate(compiled, rows(), adjoint.exact_match, lm=learner()).mean == 1.0


def test_compile_takes_the_lm_of_the_context_and_a_metric_with_a_trace():
    traces = []

    def metric(example, prediction, trace=None):
        traces.append(trace is not None)
        return prediction.answer == example.answer

    with adjoint.context(lm=learner()):
        compiled = BootstrapFewShot(metric=metric, max_bootstrapped_demos=3, max_labeled_demos=5).compile(
            student(), trainset=rows(20)
        )
    assert len(compiled.demos) == 5
    assert set(traces) == {True}


def test_a_threshold_of_zero_accepts_every_run():
    lm = ScriptedLM(lambda request: "nonsense")
    for threshold, demos in ((0.0, ["nonsense"] * 2), (None, [])):
        optimizer = BootstrapFewShot(
            adjoint.exact_match, metric_threshold=threshold, max_bootstrapped_demos=2, max_labeled_demos=0
        )
        compiled = optimizer.compile(student(), trainset=rows(9), lm=lm)
        assert [demo["answer"] for demo in compiled.demos] == demos


def test_seed_zero_is_a_seed():
    states = [LabeledFewShot(k=3).compile(student(), trainset=rows(), seed=seed).state_dict() for seed in (0, 0, 1, 2)]
    assert states[0] == states[1]
    assert states[0] != states[2] != states[3]
    assert LabeledFewShot(k=3).compile(student(), trainset=rows()).state_dict() == states[0]


def test_a_teacher_makes_the_demos():
    able = adjoint.Predict("q -> answer", "Write CAPITALS.")
    lm = learner(needed=1)
    optimizer = BootstrapFewShot(adjoint.exact_match, max_bootstrapped_demos=2, max_labeled_demos=0)
    compiled = optimizer.compile(student(), trainset=rows(9), teacher=able, lm=lm)
    assert len(compiled.demos) == 2
    assert all(demo["answer"] == demo["q"].upper() for demo in compiled.demos)
    assert compiled.instruction == "Copy the word."
    assert {request.messages[0].content for request in lm.requests} == {"Write CAPITALS."}


def test_searching_without_a_metric_is_told():
    with pytest.raises(UsageError, match=r"TextualGradientDescent needs a metric"):
        TGD().compile(student(), trainset=rows())


def test_mistakes_are_told_before_anything_is_spent():
    lm = learner()
    with pytest.raises(UsageError, match="did you mean 'bootstrap-rs'"):
        optimized("bootstrp-rs", lm)
    with pytest.raises(UsageError, match="too few"):
        optimized("tgd", lm, rows(5))
    with pytest.raises(UsageError, match="ship='maybe'"):
        optimized("tgd", lm, ship="maybe")
    with pytest.raises(UsageError, match="the trainset is empty"):
        adjoint.optimize(student(), trainset=[], metric=adjoint.exact_match, lm=lm)
    assert lm.requests == []


def test_optimizing_in_asynchronous_code():
    result = asyncio.run(adjoint.aoptimize(student(), trainset=rows(), metric=adjoint.exact_match, optimizer="tgd", lm=learner()))
    assert result.report.verdict == "better"
