"""Assertions teach: what a program asserts and does not get reaches the instruction of the call that is to blame."""

import pytest

import adjoint
from adjoint.autograd.losses import failed
from adjoint.base.errors import AssertionFailed
from adjoint.modules.assertions import SuggestionWarning
from adjoint.program.tape import Tape
from adjoint.testing import ScriptedLM


class Short(adjoint.Module):
    """Two calls; the second one's answer must be short."""

    def __init__(self, check):
        self.find = adjoint.Predict("question -> facts")
        self.tell = adjoint.Predict("facts -> answer")
        self.check = check

    def forward(self, question):
        answer = self.tell(facts=self.find(question=question).facts)
        self.check(len(answer.answer) < 10, "the answer must be shorter than ten letters")
        return answer


def talker(request):
    system = request.messages[0].text
    critique = "[[critique]]\nSay: at most nine letters.\n[[critique_0]]\nok"
    return critique if "gave a wrong output" in system else "a long story about everything"


def test_what_a_failed_assertion_says_goes_to_the_call_it_is_about():
    program, tape = Short(adjoint.Assert), Tape()
    with adjoint.context(lm=ScriptedLM(talker), tape=tape, max_backtracks=1):
        with pytest.raises(AssertionFailed):
            program(question="What?")
        loss = failed(tape)
        assert loss.value == "the answer must be shorter than ten letters"
        loss.backward()
    assert [one.text for one in program.tell._instruction.grad] == ["Say: at most nine letters."]


def test_a_suggestion_that_was_never_met_is_part_of_the_feedback_and_one_that_was_met_is_not():
    row = adjoint.Example(question="What?", answer="bee").with_inputs("question")
    with adjoint.context(lm=ScriptedLM(talker), max_backtracks=1):
        with pytest.warns(SuggestionWarning):
            unmet = Short(adjoint.Suggest)(question="What?")
        assert adjoint.MetricLoss(adjoint.exact_match)(row, unmet).value.endswith("the answer must be shorter than ten letters")
    with adjoint.context(lm=ScriptedLM(["facts", "a long story about everything", "ant"])):
        met = Short(adjoint.Suggest)(question="What?")
    assert "shorter" not in adjoint.MetricLoss(adjoint.exact_match)(row, met).value
