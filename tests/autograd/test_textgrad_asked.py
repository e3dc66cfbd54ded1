"""What engines written for TextGrad are asked for critiques and rewrites, its functions, and what becomes of what they say."""

from __future__ import annotations

import logging

import pytest
from tests.autograd.conftest import Dummy, text

import adjoint
import adjoint.textgrad as tg
from adjoint.base.errors import GradientError
from adjoint.testing import ScriptedLM


class Shouted(tg.autograd.Function):
    """Two texts in capitals, whose feedback goes back in small letters."""

    def forward(self, one, other):
        made = tg.Variable(f"{one} {other}".upper(), predecessors=[one, other], role_description="shout")
        made.set_grad_fn(tg.autograd.BackwardContext(self.backward, made, (one, other)))
        return made

    def backward(self, made, behind, backward_engine):
        for variable in behind:
            said = backward_engine(f"{made.get_gradient_text()} on {variable}")
            variable.gradients.add(text(said, "feedback"))


def test_functions_of_ones_own_carry_feedback_on_by_their_backward():
    prompt, answer = text("Answer."), text("yes")
    shout = Shouted()(tg.BlackboxLLM(lambda prompt: "no", prompt)(text("q", requires_grad=False)), answer)
    assert (shout.value, repr(shout.get_grad_fn())) == ("NO YES", f"{__name__}.Shouted.backward")
    loss = tg.TextLoss("Judge.", Dummy("too loud"))(shout)
    loss.backward(lambda prompt: prompt if prompt.startswith("too loud on") else "calm down")
    assert (shout.get_gradient_text(), answer.get_gradient_text()) == ("too loud", "too loud on yes")
    assert prompt.get_gradient_text() == "calm down"


def test_a_backward_of_ones_own_asks_any_lm_as_an_engine_and_none_that_it_does_not_need():
    asked = ScriptedLM(lambda request: f"calm down ({request.messages[0].text})")
    answer, made = text("yes"), text("YES")
    for backward in (
        lambda backward_engine: answer.gradients.add(backward_engine("loud", system_prompt="Be brief.")),
        lambda backward_engine: None,
    ):
        made = tg.Variable("YES", predecessors=[answer], role_description="shout")
        made.set_grad_fn(backward)
        tg.TextLoss("Judge.", Dummy("too loud"))(made).backward(asked if not answer.gradients else None)
    assert answer.get_gradient_text() == "calm down (Be brief.)"
    assert [request.messages[1].text for request in asked.requests] == ["loud"]
    assert tg.config.validate_engine_or_get_default(adjoint.LM(asked))("q", system_prompt="Hm.") == "calm down (Hm.)"


def test_a_backward_of_ones_own_that_raises_ends_the_walk_and_changes_nothing():
    answer = text("yes")
    answer.gradients.add("earlier")
    made = tg.Variable("YES", predecessors=[answer], role_description="shout")
    made.set_grad_fn(lambda backward_engine: 1 / 0)
    with pytest.raises(GradientError, match="the grad_fn of the shout raised ZeroDivisionError"):
        tg.TextLoss("Judge.", Dummy("too loud"))(made).backward(Dummy())
    assert (answer.get_gradient_text(), made.get_gradient_text()) == ("earlier", "")


def two_steps(engine):
    """Two calls with a prompt each, and their loss."""
    prompts = [text("One.", "first prompt"), text("Two.", "second prompt")]
    value = text("q", requires_grad=False)
    for prompt in prompts:
        value = tg.BlackboxLLM(engine, prompt)(value)
    return prompts, tg.TextLoss("Judge.", engine)(value)


@pytest.mark.parametrize("policy", ["fused", "trace"])
def test_a_critique_without_marks_is_for_every_text_and_the_log_says_so(caplog, policy):
    engine = Dummy("no marks at all")
    prompts, loss = two_steps(engine)
    with caplog.at_level(logging.WARNING, "adjoint"):
        loss.backward(engine, policy=policy)
    assert [prompt.get_gradient_text() for prompt in prompts] == ["no marks at all"] * 2
    assert "do not say which text each remark is for" in caplog.text
    caplog.clear()
    loss.backward(engine, policy="chain")
    assert not caplog.text
    assert tg.logger.name == "adjoint"


def test_critiques_that_are_missing_are_told(caplog):
    prompts, loss = two_steps(Dummy("an answer"))
    with caplog.at_level(logging.WARNING, "adjoint"):
        loss.backward(Dummy(""))
    assert "1 of 1 critiques are missing; the first failure was" in caplog.text
    assert not prompts[0].gradients


def test_a_critic_is_shown_the_truth_that_a_judge_with_a_number_for_an_answer_was_shown():
    engine, prompt = Dummy("<A>0</A>"), text("Count.", "system prompt")
    answer = tg.BlackboxLLM(engine, prompt)(text("two plums and a fig?", requires_grad=False))
    judge = tg.loss.MultiFieldTokenParsedEvaluation("The same?", ["truth", "answer"], engine, parse_tags=["<A>", "</A>"])
    judge([text("it is 3", requires_grad=False), answer]).backward(engine)
    asked = engine.asked[-1][0]
    assert "<A>0</A>\n(The judge was shown: The same?\nit is 3)" in asked


def by_tags(prompt, system_prompt=None):
    """An engine that knows who asks by TextGrad's tags."""
    return (
        "Here: <IMPROVED_VARIABLE>better</IMPROVED_VARIABLE>"
        if "<IMPROVED_VARIABLE>" in f"{system_prompt}{prompt}"
        else "a remark"
    )


def test_engines_that_look_for_the_tags_of_textgrad_find_them():
    long = "word " * 1000
    short, whole = text("Hello"), text(long)
    (tg.TextLoss("Judge.", by_tags)(short) + tg.TextLoss("Judge.", by_tags)(whole)).backward(by_tags)
    tg.TGD([short, whole], engine=by_tags).step()
    assert (short.value, whole.value) == ("better", "better")


def test_a_rewrite_without_the_tags_is_taken_as_it_is():
    answer = text("Hello")
    answer.gradients.add("be kind")
    tg.TGD([answer], engine=lambda prompt: "Dear all").step()
    assert answer.value == "Dear all"


def test_a_system_prompt_of_ones_own_is_formatted_and_tells_the_tags():
    engine, answer = Dummy("<A>new</A>"), text("Hello")
    for prompt in ("Optimise. Write {new_variable_start_tag}{{text}}{new_variable_end_tag}.", "Optimise {this}."):
        answer.gradients.add("be kind")
        tg.TGD([answer], engine=engine, new_variable_tags=["<A>", "</A>"], optimizer_system_prompt=prompt).step()
    first, second = (system for _, system in engine.asked)
    assert first.startswith("Optimise. Write <A>{text}</A>.")
    assert second.startswith("Optimise {this}. Write the improved text between <A> and </A>.")


def test_format_strings_are_those_of_python():
    echo = tg.autograd.FormattedLLMCall(lambda prompt: prompt, '{{"question": "{q}"}}', {"q": None})
    assert echo({"q": text("{why}?")}).value == '{"question": "{why}?"}'
