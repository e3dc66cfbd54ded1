"""Programs in the manner of TextGrad's README, notebooks and tests: only the import is another one."""

from __future__ import annotations

import pytest
from tests.autograd.conftest import Dummy, text

import adjoint.textgrad as tg


def test_an_optimizer_shows_the_variables_that_it_was_given():
    answer = text("Hello")
    optimizer = tg.TGD(parameters=[answer], engine=Dummy())
    optimizer.parameters[0].gradients.add(text("be kind", "feedback"))
    optimizer.parameters[0].set_value("World")
    assert (answer.value, answer.get_gradient_text(), optimizer.parameters[0] is answer) == ("World", "be kind", True)
    optimizer.zero_grad()
    assert not answer.gradients


def test_constraints_and_the_engine_of_an_optimizer_may_be_changed_later():
    first, second, answer = Dummy(), Dummy(), text("Hello")
    optimizer = tg.TGD([answer], engine=first, constraints=["at most a word"])
    optimizer.constraints = [*optimizer.constraints, "in French"]
    optimizer.engine = second
    answer.gradients.add("be kind")
    optimizer.step()
    assert not first.asked
    assert "1. at most a word\n2. in French" in second.asked[0][0]


def test_gradients_may_be_replaced_as_a_whole():
    answer = text("Hello")
    answer.gradients = {text("be kind", "feedback")}
    assert answer.get_gradient_text() == "be kind"
    assert answer.gradients_context[answer.gradients[0]] is None
    answer.gradients = set()
    assert answer.get_gradient_text() == ""


def test_gradients_are_asked_as_a_set_of_variables():
    answer, remark = text("Hello"), text("be kind", "feedback")
    assert answer.gradients == set()
    answer.gradients.add(remark)
    (only,) = answer.gradients
    assert (remark in answer.gradients, "be rude" in answer.gradients, only.get_value()) == (True, False, "be kind")
    assert answer.gradients == {only} != set()
    assert only.get_role_description() == "feedback on the value"


def test_the_context_of_a_gradient_may_be_set_and_reaches_the_optimizer():
    answer, remark, other, asked = text("Hello"), text("be kind", "feedback"), text("be brief", "feedback"), []
    for one, context in ((remark, {"context": "Q: hi?"}), (other, {"context": ["A picture:", b"..."]})):
        answer.gradients.add(one)
        answer.gradients_context[one] = context
    assert [answer.gradients_context[one]["context"] for one in answer.gradients] == ["Q: hi?", "A picture:"]
    tg.TGD([answer], engine=lambda prompt: asked.append(prompt) or "Dear all").step()
    assert "Q: hi?" in asked[0]
    answer.gradients.add("never mind")
    answer.gradients_context[answer.gradients[0]] = None
    assert [answer.gradients_context[one] is None for one in answer.gradients] == [True, False, True]


def test_what_a_loss_says_is_no_gradient_of_its_own():
    engine = Dummy("too long")
    answer = text("Hello")
    loss = tg.autograd.FormattedLLMCall(engine, "Judge {a}.", {"a": None})({"a": answer})
    loss.backward(engine)
    assert (loss.gradients, answer.get_gradient_text()) == ([], "too long")


@pytest.mark.parametrize("value", [1.5, None, True, ["a"]])
def test_what_is_no_text_is_refused_as_textgrads_programs_expect(value):
    with pytest.raises(AssertionError, match="the value of a Variable is text"):
        text(value)
    with pytest.raises(AttributeError, match="takes Variables and predictions"):
        tg.BlackboxLLM(Dummy())(value)
    with pytest.raises(AttributeError, match="sum takes Variables"):
        tg.sum([text("1"), value])
    with pytest.raises(AttributeError, match="a StringBasedFunction takes Variables"):
        tg.autograd.StringBasedFunction(len, "its length")({"q": value})
    with pytest.raises(AssertionError, match="the inputs are b"):
        tg.autograd.FormattedLLMCall(Dummy(), "{a}", {"a": None})({"b": text("1")})


def test_arguments_stand_in_textgrads_order():
    engine, answer = Dummy("<A>1</A>"), text("Hello")
    judge = tg.loss.MultiFieldTokenParsedEvaluation("Compare.", ["q", "a"], engine, "Be strict.", ["<A>", "</A>"])
    assert judge.parse_output(judge([text("1"), text("2")])) == "1"
    assert engine.asked[0][1] == "Be strict."
    assert tg.autograd.MultimodalLLMCall(engine)(inputs=[answer]).value == "<A>1</A>"
    answer.gradients.add("be kind")
    optimizer = tg.optimizer.TextualGradientDescentwithMomentum(engine, [answer], 2, ["at most a word"], ["<A>", "</A>"])
    optimizer.step()
    assert answer.value == "1"
    assert "at most a word" in str(engine.asked[-1])


def test_modules_and_optimizers_of_ones_own_are_subclasses():
    class Program(tg.autograd.Module):
        def __init__(self, engine):
            self.prompt = text("Answer.", "system prompt")
            self.model = tg.BlackboxLLM(engine, self.prompt)

        def parameters(self):
            return [self.prompt]

        def forward(self, question):
            return self.model(question)

    class Louder(tg.optimizer.Optimizer):
        def step(self):
            for one in self.parameters:
                one.set_value(one.value + "!")

    engine = Dummy("a remark")
    program = Program(engine)
    tg.TextLoss("Judge.", engine)(program(text("q", requires_grad=False))).backward(engine)
    optimizer = Louder(program.parameters())
    optimizer.step()
    assert [(role, one.value, one.get_gradient_text()) for role, one in program.named_parameters()] == [
        ("system prompt", "Answer.!", "a remark")
    ]
    optimizer.zero_grad()
    assert not program.prompt.gradients
    program.prompt.gradients.add("again")
    program.zero_grad()
    assert not program.prompt.gradients


def test_deeper_modules_hold_what_their_room_holds():
    from adjoint.textgrad.autograd.functional import formatted_llm_call, llm_call
    from adjoint.textgrad.autograd.string_based_ops import StringBasedFunction
    from adjoint.textgrad.engine.base import EngineLM

    engine = Dummy("said")
    assert (EngineLM, StringBasedFunction) == (tg.EngineLM, tg.autograd.StringBasedFunction)
    assert llm_call(text("q"), engine, "the answer").role_description == "the answer"
    assert formatted_llm_call({"q": text("1")}, "the answer", engine, "Q: {q}", {"q": None}).value == "said"
    assert engine.asked == [("q", None), ("Q: 1", None)]
