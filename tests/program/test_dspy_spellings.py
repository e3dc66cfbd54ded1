"""What DSPy's users write on predictions, modules and LMs means the same here."""

import io

import pytest

import adjoint
from adjoint import LM, Example, Module, Predict, Prediction, context
from adjoint.base.errors import SignatureError, UsageError
from adjoint.lm.types import Response
from adjoint.program import context as contexts
from adjoint.testing import ScriptedLM


class Pair(Module):
    def __init__(self):
        self.first = Predict("question -> answer")
        self.rest = [Predict("answer -> score: float")]
        self.again = self.first

    def forward(self, question):
        return self.rest[0](answer=self.first(question=question).answer)


def test_predictions_with_a_score_are_counted_and_compared_by_it():
    low, high = Prediction(score=0.25, why="short"), Prediction(score=0.75)
    assert (low + high, sum([low, high]), high / 3, 3 / high, low + 1, 1 + low) == (1.0, 1.0, 0.25, 4.0, 1.25, 1.25)
    assert low < high and low <= 0.25 and high > 0.5 and high >= 0.5 and float(low) == 0.25
    assert max([low, high]) is high
    assert low == Prediction(score=0.25, why="short") != high


def test_a_prediction_without_a_score_is_no_number():
    with pytest.raises(UsageError, match="this one has answer"):
        float(Prediction(answer="4"))
    with pytest.raises(TypeError, match="compared with a number"):
        assert Prediction(score=1.0) > "0.5"


def test_several_replies_to_one_request_are_completions():
    lm = ScriptedLM([Response("4", others=("four", "5"))])
    with context(lm=lm, ledger=None):
        found = Predict("question -> answer: int", n=3)(question="2+2?")
    assert lm.requests[0].n == 3
    assert found.answer == 4
    assert found.completions.answer == [4, 5]  # one of them is no integer
    assert [one.answer for one in found.completions] == [4, 5]
    assert (len(found.completions), found.completions[1].answer) == (2, 5)


def test_a_prediction_is_made_from_completions():
    found = Prediction.from_completions([{"answer": "4"}, {"answer": "5"}])
    assert (found.answer, found.completions["answer"]) == ("4", ["4", "5"])
    assert Prediction.from_completions({"answer": ["4", "5"], "sure": [1, 0]}).completions[1].sure == 0
    with pytest.raises(UsageError, match="as many values"):
        Prediction.from_completions({"answer": ["4", "5"], "sure": [1]})
    with pytest.raises(UsageError, match="no completions"):
        Prediction.from_completions([])
    assert Prediction(answer="4").completions.items() == [("answer", ["4"])]


def test_an_output_named_completions_is_refused_where_it_is_declared():
    with pytest.raises(SignatureError, match="completions"):
        Predict("question -> completions")


def test_a_program_knows_its_lm_and_says_so_if_there_are_several():
    program, lm = Pair(), ScriptedLM([])
    assert program.get_lm() is None
    program.set_lm(lm)
    assert program.get_lm() is lm
    program.first.lm = ScriptedLM([])
    with pytest.raises(UsageError, match="2 LMs"):
        program.get_lm()


def test_an_lm_may_be_given_by_name_for_a_program_or_a_call(monkeypatch):
    lms = {name: ScriptedLM(lambda request: "4") for name in ("one/x", "two/y")}
    monkeypatch.setattr(contexts, "named_lm", lms.get)
    monkeypatch.setattr("adjoint.modules.predict.named_lm", lms.get)
    monkeypatch.setattr("adjoint.program.module.named_lm", lms.get)
    program = Predict("question -> answer")
    program.set_lm("one/x")
    with context(ledger=None):
        program(question="2+2?")
        program(question="2+2?", lm="two/y", demos=None, config=None, signature=None)
    assert [len(lm.requests) for lm in lms.values()] == [1, 1]


def test_forward_of_a_predictor_can_be_called():
    import asyncio

    with context(lm=ScriptedLM(["4", "5"]), ledger=None):
        predictor = Predict("question -> answer")
        assert predictor.forward(question="2+2?").answer == "4"
        assert asyncio.run(predictor.aforward(question="2+3?")).answer == "5"


def test_predictors_are_replaced_wherever_they_stand():
    program = Pair()
    made = program.map_named_predictors(lambda predictor: adjoint.ChainOfThought(predictor.signature))
    assert made is program
    assert program.first is program.again
    assert [name for name, _ in program.named_predictors()] == ["first.predict", "rest.0.predict"]


def test_an_lm_remembers_what_it_was_asked():
    lm, other = LM(ScriptedLM(lambda request: "4")), LM(ScriptedLM(lambda request: "5"))
    with context(lm=lm, ledger=None):
        Predict("question -> answer")(question="2+2?")
        Predict("question -> answer")(question="2+3?", lm=other)
    assert len(lm.history) == 1
    assert lm.history[-1]["outputs"] == ["4"]
    assert lm.history[-1]["messages"][-1] == {"role": "user", "content": "2+2?"}
    assert lm.history[-1]["usage"]["completion_tokens"] == 1
    shown = io.StringIO()
    Pair().inspect_history(file=shown)
    assert "2+3?" in shown.getvalue()


def test_an_example_is_a_plain_dictionary_when_asked():
    assert Example(question="2+2?", answer="4").toDict() == {"question": "2+2?", "answer": "4"}
