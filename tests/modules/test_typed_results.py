"""Results of the class that is named in brackets."""

from typing import Protocol

import pytest

from adjoint import ChainOfThought, Predict, Prediction, context
from adjoint.base.errors import SignatureError
from adjoint.testing import ScriptedLM


class Sum(Prediction):
    answer: int


class HasAnswer(Protocol):
    answer: int


class Promises(Prediction):
    answer: int
    why: str


class Text(Prediction):
    answer: str


class Preset(Prediction):
    answer: int = 5


ADD = "question -> answer: int"


def ask(program):
    with context(lm=ScriptedLM(["[[reasoning]]\nadd\n[[answer]]\n4"]), ledger=None):
        return program(question="2+2?")


def test_a_class_of_predictions_in_brackets_is_the_class_of_the_result():
    found = ask(Predict[Sum](ADD))
    assert type(found) is Sum
    assert (found.answer, found.tape.nodes[0].outputs) == (4, {"answer": 4})


def test_reasoning_comes_with_it():
    found = ask(ChainOfThought[Sum](ADD))
    assert (type(found), found.answer, found.reasoning, len(found.tape.nodes)) == (Sum, 4, "add", 1)


def test_a_protocol_in_brackets_changes_nothing_but_what_checkers_know():
    assert type(ask(Predict[HasAnswer](ADD))) is Prediction


@pytest.mark.parametrize(("kind", "said"), [(Promises, "'why'"), (Text, "gives <class 'int'>"), (Preset, "would hide")])
def test_a_class_that_promises_what_the_signature_does_not_give_is_refused_before_anything_is_asked(kind, said):
    lm = ScriptedLM([])
    with context(lm=lm, ledger=None), pytest.raises(SignatureError, match=said):
        Predict[kind](ADD)(question="2+2?")
    assert lm.requests == []


def test_copies_and_candidates_give_the_same_class():
    program = Predict[Sum](ADD)
    assert type(ask(program.with_state(program.state_dict()))) is Sum
    assert program.deepcopy().state_dict() == program.state_dict()
