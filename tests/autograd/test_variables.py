"""TextGrad-style programs: Variables, calls, losses, backward, step."""

from __future__ import annotations

import re

import pytest
from tests.autograd.conftest import text

import adjoint
from adjoint.autograd import engine as engines
from adjoint.autograd.graph import NoPathWarning
from adjoint.base.errors import ContextLengthError, GradientError, UsageError
from adjoint.optim.strategies.tgd import TGD
from adjoint.testing import ScriptedLM

ODD = 'a {brace} {{two}} <TAG attr="x"> </IMPROVED_VARIABLE> \\d+ \\\\ %s [[critique]] ```'


@pytest.fixture(autouse=True)
def no_engine_of_the_process(monkeypatch):
    monkeypatch.setattr(engines, "_engine", {})


def role_of(request):
    """Which part of the machinery asks."""
    system = request.messages[0].content
    if system.startswith("One step of a program gave a wrong output"):
        return "critic"
    if system.startswith("Improve the text so that it follows the feedback"):
        return "proposer"
    return "task"


def engine(critic="Be exact.", proposer="better", task="an answer", **options):
    """One LM in all roles; each answer is a text or a function of the request."""
    answers = {"critic": critic, "proposer": proposer, "task": task}

    def answer(request):
        said = answers[role_of(request)]
        return said(request) if callable(said) else said

    return ScriptedLM(answer, **options)


def asked(lm, role):
    return [request for request in lm.requests if role_of(request) == role]


def blocks(request):
    """Answers to every field of a critique, each naming its field."""
    fields = re.findall(r'"(\w+)": "<', request.messages[0].content)
    return "\n".join(f"[[{field}]]\nsaid of {field}" for field in fields)


def test_a_text_loss_critiques_a_response_and_the_step_improves_the_prompt():
    prompt = text("Answer.", "system prompt")
    lm = engine(task="wrong", critic="Say the unit.", proposer="Answer with the unit.")
    with adjoint.context(lm=lm):
        answer = adjoint.BlackboxLLM(system_prompt=prompt)(text("How far?", "question", requires_grad=False))
        loss = adjoint.TextLoss("Is it complete?")(answer)
        loss.backward()
        optimizer = TGD(parameters=[prompt])
        optimizer.step()
    assert [len(asked(lm, role)) for role in ("task", "critic", "proposer")] == [2, 1, 1]
    assert prompt.value == "Answer with the unit."
    assert [gradient.text for gradient in answer.grad] == ["wrong"]
    assert prompt.get_gradient_text() == "Say the unit."
    optimizer.zero_grad()
    assert prompt.gradients == []


def test_a_variable_itself_is_improved_by_what_the_loss_says_of_it():
    solution = text("x = 1", "solution to a math problem")
    lm = engine(task="The sign is wrong.", proposer="x = -1")
    with adjoint.context(lm=lm):
        adjoint.TextLoss("Check it.")(solution).backward()
        TGD([solution]).step()
    assert solution.value == str(solution) == solution.get_value() == "x = -1"
    assert [g.text for g in solution.grad] == ["The sign is wrong."]
    shown = asked(lm, "proposer")[0].messages[-1].content
    assert "solution to a math problem" in shown
    assert "- The sign is wrong." in shown


def test_gradients_accumulate_until_they_are_cleared():
    solution = text("draft")
    with adjoint.context(lm=engine(task="Shorter.")):
        loss = adjoint.TextLoss("Judge.")
        loss(solution).backward()
        loss(solution).backward()
        assert len(solution.grad) == 2
        solution.reset_gradients()
        assert solution.grad == []
        loss(solution).backward()
    assert [g.text for g in solution.grad] == ["Shorter."]


def test_a_frozen_variable_gets_no_gradient_and_no_step():
    prompt, frozen = text("Answer."), text("How far?", requires_grad=False)
    with adjoint.context(lm=engine()):
        adjoint.TextLoss("Judge.")(adjoint.BlackboxLLM(system_prompt=prompt)(frozen)).backward()
        TGD([prompt, frozen]).step()
    assert (len(prompt.grad), frozen.grad, frozen.value) == (1, [], "How far?")


def test_one_critique_divides_the_blame_between_prompt_and_input():
    prompt, question = text("Answer.", "system prompt"), text("How far?", "question to the model")
    lm = engine(critic=blocks)
    with adjoint.context(lm=lm):
        adjoint.TextLoss("Judge.")(adjoint.LLMCall(system_prompt=prompt)(question)).backward()
    assert len(asked(lm, "critic")) == 1
    assert "question to the model" in asked(lm, "critic")[0].messages[0].content
    assert ([g.text for g in prompt.grad], [g.text for g in question.grad]) == (["said of critique"], ["said of critique_0"])


def test_a_sum_of_variables_passes_its_feedback_to_both_without_a_call():
    first, second = text("Hello ", "greeting"), text("world", "object")
    joined = first + second
    assert (joined.value, joined.role_description) == ("Hello world", "greeting and object")
    lm = engine(task="Too short.")
    with adjoint.context(lm=lm):
        adjoint.TextLoss("Judge.")(joined).backward()
    assert [g.text for v in (first, second) for g in v.grad] == ["Too short."] * 2
    assert asked(lm, "critic") == []
    with pytest.raises(TypeError, match="only two Variables"):
        first + "text"


def test_the_losses_in_a_sum_speak_each_of_its_own_value_only():
    first, second = text("one"), text("two")
    lm = engine(task=lambda request: f"about {request.messages[-1].content}")
    with adjoint.context(lm=lm):
        judge = adjoint.TextLoss("Judge.")
        (judge(first) + judge(second)).backward()
    assert [[g.text for g in v.grad] for v in (first, second)] == [["about one"], ["about two"]]


def test_an_explicit_engine_wins_over_the_process_and_that_over_the_context():
    lms = {name: engine(critic=f"from {name}", name=name) for name in ("explicit", "process", "context")}
    prompt = text("Answer.")
    with adjoint.context(lm=lms["context"]):
        loss = adjoint.TextLoss("Judge.")(adjoint.BlackboxLLM(system_prompt=prompt)(text("q", requires_grad=False)))
        loss.backward()
        adjoint.set_backward_engine(lms["process"])
        loss.backward()
        loss.backward(lms["explicit"])
        adjoint.set_backward_engine(None)
        loss.backward()
    assert [g.text for g in prompt.grad] == ["from context", "from process", "from explicit", "from context"]


def test_an_engine_of_the_process_is_replaced_or_it_is_an_error():
    first, second = engine(name="first"), engine(name="second")
    for one in (first, second):
        adjoint.set_backward_engine(one)
        assert engines.backward_engine() is one
    with pytest.raises(UsageError, match="already set"):
        adjoint.set_backward_engine(first, override=False)
    with pytest.raises(UsageError, match="temperature can be given with a name only"):
        adjoint.set_backward_engine(first, temperature=0)
    assert engines.backward_engine() is second


def test_every_call_may_have_an_engine_of_its_own():
    writer, judge, critic = (engine(name=name) for name in ("writer", "judge", "critic"))
    prompt = text("Answer.")
    answer = adjoint.BlackboxLLM(writer, prompt)(text("q", requires_grad=False))
    adjoint.TextLoss("Judge.", engine=judge)(answer).backward(critic)
    TGD([prompt], engine=critic).step()
    assert [len(lm.requests) for lm in (writer, judge, critic)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [("ok", "ok"), ("OK.", "ok"), ("not mine", "not_mine"), (" Not mine. ", "not_mine"), ("ok, but slow", "change")],
)
def test_a_critique_may_find_nothing_to_change(said, verdict):
    prompt = text("Answer.")
    lm = engine(critic=said)
    with adjoint.context(lm=lm):
        adjoint.TextLoss("Judge.")(adjoint.BlackboxLLM(system_prompt=prompt)(text("q", requires_grad=False))).backward()
        TGD([prompt]).step()
    assert [g.verdict for g in prompt.grad] == [verdict]
    assert len(asked(lm, "proposer")) == (verdict == "change")


def test_odd_characters_survive_verbatim_in_every_place():
    prompt, role = text(ODD, f"role {ODD}"), f"input {ODD}"
    lm = engine(task=ODD, critic=lambda request: f"{blocks(request)} {ODD.replace('[[critique]]', '')}", proposer=ODD)
    with adjoint.context(lm=lm):
        answer = adjoint.BlackboxLLM(system_prompt=prompt)(text(ODD, role))
        adjoint.TextLoss(ODD)(answer).backward()
        TGD([prompt], constraints=[ODD]).step()
    assert (prompt.value, answer.value, answer.grad[0].text) == (ODD, ODD, ODD)
    assert lm.requests[0].messages[0].content == lm.requests[0].messages[1].content == ODD
    critic, proposer = asked(lm, "critic")[0], asked(lm, "proposer")[0]
    assert critic.messages[-1].content.count(ODD) == 5  # instruction, input, output, feedback, what the judge was told
    assert role in critic.messages[0].content
    assert f"1. {ODD}" in proposer.messages[-1].content
    assert f"role {ODD}" in proposer.messages[-1].content


def test_a_step_changes_all_parameters_or_none():
    first, second = text("first", "the first"), text("second", "the second")
    lm = engine(task="Change.", proposer=lambda request: "x" * 9999 if "the second" in request.messages[-1].content else "new")
    with adjoint.context(lm=lm):
        judge = adjoint.TextLoss("Judge.")
        (judge(first) + judge(second)).backward()
        with pytest.raises(GradientError, match="rewrite of the the second cannot be used: it has 9999 characters"):
            TGD([first, second]).step()
    assert (first.value, second.value) == ("first", "second")


def test_an_lm_that_fails_in_a_step_changes_nothing_either():
    first, second = text("first", "the first"), text("second", "the second")
    lm = engine(
        task="Change.", proposer=lambda request: ContextLengthError("x") if "the first" in request.messages[-1].content else "new"
    )
    with adjoint.context(lm=lm):
        judge = adjoint.TextLoss("Judge.")
        (judge(first) + judge(second)).backward()
        with pytest.raises(ContextLengthError):
            TGD([first, second]).step()
    assert (first.value, second.value) == ("first", "second")


def test_a_rewrite_may_grow_but_not_beyond_all_bounds():
    for length, fits in ((400, True), (401, False)):
        short = text("s")
        with adjoint.context(lm=engine(task="Longer.", proposer="x" * length)):
            adjoint.TextLoss("Judge.")(short).backward()
            if fits:
                TGD([short]).step()
            else:
                with pytest.raises(GradientError, match="1 to 400 are allowed"):
                    TGD([short]).step()
        assert len(short.value) == (400 if fits else 1)


def test_a_step_without_gradients_asks_nobody():
    lm = ScriptedLM([])
    with adjoint.context(lm=lm):
        TGD([text("a")]).step()
    assert lm.requests == []


def test_a_loss_with_nothing_trainable_behind_it_warns():
    frozen = text("a", requires_grad=False)
    with adjoint.context(lm=engine()):
        loss = adjoint.TextLoss("Judge.")(frozen)
        with pytest.warns(NoPathWarning, match="no trainable parameter has a path to the loss"):
            loss.backward()


def test_an_engine_may_be_given_by_name():
    with pytest.raises(UsageError, match="unknown provider 'nowhere'"):
        TGD([text("a")], engine="nowhere/model")
    with adjoint.context(lm=engine()), pytest.raises(UsageError, match="unknown provider 'nowhere'"):
        adjoint.TextLoss("Judge.")(text("a")).backward("nowhere/model")


@pytest.mark.parametrize("value", [None, 1.5, True, ["a"]])
def test_the_value_of_a_variable_is_text(value):
    with pytest.raises(UsageError, match="the value of a Variable is text"):
        text(value)
    with pytest.raises(TypeError, match="role_description"):
        adjoint.Variable("a")


def test_tgd_takes_variables_and_parameters_only():
    assert len(TGD(adjoint.Predict("q -> a").parameters()).parameters) == 2
    with pytest.raises(UsageError, match="TGD takes Variables and Parameters"):
        TGD(["a text"])
