"""What goes beyond TextGrad: gates, groups, hooks, functions on the tape, pictures, errors as feedback, drawings, votes."""

from __future__ import annotations

import asyncio
import base64
import pickle
import xml.etree.ElementTree as ET

import pytest
from tests.autograd.conftest import text

import adjoint
import adjoint as tg
from adjoint.autograd.losses import failed
from adjoint.base.errors import GradientError, MetricError, ProgramError, UnknownNameError, UsageError
from adjoint.lm.types import Response
from adjoint.optim.transforms import Reduce, Rewriting
from adjoint.testing import ScriptedLM

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def kind_of(request):
    system = request.messages[0].content
    starts = {"One step": "critic", "A program ran": "critic", "Improve the text": "proposer", "Several remarks": "mean"}
    return next((kind for start, kind in starts.items() if isinstance(system, str) and system.startswith(start)), "task")


def engine(task="wrong", critic="Be exact.", proposer="better", mean="one remark"):
    answers = {"task": task, "critic": critic, "proposer": proposer, "mean": mean}

    def answer(request):
        said = answers[kind_of(request)]
        return said(request) if callable(said) else said

    return ScriptedLM(answer)


def in_turn(*proposals):
    """An engine whose proposals come in this order."""
    rest = iter(proposals)
    return engine(proposer=lambda request: next(rest))


def asked(lm, kind):
    return [request for request in lm.requests if kind_of(request) == kind]


# Losses and functions ----------------------------------------------------------------------------------------------


async def slow(value):
    await asyncio.sleep(0)
    return 0.25, f"{value} is too short"


@pytest.mark.parametrize(
    ("function", "score", "said"),
    [
        (lambda value: f"{value} is too short", None, "x is too short"),
        (slow, 0.25, "x is too short"),
        (lambda value: adjoint.Score(0.5, "half"), 0.5, "half"),
        (lambda value: len(value) > 3, 0.0, "the score was 0 of 1"),
    ],
)
def test_any_function_of_a_value_is_a_loss(function, score, said):
    value = text("x")
    tg.FunctionLoss(function)(value).backward()
    assert [(g.score, g.text) for g in value.grad] == [(score, said)]


def test_a_function_that_is_content_asks_for_no_change_and_one_that_raises_says_which():
    value = text("x")
    tg.FunctionLoss(lambda value: True)(value).backward()
    assert value.get_gradient_text() == ""
    with pytest.raises(MetricError, match="evaluation by boom raised ZeroDivisionError"):
        tg.FunctionLoss(boom)(value)
    with pytest.raises(UsageError, match="takes a function"):
        tg.FunctionLoss("x")


def boom(value):
    return 1 / 0


def test_an_op_is_a_step_of_the_program_through_which_feedback_passes():
    @adjoint.op
    def search(query):
        return [f"page about {query}"]

    class Rag(adjoint.Module):
        def __init__(self):
            self.ask, self.answer = adjoint.Predict("q -> query", "Ask."), adjoint.Predict("pages -> a", "Answer.")

        def forward(self, q):
            return self.answer(pages=search(self.ask(q=q).query))

    program = Rag()
    lm = engine(
        task="a rather long query of words",
        critic=lambda r: "[[critique]]\nc\n[[critique_0]]\nLook elsewhere." if "_0" in r.messages[0].content else "c",
    )
    with adjoint.context(lm=lm):
        prediction = program(q="?")
        tg.MetricLoss(lambda e, p: 0.0)(adjoint.Example(q="?").with_inputs("q"), prediction).backward()
    assert [node.op for node in prediction.tape.nodes] == ["predict", "op search", "predict"]
    assert len(asked(lm, "critic")) == 2
    assert "feedback: Look elsewhere." in asked(lm, "critic")[1].messages[-1].content


def test_an_op_on_variables_gives_a_variable_and_may_say_what_feedback_means():
    @adjoint.op(backward=lambda feedback, inputs, output: {"left": f"{feedback} ({inputs['left']})"})
    def joined(left, right="!"):
        return left + right

    left, right = text("a"), text("b")
    made = joined(left, right=right)
    tg.FunctionLoss(lambda value: "bad")(made).backward()
    assert (made.value, left.get_gradient_text(), right.get_gradient_text()) == ("ab", "bad (a)", "")
    assert joined("a") == "a!"

    @adjoint.op(backward=boom)
    def broken(value):
        return value

    with pytest.raises(GradientError, match="the backward of op broken raised"):
        tg.FunctionLoss(lambda value: "bad")(broken(text("a"))).backward()


def shout(value):
    return value.upper()


def quoted(feedback, inputs, output):
    """A backward that may go to another process."""
    return {"value": f"{feedback} of {output}"}


def test_an_op_with_a_backward_that_speaks_of_no_input_is_an_error():
    value = text("a")
    upper = adjoint.op(backward=lambda feedback, inputs, output: {"valeu": feedback})(lambda value: value.upper())
    with pytest.raises(GradientError, match="speaks of valeu, but the inputs are value"):
        tg.FunctionLoss(lambda value: "bad")(upper(value)).backward()


def test_a_graph_with_a_backward_of_ones_own_survives_pickling():
    made = adjoint.op(backward=quoted)(shout)(text("a"))
    (value,) = (back := pickle.loads(pickle.dumps(made))).predecessors
    tg.FunctionLoss(lambda value: "bad")(back).backward()
    assert (back.value, value.get_gradient_text()) == ("A", "bad of A")


def test_a_call_that_failed_becomes_feedback_to_what_fed_it():
    @adjoint.op
    def parse(number):
        return int(number)

    class Program(adjoint.Module):
        def __init__(self):
            self.count = adjoint.Predict("q -> number", "Count.")

        def forward(self, q):
            return parse(self.count(q=q).number)

    program, lm = Program(), engine(task="about forty two", critic="Reply with digits only.")
    tape = adjoint.Tape(program, {"q": "?"})
    with adjoint.context(lm=lm):
        with adjoint.context(tape=tape), pytest.raises(ProgramError, match="the op parse raised ValueError"):
            program(q="?")
        failed(tape).backward()
    assert "invalid literal for int()" in asked(lm, "critic")[0].messages[-1].content
    assert program.count._instruction.grad[0].text == "Reply with digits only."


def test_a_function_without_gradients_forgets_where_values_come_from():
    prompt = text("Answer.")
    with adjoint.context(lm=engine()):
        with tg.no_grad():
            frozen = tg.LLMCall(system_prompt=prompt)(text("q"))
        recorded = tg.LLMCall(system_prompt=prompt)(text("q"))
    assert (frozen.requires_grad, frozen.predecessors, frozen.grad_fn) == (False, [], None)
    assert (recorded.requires_grad, recorded.detach().requires_grad, recorded.grad_fn) == (True, False, "llm")
    with pytest.raises(UsageError, match="frozen Variable cannot have predecessors"):
        text("x", requires_grad=False, predecessors=[prompt])


# Variables ---------------------------------------------------------------------------------------------------------


def test_hooks_see_every_gradient_before_it_lands():
    value = text("x")
    remove = value.register_hook(lambda gradient: gradient.text.upper())
    loss = tg.FunctionLoss(lambda value: "bad")
    loss(value).backward()
    remove()
    loss(value).backward()
    value.gradients.add("by hand")
    assert [g.text for g in value.grad] == ["BAD", "bad", "by hand"]


def test_a_picture_is_a_frozen_input_that_the_model_sees(tmp_path):
    place = tmp_path / "dot.png"
    place.write_bytes(PNG)
    picture = tg.Variable(image_path=str(place), role_description="picture")
    assert (picture.value, picture.requires_grad, str(picture)) == (PNG, False, "(picture)")
    assert tg.Variable.from_json(picture.to_json()).value == PNG
    prompt, lm = text("Look.", "system prompt"), engine(task="a dot")
    with adjoint.context(lm=lm):
        answer = tg.MultimodalLLMCall(lm, prompt)([picture, text("What is it?", requires_grad=False)])
        tg.ImageQALoss("Is it right?", lm)(picture, text("What?", requires_grad=False), answer).backward()
    kinds = [part.kind for part in lm.requests[0].messages[-1].content]
    assert (kinds, prompt.get_gradient_text()) == (["image", "text"], "Be exact.")
    seen = []
    tg.MultimodalLLMCall(lambda prompt, system_prompt=None: seen.append(prompt) or "x")([picture, text("What?")])
    assert seen == [[PNG, "What?"]]
    with pytest.raises(UsageError, match="cannot require a gradient"):
        text(PNG)
    with pytest.raises(UsageError, match="not both"):
        tg.Variable("a", str(place), role_description="picture")


@pytest.mark.parametrize("policy", ["fused", "chain", "trace", "local", "auto"])
def test_passing_examples_cost_nothing_and_are_kept_as_what_must_stay(policy):
    lm = engine(task=lambda request: f"to {request.messages[-1].content}", critic="[[critique_0]]\nfix\n[[critique]]\nfix")
    prompt = text("Answer.")
    model = tg.LLMCall(system_prompt=prompt)
    with adjoint.context(lm=lm):
        answers = [model(text(f"q{number}", requires_grad=False)) for number in range(6)]
        tg.sum([tg.FunctionLoss(lambda value: (float("q5" not in value), "bad"))(answer) for answer in answers]).backward(
            policy=policy
        )
        assert len(lm.requests) == 6 + (policy != "local")
        tg.TGD([prompt], passing=2).step()
    assert [g.verdict for g in prompt.grad] == ["ok"] * 5 + ["change"]
    shown = asked(lm, "proposer")[0].messages[-1].content
    assert shown.count("output: to q") >= 2
    assert "output: to q2" not in shown


def test_a_policy_that_is_not_known_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown policy 'fusd'; did you mean 'fused'"):
        tg.FunctionLoss(lambda value: "bad")(text("x")).backward(policy="fusd")


def test_one_call_divides_the_blame_of_a_whole_graph():
    lm = engine(critic="[[critique_0]]\nnot mine\n[[critique_1]]\nName the year.")
    first, second = text("First.", "first prompt"), text("Second.", "second prompt")
    with adjoint.context(lm=lm):
        value = tg.LLMCall(system_prompt=second)(tg.LLMCall(system_prompt=first)(text("q", requires_grad=False)))
        tg.FunctionLoss(lambda value: "which year?")(value).backward(policy="trace")
    (critic,) = asked(lm, "critic")
    shown = critic.messages[-1].content
    assert "text_0 (first prompt): First." in shown
    assert "step 2, llm, uses text_1, from step 1" in shown
    assert [(g.verdict, g.text) for g in (*first.grad, *second.grad)] == [("not_mine", ""), ("change", "Name the year.")]


# Steps -------------------------------------------------------------------------------------------------------------


def test_a_step_that_a_gate_does_not_like_is_taken_back_and_remembered():
    prompt, scores = text("Answer."), {"Answer.": 0.5, "worse": 0.2, "better": 0.9}
    lm = in_turn("worse", "better")
    optimizer = tg.TGD(
        [prompt], engine=lm, gate=lambda: scores[prompt.value], validate=validated(prompt, scores), momentum_window=2
    )
    tg.FunctionLoss(lambda value: "bad")(prompt).backward()
    assert (optimizer.step(), prompt.value) == (False, "Answer.")
    assert (optimizer.step(), prompt.value) == (True, "better")
    assert "tried: - worse" in lm.requests[1].messages[-1].content
    assert optimizer.transforms[1].state() == {"0": [["Answer.", 0.5]]}


def validated(prompt, scores):
    async def score():
        await asyncio.sleep(0)
        return scores[prompt.value]

    return score


def test_a_gate_that_raises_leaves_everything_as_it_was():
    prompt = text("Answer.")
    tg.FunctionLoss(lambda value: "bad")(prompt).backward()

    def gate():
        if prompt.value != "Answer.":
            raise RuntimeError("no data")
        return 0.0

    with pytest.raises(MetricError, match="the gate raised RuntimeError: no data"):
        tg.TGD([prompt], engine=engine(), gate=gate).step()
    assert prompt.value == "Answer."


def test_groups_of_parameters_have_constraints_and_engines_of_their_own():
    one, other, lms = text("one"), text("other"), [engine(), engine()]
    tg.sum([tg.FunctionLoss(lambda value: "bad")(value) for value in (one, other)]).backward()
    groups = [{"params": [one], "constraints": ["Be kind."], "engine": lms[0]}, {"params": [other]}]
    tg.TGD(groups, engine=lms[1], constraints=["Be brief."]).step()
    shown = [lm.requests[0].messages[-1].content for lm in lms]
    assert ["1. Be kind." in shown[0], "1. Be brief." in shown[1]] == [True, True]


def test_placeholders_are_kept_if_that_is_asked_for():
    prompt = text("Answer {question} in {unit}.")
    lm = in_turn("Answer it.", "Answer {question} in {unit} please.")
    tg.FunctionLoss(lambda value: "bad")(prompt).backward()
    tg.TGD([prompt], engine=lm, keep_placeholders=True).step()
    assert prompt.value == "Answer {question} in {unit} please."
    assert "it lacks {question}, {unit}, which must be kept" in lm.requests[1].messages[-1].content


def test_a_rewrite_that_was_cut_off_is_asked_for_once_more():
    prompt, replies = (
        text("Answer.", "prompt"),
        [Response("Give the", finish="length"), "Give the year.", *[Response("a", finish="length")] * 2],
    )
    optimizer = tg.TGD([prompt], engine=ScriptedLM(lambda request: replies.pop(0)))
    tg.FunctionLoss(lambda value: "vague")(prompt).backward()
    optimizer.step()
    assert (prompt.value, len(replies)) == ("Give the year.", 2)
    with pytest.raises(GradientError, match="rewrite of the prompt cannot be used: it was cut off by the limit of tokens"):
        optimizer.step()
    assert prompt.value == "Give the year."


def test_feedback_may_be_averaged_by_an_lm_and_the_chain_replaced():
    prompt, lm = text("Answer."), engine()
    for remark in ("Be brief.", "Name the unit."):
        prompt.gradients.add(remark)
    tg.TGD([prompt], engine=lm, transforms=[Reduce("mean"), Rewriting()]).step()
    assert "feedback: - one remark" in asked(lm, "proposer")[0].messages[-1].content


def test_an_answer_is_improved_and_the_versions_on_the_way_vote():
    solution = text("A", "answer to a question")
    lm = in_turn("B ", "C", "B")
    with adjoint.context(lm=lm):
        found = tg.solve(solution, lambda answer: tg.MultiChoiceTestTime()("Which?", answer), steps=3)
    assert (found.answer, found.path, found.votes) == ("B", ("A", "B", "C", "B"), {"A": 1, "B": 2, "C": 1})
    for request in asked(lm, "proposer"):  # it sees what was asked, and is told that the text is a solution and no prompt
        assert "Which?" in request.messages[-1].content
        assert "every step" in request.messages[0].content


# Seeing ------------------------------------------------------------------------------------------------------------


def test_graphs_are_drawn_with_values_gradients_and_costs(tmp_path):
    prompt = text("Answer <b> & {x}.", "system prompt")
    with adjoint.context(lm=engine()):
        loss = tg.TextLoss("Judge.")(tg.LLMCall(system_prompt=prompt)(text("q", requires_grad=False)))
        loss.backward()
        tape = adjoint.Predict("q -> a", "Reply.")(q="?").tape
    drawing = loss.generate_graph(print_gradients=True)
    words = " ".join(ET.fromstring(drawing._repr_svg_()).itertext())
    for part in ("instruction: Answer <b> & {x}.", "1 call, ", "value = wrong", "\N{NABLA} Be exact.", "judge"):
        assert part in words
    assert "\N{NABLA}" not in loss.graph(gradients=False).svg
    assert loss.graph().save(tmp_path / "g.html").read_text("utf-8").startswith("<!doctype html>")
    assert "a = wrong" in tape.graph().svg
    assert "no calls" in adjoint.Tape().graph().svg
