"""Programs of several predictors: each gets its own demos and its own instruction."""

from __future__ import annotations

import adjoint
from adjoint.optim.strategies.bootstrap import BootstrapFewShot
from adjoint.optim.strategies.tgd import TGD
from adjoint.testing import ScriptedLM

ROWS = [adjoint.Example(word=f"word{i}", answer=f"<WORD{i}>").with_inputs("word") for i in range(60)]


class Dress(adjoint.Module):
    """First the word in capitals, then in angle brackets."""

    def __init__(self):
        self.shout = adjoint.Predict("word -> loud", "Copy the word.")
        self.wrap = adjoint.Predict("text -> answer", "Copy the text.")

    def forward(self, word):
        loud = self.shout(word=word).loud
        return self.wrap(text=f"the text to be dressed up is: {loud}")


def said(request):
    """Each predictor works once its instruction is right; the critic blames each for its own part."""
    system, given = request.messages[0].content, request.messages[-1].content
    if system.startswith("One step of a program gave a wrong output"):
        of_wrap = "given: " if "critique_0" in system else ""
        return f"[[critique]]\nUse BRACKETS.\n[[critique_0]]\n{of_wrap}Use CAPITALS." if of_wrap else "Use CAPITALS."
    if system.startswith("Improve the text"):
        return "Copy it in BRACKETS." if "BRACKETS" in given else "Copy it in CAPITALS."
    word = given.rpartition(": ")[2]
    if "to be dressed" in given:
        return f"<{word}>" if "BRACKETS" in system or len(request.messages) > 2 else word
    return word.upper() if "CAPITALS" in system or len(request.messages) > 2 else word


def test_tgd_rewrites_the_instructions_of_both():
    lm = ScriptedLM(said, identity="dress")
    result = adjoint.optimize(Dress(), trainset=ROWS, metric=adjoint.exact_match, optimizer=TGD(), lm=lm)
    assert result.report.verdict == "better"
    assert result.state["shout.instruction"] == "Copy it in CAPITALS."
    assert result.state["wrap.instruction"] == "Copy it in BRACKETS."


def test_each_predictor_gets_demos_of_its_own_calls():
    teacher = Dress()
    teacher.shout.instruction, teacher.wrap.instruction = "CAPITALS", "BRACKETS"
    optimizer = BootstrapFewShot(adjoint.exact_match, max_bootstrapped_demos=3, max_labeled_demos=0)
    compiled = optimizer.compile(Dress(), trainset=ROWS, teacher=teacher, lm=ScriptedLM(said))
    numbers = [demo["word"].removeprefix("word") for demo in compiled.shout.demos]
    assert len(numbers) == 3
    assert [dict(demo) for demo in compiled.shout.demos] == [{"word": f"word{n}", "loud": f"WORD{n}"} for n in numbers]
    assert [dict(demo) for demo in compiled.wrap.demos] == [
        {"text": f"the text to be dressed up is: WORD{n}", "answer": f"<WORD{n}>"} for n in numbers
    ]  # fmt: skip
    assert adjoint.evaluate(compiled, ROWS, adjoint.exact_match, lm=ScriptedLM(said)).mean == 1.0


def test_labels_become_demos_of_the_predictor_that_writes_them():
    compiled = BootstrapFewShot(adjoint.exact_match, max_labeled_demos=2).compile(Dress(), trainset=ROWS, lm=ScriptedLM(said))
    assert compiled.shout.demos == []
    assert [set(demo) for demo in compiled.wrap.demos] == [{"answer"}] * 2


def test_a_frozen_parameter_is_left_alone():
    program = Dress()
    program.shout._instruction.trainable = False
    lm = ScriptedLM(said, identity="dress")
    result = adjoint.optimize(program, trainset=ROWS, metric=adjoint.exact_match, optimizer=TGD(), lm=lm, ship="always")
    assert result.state["shout.instruction"] == "Copy the word."
