"""Backward over whole graphs: any shape, any depth, any order of replies."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.autograd.conftest import text

import adjoint
from adjoint.autograd import engine as engines
from adjoint.autograd.backward import abackward
from adjoint.autograd.graph import NoPathWarning
from adjoint.autograd.reduce import BUDGET, feedback_text, themes
from adjoint.base.errors import AuthError, BudgetExceeded, ContextLengthError, GradientError
from adjoint.lm.budget import Account, Budget
from adjoint.program.parameter import Gradient
from adjoint.testing import ScriptedLM

NOTES = "the bridge was built in nineteen hundred and four"


@pytest.fixture(autouse=True)
def no_engine_of_the_process(monkeypatch):
    monkeypatch.setattr(engines, "_engine", {})


def is_critic(request):
    return request.messages[0].content.startswith("One step of a program gave a wrong output")


class Notes(adjoint.Module):
    """Two modules in plain Python, with an f-string between them and a number at the end."""

    def __init__(self):
        self.read = adjoint.Predict("page -> notes", "Read.")
        self.answer = adjoint.Predict("prompt -> year: int", "Answer.")

    def forward(self, page):
        notes = self.read(page=page).notes
        found = self.answer(prompt=f"Given <<{notes}>>, which year?")
        return adjoint.Prediction(year=found.year + 0)


def reading(critic, **options):
    """The LM of `Notes`; `critic` answers critiques."""

    async def answer(request):
        if is_critic(request):
            said = critic(request)
            return await said if asyncio.iscoroutine(said) else said
        return NOTES if request.messages[0].content == "Read." else "1904"

    return ScriptedLM(answer, **options)


def year(example, prediction):
    return adjoint.Score(float(prediction.year == example.year), f"the year is {example.year}")


def test_feedback_walks_through_a_plain_python_program_without_variables():
    def critic(request):
        return (
            "[[critique]]\nName the year.\n[[critique_0]]\nThe notes lack it."
            if "Answer." in request.messages[1].content
            else "Note years."
        )

    program, lm = Notes(), reading(critic)
    with adjoint.context(lm=lm):
        prediction = program(page="a page")
        adjoint.MetricLoss(year)(adjoint.Example(page="a page", year=1905).with_inputs("page"), prediction).backward()
    assert [g.text for g in program.answer._instruction.grad] == ["Name the year."]
    assert [g.text for g in program.read._instruction.grad] == ["Note years."]
    critiques = [request.messages[-1].content for request in lm.requests if is_critic(request)]
    assert "feedback: the year is 1905" in critiques[0]
    assert "feedback: The notes lack it." in critiques[1]


def test_a_perfect_score_asks_for_no_change():
    program, lm = Notes(), reading(lambda _: "never")
    with adjoint.context(lm=lm):
        adjoint.MetricLoss(year)(adjoint.Example(page="p", year=1904).with_inputs("page"), program(page="p")).backward()
    assert len(lm.requests) == 2
    assert [(g.verdict, g.text, g.score) for g in program.read._instruction.grad] == [("ok", "", 1.0)]


@pytest.mark.parametrize("form", ["{}", " {}\n", "{}."])
def test_a_short_answer_that_the_program_passes_on_keeps_its_path(form):
    class Short(adjoint.Module):
        def __init__(self):
            self.ask = adjoint.Predict("q -> answer")

        def forward(self, q):
            return adjoint.Prediction(answer=form.format(self.ask(q=q).answer))

    program = Short()
    with adjoint.context(lm=ScriptedLM(lambda request: "Say yes." if is_critic(request) else "no")):
        prediction = program(q="sure?")
        adjoint.MetricLoss(lambda e, p: adjoint.Score(0.0, "yes"))(
            adjoint.Example(q="sure?").with_inputs("q"), prediction
        ).backward()
    assert [g.text for g in program.ask._instruction.grad] == ["Say yes."]


@pytest.mark.parametrize("slowest", ["first", "last"])
def test_gradients_come_in_the_order_of_the_calls_whatever_the_order_of_replies(slowest):
    async def critic(request):
        number = int(request.messages[-1].content.split("input: q")[1].split()[0])
        await asyncio.sleep(0.01 * (1 + number if slowest == "last" else 5 - number))
        return f"critique {number}"

    program = adjoint.Predict("q -> a")

    async def main():
        lm = ScriptedLM(lambda request: critic(request) if is_critic(request) else "wrong")
        with adjoint.context(lm=lm):
            loss = adjoint.MetricLoss(lambda e, p: 0.0)
            losses = [
                await loss.acall(adjoint.Example(q=f"q{i}").with_inputs("q"), await program.acall(q=f"q{i}")) for i in range(5)
            ]
            await abackward(losses)
        return lm

    lm = asyncio.run(main())
    assert [g.text for g in program._instruction.grad] == [f"critique {i}" for i in range(5)]
    assert lm.max_in_flight == 5


def test_a_module_that_is_called_twice_gets_its_gradients_in_the_order_of_its_calls():
    class Twice(adjoint.Module):
        def __init__(self):
            self.step = adjoint.Predict("text -> longer", "Go on.")

        def forward(self, text):
            return self.step(text=self.step(text=text).longer)

    def answer(request):
        if not is_critic(request):
            return request.messages[-1].content + " and one more piece of text"
        if "critique_0" in request.messages[0].content:
            return "[[critique]]\nsecond call\n[[critique_0]]\nits input"
        return "first call"

    program = Twice()
    with adjoint.context(lm=ScriptedLM(answer)):
        adjoint.MetricLoss(lambda e, p: 0.0)(adjoint.Example(text="a").with_inputs("text"), program(text="a")).backward()
    assert [g.text for g in program.step._instruction.grad] == ["first call", "second call"]


def test_a_chain_of_three_thousand_calls_needs_no_recursion():
    prompt = text("Go on.", "system prompt")
    step = adjoint.LLMCall(system_prompt=prompt)
    lm = ScriptedLM(
        lambda request: "[[critique]]\nfaster\n[[critique_0]]\nearlier" if "critique_0" in request.messages[0].content else "x"
    )
    with adjoint.context(lm=lm, ledger=None):
        value = text("start", requires_grad=False)
        for _ in range(3000):
            value = step(value)
        adjoint.TextLoss("Judge.")(value).backward()
    assert len(prompt.grad) == 3000
    assert [(theme.text, theme.count) for theme in themes(prompt.grad)] == [("faster", 2999), ("x", 1)]


def test_in_a_diamond_the_common_source_speaks_once_and_hears_both_sides():
    source, lm = text("source", "source"), ScriptedLM(_diamond)
    with adjoint.context(lm=lm):
        top = adjoint.LLMCall(system_prompt=text("top"))(source)
        left, right = (adjoint.LLMCall(system_prompt=text(side))(top) for side in ("left", "right"))
        adjoint.TextLoss("Judge.")(left + right).backward()
    of_top = [request for request in lm.requests if is_critic(request) and "instruction: top" in request.messages[-1].content]
    assert len(of_top) == 1
    assert "from left\nfrom right" in of_top[0].messages[-1].content
    assert [g.text for g in top.grad] == ["from left", "from right"]
    assert [g.text for g in source.grad] == ["from top"]


def _diamond(request):
    if not is_critic(request):
        return f"said by {request.messages[0].content}"
    name = request.messages[-1].content.split("instruction: ")[1].split("\n")[0]
    return f"[[critique]]\nabout {name}\n[[critique_0]]\nfrom {name}"


def test_a_critique_that_fails_is_a_missing_gradient_and_the_others_stand():
    program = adjoint.Predict("q -> a")

    def answer(request):
        if not is_critic(request):
            return "wrong"
        return ContextLengthError("x") if "input: q1" in request.messages[-1].content else "fix"

    with adjoint.context(lm=ScriptedLM(answer)):
        losses = [
            adjoint.MetricLoss(lambda e, p: 0.0)(adjoint.Example(q=f"q{i}").with_inputs("q"), program(q=f"q{i}"))
            for i in range(3)
        ]
        asyncio.run(abackward(losses))
    assert [g.text for g in program._instruction.grad] == ["fix", "fix"]


def test_if_no_critique_arrives_the_first_failure_is_told():
    program = adjoint.Predict("q -> a")
    with adjoint.context(lm=ScriptedLM(lambda request: ContextLengthError("too long") if is_critic(request) else "x")):
        loss = adjoint.MetricLoss(lambda e, p: 0.0)(adjoint.Example(q="q").with_inputs("q"), program(q="q"))
        with pytest.raises(GradientError, match="ContextLengthError: too long"):
            loss.backward()


@pytest.mark.parametrize("error", [AuthError("401"), BudgetExceeded("spent")])
def test_an_error_that_every_call_would_meet_ends_the_walk_as_what_it_is(error):
    program = adjoint.Predict("q -> a")
    with adjoint.context(lm=ScriptedLM(lambda request: error if is_critic(request) else "x")):
        loss = adjoint.MetricLoss(lambda e, p: 0.0)(adjoint.Example(q="q").with_inputs("q"), program(q="q"))
        with pytest.raises(type(error)):
            loss.backward()
    assert program._instruction.grad == []


def test_a_budget_holds_for_critiques_too():
    program = adjoint.Predict("q -> a")
    lm = ScriptedLM(lambda request: "x", delay=0.002)
    with adjoint.context(lm=lm):
        losses = [
            adjoint.MetricLoss(lambda e, p: 0.0)(adjoint.Example(q=f"{i}").with_inputs("q"), program(q=f"{i}")) for i in range(8)
        ]
        with adjoint.context(account=Account(Budget(calls=3))), pytest.raises(BudgetExceeded):
            asyncio.run(abackward(losses))
    assert len(lm.requests) == 8 + 3


def test_two_losses_at_once_share_the_walk():
    prompt = text("Answer.")
    lm = ScriptedLM(_judged)
    with adjoint.context(lm=lm):
        answer = adjoint.BlackboxLLM(system_prompt=prompt)(text("q", requires_grad=False))
        losses = [adjoint.TextLoss(rule)(answer) for rule in ("Be polite.", "Be brief.")]
        asyncio.run(abackward(losses))
    assert sum(map(is_critic, lm.requests)) == 1
    assert [g.text for g in answer.grad] == ["not: Be polite.", "not: Be brief."]
    assert len(prompt.grad) == 1


def _judged(request):
    system = request.messages[0].content
    return "both" if is_critic(request) else f"not: {system}" if system.startswith("Be ") else "answer"


def test_a_program_whose_instructions_are_frozen_warns():
    program = adjoint.Predict("q -> a")
    program._instruction.trainable = False
    with adjoint.context(lm=ScriptedLM(lambda _: "x")):
        loss = adjoint.MetricLoss(lambda e, p: 0.0)(adjoint.Example(q="q").with_inputs("q"), program(q="q"))
        with pytest.warns(NoPathWarning):
            loss.backward()


def test_the_recording_of_a_run_is_json():
    program = Notes()
    with adjoint.context(lm=reading(lambda _: "")):
        tape = program(page="p").tape
    body = json.loads(json.dumps(tape.to_json()))
    assert [node["module"] for node in body["nodes"]] == ["read", "answer"]
    assert body["nodes"][1]["edges"][0]["how"] == "contained"


# Reduce ------------------------------------------------------------------------------------------------------------


def gradient(said, **details):
    return Gradient("p", said, **details)


def test_feedback_is_merged_by_its_words_counted_and_ordered():
    given = [
        gradient("rare but bad", severity=1.0, score=0.0),
        gradient("rare", severity=0.2, score=0.8),
        gradient("Be brief."),
        gradient("be  BRIEF.", score=0.5),
        gradient("", severity=1.0),
        gradient("fine", verdict="ok"),
    ]
    assert [(theme.text, theme.count) for theme in themes(given)] == [("Be brief.", 2), ("rare but bad", 1), ("rare", 1)]
    assert [theme.count for theme in themes(given[::-1])] == [2, 1, 1]


def test_reduced_feedback_is_bounded_and_says_how_much_is_left_out():
    found = themes([gradient(f"remark number {i:03} " + "x" * 50) for i in range(500)])
    shown = feedback_text(found)
    assert len(shown) <= BUDGET + 60
    kept = shown.count("- remark")
    assert shown.endswith(f"- ({500 - kept} more remarks were left out)")
    assert feedback_text([]) == ""


def test_the_strongest_remark_is_shown_even_if_it_alone_is_too_long():
    assert BUDGET - 50 < len(feedback_text(themes([gradient("y" * 5000)]))) <= BUDGET
