"""Finding the parameters of a program: names that do not collide, and no time for what holds none."""

import pytest

import adjoint
from adjoint import Predict
from adjoint.base.errors import UsageError
from adjoint.testing import ScriptedLM


class Twice(adjoint.Module):
    def __init__(self):
        self.ask, self._ask = Predict("q -> a"), Predict("q -> b")


def test_two_parameters_of_one_name_are_refused():
    with pytest.raises(UsageError, match=r"two parameters are called 'ask.instruction'"):
        Twice().state_dict()


class Corpus(adjoint.Module):
    def __init__(self):
        self.texts = [f"text {number}" for number in range(1000)]
        self.kept = {"ask": [Predict("q -> a")], "rows": [adjoint.Example(a=1)]}

    def forward(self, q):
        return self.kept["ask"][0](q=q)


def test_a_copy_has_containers_of_its_own_with_the_same_things_in_them():
    program = Corpus()
    copied = program.with_state({"kept.ask.0.instruction": "Else."})
    copied.texts.append("more")
    assert (len(program.texts), copied.texts[0] is program.texts[0], copied.kept["rows"][0] is program.kept["rows"][0]) == (
        1000,
        True,
        True,
    )
    assert (copied.kept["ask"][0].instruction, program.kept["ask"][0].instruction == "Else.") == ("Else.", False)


class Counting(adjoint.Module):
    def __init__(self):
        self.ask, self.answer = Predict("q -> words"), Predict("count: int -> answer")

    @adjoint.op
    def count(self, text):
        return len(text.split())

    def forward(self, q):
        return self.answer(count=self.count(self.ask(q=q).words))


def test_a_number_that_an_op_gives_feeds_the_next_call_and_its_owner_is_no_input():
    with adjoint.context(lm=ScriptedLM(["some long words here", "4"]), ledger=None):
        tape = Counting()(q="?").tape
    ask, op, answer = tape.nodes
    assert list(op.inputs) == ["text"]
    assert [(edge.source, edge.how) for edge in op.parents["text"]] == [(ask, "identity")]
    assert [(edge.source, edge.field, edge.how) for edge in answer.parents["count"]] == [(op, "value", "read")]
