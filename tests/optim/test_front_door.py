"""The front door: what `optimize` and `compile` take, what they refuse in words, and what a report says where nothing came of it."""

from __future__ import annotations

import asyncio
import logging

import pytest

import adjoint
from adjoint.base.errors import AdjointError, ServerError, UnknownNameError, UsageError
from adjoint.lm.retry import RetryPolicy
from adjoint.optim.registry import OPTIMIZERS, optimizer_of
from adjoint.testing import ScriptedLM
from adjoint.testing.planted import INSTRUCTION, matches


def run(**given):
    """A small run of the planted problem; `given` replaces its arguments."""
    task, proposer = INSTRUCTION.lms()
    settings = {"optimizer": "labeled-few-shot", "lm": task, "proposer_lm": proposer, "budget": 80, "seed": 1}
    program, rows, metric = (given.pop(name, None) for name in ("program", "rows", "metric"))
    program, rows = program or INSTRUCTION.student(), rows or list(INSTRUCTION.rows[:24])
    return adjoint.optimize(program, rows, metric or matches, **{**settings, **given})


def named(number, word):
    """A row with an id of its own."""
    return adjoint.Example.row({"q": word}, {"answer": word.upper()}, id=f"row{number}", metadata={})


def failing(request):
    raise ServerError("the provider is down")


def test_program_rows_and_metric_may_be_given_in_order():
    task, _ = INSTRUCTION.lms()
    named = adjoint.optimize(
        INSTRUCTION.student(), trainset=list(INSTRUCTION.rows), metric=matches, lm=task, optimizer="labeled-few-shot"
    )
    in_order = adjoint.optimize(INSTRUCTION.student(), list(INSTRUCTION.rows), matches, lm=task, optimizer="labeled-few-shot")
    assert in_order.run_id == named.run_id


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"program": "q -> answer"}, r"optimize\(program='q -> answer'\) cannot be; give a program"),
        ({"program": adjoint.Predict}, "cannot be; give a program"),
        ({"optimizer": adjoint.COPRO}, "is no optimizer; give a name or an object"),
        ({"optimizer": 3}, "3 is no optimizer"),
        ({"allocator": 3}, "3 is no allocator"),
        ({"seed": "abc"}, r"optimize\(seed='abc'\) cannot be; give a whole number"),
        ({"seed": None}, "cannot be; give a whole number"),
        ({"limit": 0}, "give a whole number of 1 or more"),
        ({"repeats": 1.5}, "give a whole number of 1 or more"),
        ({"stop": 3}, "give adjoint.Stop"),
        ({"on_progress": "print"}, "give a function or None"),
        ({"proposer_lm": 3}, "3 is no engine"),
        ({"proposer_lm": "poket"}, "did you mean 'pocket'"),
        ({"lm": "poket"}, "'poket' names no model; did you mean 'pocket'"),
        ({"lm": "openai"}, "write provider/model, for example openai/gpt-4o-mini"),
        ({"lm": 3}, "is no language model"),
        ({"rows": [{"q": "word", "answer": "WORD"}] * 9}, "is no row; write adjoint.Example"),
        ({"rows": "rows.jsonl"}, "is no row; write adjoint.Example"),
        ({"valset": [3]}, "is no row"),
        ({"rows": [named(0, "word0"), *INSTRUCTION.rows[:9], named(0, "word1")]}, "two different rows have the id 'row0'"),
        (
            {"rows": [named(0, "word0"), *INSTRUCTION.rows[:9]], "valset": [named(0, "word1")]},
            "two different rows have the id 'row0'",
        ),
        ({"budget": 1.5}, "cannot read the budget 1.5"),
        ({"budget": True}, "cannot read the budget True"),
        ({"budget": []}, "cannot read the budget"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(given, said):
    with pytest.raises(UsageError, match=said):
        run(**given)


class Untrainable(adjoint.Module):
    def forward(self, q: str) -> adjoint.Prediction:
        return adjoint.Prediction(answer=q)


def test_a_program_without_anything_to_change_is_refused_and_not_run():
    with pytest.raises(UsageError, match="Untrainable has nothing that an optimizer may change; give it a predictor"):
        run(program=Untrainable())


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        ("models", "there is no other model to choose; give a predictor several"),
        ("numbers", "no number of the program could be moved; give it one"),
        ("demo-order", "the program has no demos to reorder; find some first"),
        (adjoint.LabeledFewShot(k=0), "the optimizer has proposed nothing that differs from the program as it is"),
    ],
)
def test_an_optimizer_that_finds_nothing_to_try_says_so(optimizer, said):
    assert said in run(optimizer=optimizer).report.stopped


@pytest.mark.parametrize("name", ["copro", "opro", "gepa", "tgd", "simba", "optoprime", "evoprompt"])
def test_proposals_that_fail_are_told_in_the_report(name):
    with adjoint.context(retry=RetryPolicy(attempts=1)):
        report = run(optimizer=name, proposer_lm=ScriptedLM(failing, identity="down"), budget=400).report
    assert "came to nothing; the first: ServerError: the provider is down" in str(report)
    assert not report.shipped


WEIGHTS = {"bootstrap-finetune", "distill", "grpo", "preferences", "rejection-sampling"}


@pytest.mark.parametrize("name", sorted(WEIGHTS - {"distill"}))
def test_an_lm_that_cannot_be_trained_is_told_before_anything_is_asked(name):
    task, _ = INSTRUCTION.lms()
    with pytest.raises(UsageError, match="the weights of scripted cannot be trained: use a local checkpoint"):
        run(optimizer=name, lm=task)
    assert not task.requests


@pytest.mark.parametrize("name", sorted({*OPTIMIZERS} - {"ensemble", *WEIGHTS}))
@pytest.mark.parametrize("budget", [0, 1, 5])
def test_a_budget_that_is_too_small_gives_the_program_back(name, budget):
    report = run(optimizer=name, budget=budget).report
    assert not report.shipped
    assert report.usage.calls <= budget


def test_compile_refuses_an_option_that_there_is_not():
    with pytest.raises(UnknownNameError, match="unknown option of compile 'bugdet'; did you mean 'budget'"):
        adjoint.COPRO(metric=matches).compile(INSTRUCTION.student(), trainset=list(INSTRUCTION.rows), bugdet=3)


def test_aoptimize_refuses_an_argument_that_there_is_not():
    with pytest.raises(UnknownNameError, match="unknown argument of optimize 'bugdet'; did you mean 'budget'"):
        asyncio.run(adjoint.aoptimize(INSTRUCTION.student(), list(INSTRUCTION.rows), matches, bugdet=3))


def test_compile_leaves_the_optimizer_as_it_was_and_says_what_has_no_effect(caplog):
    task, _ = INSTRUCTION.lms()
    optimizer = adjoint.LabeledFewShot(k=2)
    with caplog.at_level(logging.WARNING), adjoint.context(lm=task):
        optimizer.compile(
            INSTRUCTION.student(), trainset=list(INSTRUCTION.rows), valset=list(INSTRUCTION.rows), teacher=INSTRUCTION.student()
        )
    assert optimizer.teacher is None
    assert "valset has no effect here" in caplog.text
    assert "teacher has no effect here" in caplog.text


def test_a_budget_holds_for_the_compiling_of_one_proposal_too():
    task, _ = INSTRUCTION.lms()
    optimizer = optimizer_of("bootstrap")
    optimizer.metric = matches
    with adjoint.context(lm=task), pytest.raises(adjoint.base.errors.BudgetExceeded, match="is spent"):
        optimizer.compile(INSTRUCTION.student(), trainset=list(INSTRUCTION.rows), budget="3calls")


def test_validation_rows_that_are_training_rows_too_are_told():
    rows, others = list(INSTRUCTION.rows[:24]), list(INSTRUCTION.rows[24:34])
    assert (
        "4 of 14 validation rows are training rows too, and neither choose nor certify"
        in run(valset=[*rows[:4], *others]).report.notes
    )
    assert "all validation rows are training rows too" in str(run(valset=rows).report)
    assert "validation row" not in str(run(valset=others).report)


ROWS = list(INSTRUCTION.rows[:24])


def student():
    return INSTRUCTION.student()


def broken(*_, **__):
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: adjoint.front(student(), trainset=ROWS, metric=matches, margin=2), "a number above 0 and below 1"),
        (lambda: adjoint.front(student(), trainset=ROWS, metric=matches, alpha=0.0), "a number above 0 and below 1"),
        (lambda: adjoint.front(student(), trainset=ROWS, metric=matches, cost=broken), "the cost raised ZeroDivisionError"),
        (lambda: adjoint.front(student(), trainset=ROWS, metric=matches, cost=lambda tape: "2 $"), r"cost\(result='2 \$'\)"),
        (lambda: adjoint.optimize_each(student(), lms=["pocket"], trainset=ROWS, metric=matches), "needs models by name"),
        (lambda: adjoint.headroom(student(), ROWS, matches, tries=0), r"headroom\(tries=0\)"),
        (lambda: adjoint.outlook(ROWS, "80calls"), "give rows that are divided"),
        (lambda: adjoint.Models(matches, cost=broken, max_cost=1.0).compile(student(), trainset=ROWS), "the cost raised"),
        (lambda: adjoint.GEPA(matches, component_selector=broken).compile(student(), trainset=ROWS), "component_selector raised"),
        (lambda: adjoint.GEPA(matches, component_selector=lambda *_: None).compile(student(), trainset=ROWS), "give a list"),
        (
            lambda: adjoint.GEPA(matches, instruction_proposer=lambda **_: "new").compile(student(), trainset=ROWS),
            "give a mapping",
        ),
        (lambda: adjoint.EnsembleSearch(matches).compile("q -> answer", trainset=ROWS), "give a program"),
        (lambda: adjoint.KNNFewShot("3", ROWS, len), r"KNNFewShot\(k='3'\)"),
        (lambda: adjoint.TGD([{"parms": []}]), "a group of TGD has 'params'"),
    ],
)
def test_code_and_values_of_the_user_that_cannot_be_used_are_named(call, said):
    task, _ = INSTRUCTION.lms()
    with adjoint.context(lm=task, ledger=None), pytest.raises(AdjointError, match=said):
        call()


def half(example, prediction):
    return 0.5 * (prediction.answer == example.answer)


def own_run(report):
    return [note for note in report.notes if "run of its own" in note]


def test_a_run_that_begins_anew_says_what_has_changed_and_one_that_goes_on_says_the_same_again():
    rows = list(INSTRUCTION.rows[:24])
    first, again = run(), run()
    assert own_run(first.report) == own_run(again.report) == []
    for given, said in (
        ({"metric": half}, "the metric differs"),
        (
            {"rows": [*rows[1:], adjoint.Example(q="word0", answer="other").with_inputs("q")]},
            "the rows differ",
        ),
        ({"program": adjoint.Predict("q -> answer", "Copy it.")}, "the program differs"),
    ):
        one, two = run(**given), run(**given)
        assert own_run(one.report) == own_run(two.report) == [own_run(one.report)[0]]
        assert own_run(one.report)[0].endswith(said)
    assert own_run(run(seed=7).report) == []  # the command says so itself
