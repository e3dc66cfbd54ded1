"""TextGrad's contract, item by item, and its defects as they are fixed here. No item needs a network or a real model."""

from __future__ import annotations

import asyncio
import json
import pickle
import re
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from tests.autograd.conftest import text

import adjoint
import adjoint as tg
from adjoint.autograd.backward import abackward, estimate
from adjoint.autograd.chain import LONGEST
from adjoint.autograd.graph import NoPathWarning
from adjoint.autograd.reduce import BUDGET
from adjoint.base.errors import ContextLengthError, GradientError, ParseError, ServerError, UsageError
from adjoint.lm.retry import RetryPolicy
from adjoint.optim.replies import edited, improved
from adjoint.testing import ScriptedLM

ODD = 'a {brace} {{two}} <TAG attr="x"> </IMPROVED_VARIABLE> \\d+ \\\\ %s %(n)d ```'


def system_of(request):
    return request.messages[0].content if request.messages[0].role == "system" else ""


def prompt_of(request):
    return request.messages[-1].content


def kind_of(request):
    """Which part of the machinery asks."""
    starts = {
        "You are the feedback engine": "edge",
        "One step of a program": "node",
        "A program ran in the steps": "trace",
        "Several remarks": "mean",
        "Improve the text": "proposer",
    }
    return next((kind for start, kind in starts.items() if system_of(request).startswith(start)), "task")


def recorder(task="an answer", critic="Be exact.", proposer="better", mean="all of it", **options):
    answers = {"task": task, "edge": critic, "node": critic, "trace": critic, "mean": mean, "proposer": proposer}

    def answer(request):
        said = answers[kind_of(request)]
        said = said(request) if callable(said) else said
        marks = re.findall(r'"(\w+)": "<', system_of(request))
        return "\n".join(f"[[{mark}]]\n{said}" for mark in marks) if marks else said

    return ScriptedLM(answer, **options)


def asked(lm, *kinds):
    return [request for request in lm.requests if kind_of(request) in kinds]


def chain_of(depth, lm):
    """A chain of calls, each with a trainable prompt, from a frozen question."""
    prompts = [text(f"Step {number}.", f"prompt {number}") for number in range(depth)]
    calls = [tg.LLMCall(lm, prompt) for prompt in prompts]

    def run(question):
        value = text(question, "question", requires_grad=False)
        for call in calls:
            value = call(value)
        return value

    return prompts, run


# 1 -----------------------------------------------------------------------------------------------------------------


def test_01_a_call_a_loss_and_a_backward_are_four_calls_of_the_engine():
    answers = iter(["forty two", "too vague", "name the unit", "ask for units"])
    lm = ScriptedLM(lambda request: next(answers))
    prompt = text("Answer.", "system prompt")
    question = text("How far?", "question", requires_grad=False)
    response = tg.BlackboxLLM(lm, prompt)(question, response_role_description="answer to the question")
    tg.TextLoss("Is it exact?", engine=lm)(response).backward(lm, policy="chain")
    assert len(lm.requests) == 4
    base, chained = lm.requests[2:]
    assert "<ROLE> answer to the question </ROLE>" in prompt_of(base)
    assert (
        "<LM_SYSTEM_PROMPT> Is it exact? </LM_SYSTEM_PROMPT>\n<LM_INPUT> forty two </LM_INPUT>\n<LM_OUTPUT> too vague"
        in prompt_of(base)
    )
    assert "an evaluation of the text" in prompt_of(base)
    objective = re.search(r"<OBJECTIVE_FUNCTION> (.*?) </OBJECTIVE_FUNCTION>", prompt_of(chained), re.DOTALL).group(1)
    assert "name the unit" in objective
    assert "used as answer to the question" in objective
    assert "<VARIABLE> Answer. </VARIABLE>" in prompt_of(chained)
    assert [g.text for g in response.gradients] == ["name the unit"]
    assert [g.value for g in prompt.gradients] == ["ask for units"]
    assert question.gradients == []
    assert "<LM_INPUT> How far? </LM_INPUT>" in prompt.gradients_context[prompt.gradients[0]]["context"]


# 2 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "calls"), [("chain", 3 * 2 * 4), ("fused", 3 * (4 + 1)), ("trace", 3), ("local", 0)])
def test_02_the_calls_of_each_policy_are_counted_and_run_together(policy, calls):
    lm = recorder(delay=0.002)
    prompts, run = chain_of(4, lm)
    judge = tg.StringBasedFunction(lambda prediction: int("42" in prediction.value), "Is 42 in the answer?")
    losses = [judge({"prediction": run(f"question {number}")}) for number in range(3)]
    lm.max_in_flight = 0
    assert estimate(losses, policy=policy) == calls
    with adjoint.context(lm=lm, policy=policy):
        tg.sum(losses).backward()
    assert len(asked(lm, "edge", "node", "trace")) == calls
    assert lm.max_in_flight >= min(3, calls)
    assert [len(prompt.grad) for prompt in prompts] == [3] * 4


@pytest.mark.parametrize("policy", ["chain", "fused", "trace", "auto"])
def test_02_the_gradients_do_not_depend_on_the_order_of_the_replies(policy):
    def texts(delays):
        async def answer(request):
            await asyncio.sleep(delays(len(lm.requests)) / 1000)
            said = f"about {prompt_of(request)[-40:]}"
            marks = re.findall(r'"(\w+)": "<', system_of(request))
            return "\n".join(f"[[{mark}]]\n{mark} {said}" for mark in marks) if marks else said

        lm = ScriptedLM(answer)
        prompts, run = chain_of(2, lm)
        with adjoint.context(lm=lm):
            tg.sum([tg.TextLoss("Judge.")(run(f"q{number}")) for number in range(4)]).backward(policy=policy)
        return [[gradient.text for gradient in prompt.grad] for prompt in prompts]

    assert texts(lambda number: number % 7) == texts(lambda number: 6 - number % 7)


# 3, 4, 5 -----------------------------------------------------------------------------------------------------------


def test_03_summed_losses_are_each_a_base_and_the_shared_prompt_hears_each_once_in_order():
    lm = recorder(
        critic=lambda request: f"on {re.search('q[0-9]', prompt_of(request)).group()}", task=lambda r: f"to {prompt_of(r)}"
    )
    prompt = text("Answer.")
    model = tg.BlackboxLLM(lm, prompt)
    with adjoint.context(lm=lm):
        losses = [tg.TextLoss("Judge.")(model(text(f"q{number}", requires_grad=False))) for number in range(3)]
        tg.sum(losses).backward(policy="chain")
    assert sum("an evaluation of the text" in prompt_of(request) for request in asked(lm, "edge")) == 3
    assert [g.text for g in prompt.gradients] == ["on q0", "on q1", "on q2"]


def test_04_what_an_aggregate_brings_to_one_variable_is_averaged_by_one_call():
    lm = recorder(
        critic=lambda request: f"on {re.search('q[0-9]', prompt_of(request)).group()}", task=lambda r: f"to {prompt_of(r)}"
    )
    prompt = text("Answer.", "system prompt")
    model = tg.BlackboxLLM(lm, prompt)
    with adjoint.context(lm=lm):
        answers = [model(text(f"q{number}", requires_grad=False)) for number in range(3)]
        tg.aggregate([tg.TextLoss("Judge.")(answer) for answer in answers]).backward(policy="chain")
    assert [len(answer.gradients) for answer in answers] == [1, 1, 1]
    assert [g.text for g in prompt.gradients] == ["all of it"]
    (mean,) = asked(lm, "mean")
    assert "- on q0\n- on q1\n- on q2" in prompt_of(mean)


def test_05_after_zero_grad_nothing_is_left_of_the_first_pass():
    lm = recorder()
    prompt = text("Answer.")
    with adjoint.context(lm=lm, policy="chain"):
        optimizer = tg.TGD([prompt])
        for _ in range(2):
            optimizer.zero_grad()
            tg.TextLoss("Judge.")(tg.BlackboxLLM(lm, prompt)(text("q", requires_grad=False))).backward()
    assert len(prompt.gradients) == len(prompt.gradients_context) == 1


# 6 -----------------------------------------------------------------------------------------------------------------


def test_06_the_optimizer_is_shown_everything_that_it_was_given():
    long = " ".join(f"word{number}" for number in range(60))
    lm = recorder(proposer="<NEW> better </NEW>", critic=iter_of("first remark", "second remark", "third remark"))
    prompt = text(long, "system prompt of the calculator")
    with adjoint.context(lm=lm, policy="chain"):
        optimizer = tg.TGD(
            [prompt],
            constraints=["Be short.", "Keep {names}."],
            new_variable_tags=["<NEW>", "</NEW>"],
            in_context_examples=["An example."],
            gradient_memory=2,
            momentum_window=2,
        )
        for _ in range(2):
            optimizer.zero_grad()
            (tg.LLMCall(lm, prompt)(text("q", requires_grad=False))).backward()
            optimizer.step()
    first, second = asked(lm, "proposer")
    for part in (long, "system prompt of the calculator", "1. Be short.", "2. Keep {names}.", "- An example.", "- first remark"):
        assert part in prompt_of(first)
    assert "<CONVERSATION> <LM_SYSTEM_PROMPT> word0" in prompt_of(first)
    assert "<FEEDBACK> first remark </FEEDBACK>" in prompt_of(first)
    assert "Write the improved text between <NEW> and </NEW>." in system_of(first)
    assert "past_feedback" not in prompt_of(first)
    assert "1. first remark" in prompt_of(second)
    assert f"1. {long}" in prompt_of(second)
    assert prompt.value == "better"


def iter_of(*answers):
    rest = iter(answers)
    return lambda request: next(rest)


def test_06_a_custom_system_prompt_and_the_momentum_class_are_taken_as_in_textgrad():
    lm = recorder()
    solution = text("draft")
    own = ScriptedLM(lambda request: "I think.\n<IMPROVED_VARIABLE>final</IMPROVED_VARIABLE>")
    with adjoint.context(lm=lm):
        optimizer = tg.optimizer.TextualGradientDescentwithMomentum(
            own, [solution], momentum_window=2, optimizer_system_prompt="Own {} words {new_variable_start_tag}"
        )
        tg.TextLoss("Judge.")(solution).backward()
        optimizer.step()
    assert (solution.value, system_of(own.requests[0])) == ("final", "Own {} words <IMPROVED_VARIABLE>")


# 7 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("<T>new</T>", "new"),
        ("I put it into <T> as asked.\n<T> new </T>", "new"),
        ("<t>new</T>", "new"),
        ("```xml\n<T>new</T>\n```", "new"),
        ("<T>```\nnew\n```</T>", "new"),
        ("<T>write </T> at the end</T> done", "write </T> at the end"),
        ("<T>a</T> and later <T>b</T>", "b"),
    ],
)
def test_07_a_reply_with_tags_is_read_as_it_is_meant(reply, value):
    assert improved(reply, "old", ("<T>", "</T>")) == value


@pytest.mark.parametrize("reply", ["<T>new", "<T> </T>", "new", "", "</T>new<T>"])
def test_07_a_reply_that_cannot_be_read_is_asked_for_once_more_and_then_the_value_stays(reply):
    solution = text("old", "solution")
    lm = recorder(proposer=reply or " ")
    with adjoint.context(lm=lm):
        tg.TextLoss("Judge.")(solution).backward()
        with pytest.raises((GradientError, ParseError)):
            tg.TGD([solution], new_variable_tags=["<T>", "</T>"]).step()
    assert solution.value == "old"
    assert len(asked(lm, "proposer")) == 2


def test_07_the_second_try_is_told_what_was_wrong():
    solution = text("old", "solution")
    lm = recorder(proposer=iter_of("new", "<T>new</T>"))
    with adjoint.context(lm=lm):
        tg.TextLoss("Judge.")(solution).backward()
        tg.TGD([solution], new_variable_tags=["<T>", "</T>"]).step()
    assert solution.value == "new"
    assert "it has no text between <T> and </T>" in prompt_of(asked(lm, "proposer")[1])


def test_07_if_the_second_parameter_fails_neither_changes():
    first, second = text("first", "the one"), text("second", "the other")
    lm = recorder(proposer=lambda request: "<T>" if "the other" in prompt_of(request) else "<T>new</T>")
    with adjoint.context(lm=lm):
        tg.sum([tg.TextLoss("Judge.")(one) for one in (first, second)]).backward()
        with pytest.raises(GradientError, match="the rewrite of the the other cannot be used"):
            tg.TGD([first, second], new_variable_tags=["<T>", "</T>"]).step()
    assert (first.value, second.value) == ("first", "second")


def test_07_long_texts_are_changed_by_edits_that_must_fit():
    old = "\n".join(f"rule {number}: do {number}" for number in range(400))
    edit = "<<<<<<< SEARCH\nrule 7: do 7\n=======\nrule 7: never do {7}\n>>>>>>> REPLACE"
    solution = text(old, "rules")
    lm = recorder(proposer=f"Here:\n{edit}\n")
    with adjoint.context(lm=lm):
        tg.TextLoss("Judge.")(solution).backward()
        tg.TGD([solution]).step()
    assert solution.value == old.replace("rule 7: do 7\n", "rule 7: never do {7}\n")
    assert len(prompt_of(asked(lm, "proposer")[0])) < 2 * len(old)
    for wrong in ("no block", edit.replace("rule 7: do 7", "rule"), edit.replace("rule 7: do 7", "rule 9000")):
        with pytest.raises(GradientError):
            edited(wrong, old)


# 8 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["chain", "fused", "trace"])
def test_08_odd_texts_survive_verbatim_in_every_policy(policy):
    lm = recorder(task=ODD, critic=ODD, proposer=ODD)
    prompt, question = text(ODD, f"role {ODD}"), text(ODD, requires_grad=False)
    with adjoint.context(lm=lm):
        tg.TextLoss(ODD)(tg.LLMCall(lm, prompt)(question, ODD)).backward(policy=policy)
        tg.TGD([prompt], constraints=[ODD]).step()
    assert prompt.value == prompt.grad[0].text == ODD
    critic = asked(lm, "edge", "node", "trace")[-1]
    assert prompt_of(critic).count(ODD) >= 3
    assert f"1. {ODD}" in prompt_of(asked(lm, "proposer")[0])


def test_08_templates_replace_their_fields_and_nothing_else():
    lm = recorder(task=prompt_of)
    call = tg.FormattedLLMCall(lm, "{q} | {} | {{q}} | %s | {other}", {"q": None})
    assert call({"q": text(ODD)}).value == f"{ODD} | {{}} | {{{ODD}}} | %s | {{other}}"
    with pytest.raises(UsageError, match="the inputs are r, but the call takes q"):
        call({"r": text("x")})


# 9 -----------------------------------------------------------------------------------------------------------------


class OnlyGenerate(tg.EngineLM):
    def generate(self, prompt, system_prompt=None, **kwargs):
        return f"{system_prompt}/{prompt}"


class OwnCall:
    """An engine as users of TextGrad write them, without a name."""

    def generate(self, prompt, system_prompt=None):
        return f"{system_prompt}/{prompt}"

    def __call__(self, prompt, system_prompt=None):
        return self.generate(prompt, system_prompt)


async def asynchronous(prompt, system_prompt=None):
    return f"{system_prompt}/{prompt}"


@pytest.mark.parametrize(
    "engine", [OnlyGenerate(), OwnCall(), lambda prompt, system_prompt=None: f"{system_prompt}/{prompt}", asynchronous]
)
def test_09_every_form_of_an_engine_is_taken_everywhere(engine):
    prompt = text("Sys", "system prompt")
    response = tg.BlackboxLLM(engine, prompt)(text("q", requires_grad=False))
    assert response.value == "Sys/q"
    tg.TextLoss("Judge.", engine=engine)(response).backward(engine, policy="chain")
    assert len(prompt.grad) == 1
    assert tg.TGD([prompt], engine=engine).step()
    assert tg.get_engine(engine).name


def test_09_a_function_that_takes_no_system_prompt_gets_it_in_the_prompt():
    assert tg.LLMCall(lambda prompt: prompt, "Sys")(text("q")).value == "Sys\n\nq"
    with adjoint.context(lm=OnlyGenerate()):
        assert adjoint.Predict("q -> a", "Sys")(q="x").a.endswith("/x")


def test_09_two_threads_have_engines_of_their_own():
    said = {}

    def work(name):
        prompt = text("Answer.")
        with adjoint.context(lm=recorder(critic=f"by {name}")):
            tg.TextLoss("Judge.")(tg.LLMCall(system_prompt=prompt)(text("q", requires_grad=False))).backward()
        said[name] = prompt.get_gradient_text()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {"a": "by a", "b": "by b"}


# 10 ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["chain", "fused", "trace"])
def test_10_a_call_that_fails_is_a_missing_gradient_and_a_quorum_may_be_asked_for(policy):
    def critic(request):
        return ContextLengthError("too long") if "q1" in prompt_of(request) else "fix"

    def answer(request):
        made = critic(request) if kind_of(request) != "task" else f"to {prompt_of(request)}"
        marks = re.findall(r'"(\w+)": "<', system_of(request))
        return "\n".join(f"[[{mark}]]\n{made}" for mark in marks) if marks and isinstance(made, str) else made

    lm = ScriptedLM(answer)
    prompt = text("Answer.")
    with adjoint.context(lm=lm, policy=policy):
        model = tg.LLMCall(system_prompt=prompt)
        losses = [tg.TextLoss("Judge.")(model(text(f"q{number}", requires_grad=False))) for number in range(3)]
        asyncio.run(abackward(losses))
        assert [g.text for g in prompt.grad] == ["fix", "fix"]
        with pytest.raises(GradientError, match="the first failure was ContextLengthError: too long"):
            asyncio.run(abackward(losses, quorum=0.9))
        assert len(prompt.grad) == 2


def test_10_a_call_that_may_pass_is_tried_again():
    tries = iter([ServerError("503"), "fix"])
    prompt = text("Answer.")
    with adjoint.context(
        lm=ScriptedLM(lambda request: next(tries) if kind_of(request) == "node" else "x"),
        retry=RetryPolicy(attempts=2, base=0.001),
    ):
        tg.TextLoss("Judge.")(tg.LLMCall(system_prompt=prompt)(text("q", requires_grad=False))).backward()
    assert prompt.get_gradient_text() == "fix"


@pytest.mark.parametrize("budget", [0, 2, 5])
def test_10_what_the_budget_does_not_cover_passes_on_as_it_is_and_asks_nobody(budget):
    lm = recorder()
    prompts, run = chain_of(3, lm)
    with adjoint.context(lm=lm):
        loss = tg.TextLoss("Judge.")(run("q"))
        loss.backward(budget=budget)
    assert len(asked(lm, "node")) == min(budget, 3)
    assert [len(prompt.grad) for prompt in prompts] == [1, 1, 1]
    assert all(prompt.grad[0].text == ("an answer" if budget == 0 else "Be exact.") for prompt in prompts)


@pytest.mark.parametrize(("policy", "budget"), [("trace", 1), ("auto", 2), ("chain", 3)])
def test_10_the_budget_holds_under_every_policy_and_every_parameter_is_told_something(policy, budget):
    lm = recorder()
    prompts, run = chain_of(2, lm)
    with adjoint.context(lm=lm):
        losses = [tg.TextLoss("Judge.")(run(f"q{number}")) for number in range(3)]
        tg.sum(losses).backward(policy=policy, budget=budget)
    assert len(asked(lm, "edge", "node", "trace")) == budget
    assert [len(prompt.grad) for prompt in prompts] == [3, 3]


# 11 ----------------------------------------------------------------------------------------------------------------


def test_11_the_prompt_of_an_update_does_not_grow_with_the_batch():
    sizes = {}
    for batch in (10, 100):
        lm = recorder(critic=lambda request: f"{prompt_of(request)[-3000:]} " + "x" * 500)
        prompt = text("Answer.")
        with adjoint.context(lm=lm, policy="chain"):
            model = tg.LLMCall(system_prompt=prompt)
            tg.sum(
                [tg.TextLoss("Judge.")(model(text(f"question {number}", requires_grad=False))) for number in range(batch)]
            ).backward()
            tg.TGD([prompt]).step()
        sizes[batch] = len(prompt_of(asked(lm, "proposer")[0]))
    assert sizes[100] < 13_000
    assert sizes[100] < 1.5 * sizes[10]


def test_11_a_diamond_of_twelve_layers_ends_in_bounded_text():
    lm = recorder(critic=prompt_of)
    value = text("start")
    start = value
    with adjoint.context(lm=lm):
        for layer in range(12):
            left, right = (tg.LLMCall(lm, text(f"{side} {layer}"))(value) for side in ("left", "right"))
            value = left + right
        tg.TextLoss("Judge.")(value).backward()
    assert len(start.get_gradient_text()) <= LONGEST
    assert max(len(prompt_of(request)) for request in lm.requests) < 50_000


def test_11_a_chain_of_five_thousand_needs_no_recursion():
    values = [text("0")]
    for number in range(5000):
        values.append(text(str(number), predecessors=[values[-1]]))
    values[-1].backward(policy="local")
    assert len(values[0].grad) == 1
    assert pickle.loads(pickle.dumps(values[400])).predecessors[0].value == "398"


# 12 ----------------------------------------------------------------------------------------------------------------


def test_12_variables_graphs_and_tapes_are_pickled_and_keep_their_identity():
    lm = recorder()
    prompt = text("Answer.", "system prompt")
    with adjoint.context(lm=lm):
        loss = tg.TextLoss("Judge.")(tg.LLMCall(system_prompt=prompt)(text("q", requires_grad=False)))
        again, same = pickle.loads(pickle.dumps((loss, prompt)))
        again.backward()
        tape = Piped(lambda p: f"Note: {p.out}")(q="x").tape
    assert [g.text for g in same.grad] == ["Be exact."]
    assert prompt.grad == []
    kept = pickle.loads(pickle.dumps(tape))
    assert kept.explain() == tape.explain()
    assert kept.to_json() == tape.to_json()
    read = adjoint.Tape.from_json(json.loads(json.dumps(tape.to_json())))
    assert (read.to_json(), read.explain()) == (tape.to_json(), tape.explain())
    body = json.loads(json.dumps(same.to_json()))
    read = tg.Variable.from_json(body)
    assert (read.value, read.role_description, read.grad) == (same.value, same.role_description, same.grad)


def test_12_a_run_taken_up_in_the_middle_of_an_epoch_asks_the_same_next():
    def steps(stop=None, kept=None):
        lm = recorder(task=lambda request: f"on {prompt_of(request)}", proposer=iter_of("one", "two", "three", "four"))
        prompt = text("Answer.")
        optimizer = tg.TGD([prompt], gradient_memory=2, momentum_window=2)
        loader = tg.DataLoader([f"row {number}" for number in range(8)], batch_size=2, shuffle=True, seed=3)
        if kept:
            optimizer.load_state_dict(kept[0])
            loader.load_state_dict(kept[1])
        with adjoint.context(lm=lm):
            for number, batch in enumerate(loader):
                optimizer.zero_grad()
                tg.sum(
                    [tg.TextLoss("Judge.")(tg.LLMCall(system_prompt=prompt)(text(row, requires_grad=False))) for row in batch]
                ).backward()
                optimizer.step()
                if number == stop:
                    return json.loads(json.dumps([optimizer.state_dict(), loader.state_dict()]))
        return [prompt_of(request) for request in asked(lm, "proposer")]

    whole, rest = steps(), steps(kept=steps(stop=1))
    assert len(whole) == 4
    assert rest[0] == whole[2]


# 13 ----------------------------------------------------------------------------------------------------------------


class Piped(adjoint.Module):
    """A first call, something in plain Python, a second call."""

    def __init__(self, between):
        self.first, self.second = adjoint.Predict("q -> out", "First."), adjoint.Predict("given -> out", "Second.")
        self.between = between

    def forward(self, q):
        return self.second(given=self.between(self.first(q=q)))


LONG = "the answer is forty two apples in a basket"


@pytest.mark.parametrize(
    ("name", "between", "how"),
    [
        ("passed on", lambda p: p.out, "identity"),
        ("a list", lambda p: [p.out], "identity"),
        ("an f-string", lambda p: f"Note: {p.out}!", "contained"),
        ("join", lambda p: " and ".join([*"xy", p.out]), "contained"),
        ("json", lambda p: json.dumps({"notes": p.out}), "contained"),
        ("truncation", lambda p: p.out[:30], "contained"),
        ("a number", lambda p: len(p.out), "read"),
        ("routing", lambda p: {True: "left"}.get("forty" in p.out), "read"),
    ],
)
def test_13_edges_are_found_whatever_plain_python_does_with_a_value(name, between, how):
    with adjoint.context(lm=ScriptedLM(lambda request: LONG)):
        tape = Piped(between)(q="q").tape
    edges = tape.nodes[1].parents["given"]
    assert [(edge.source, edge.field, edge.how) for edge in edges] == [(tape.nodes[0], "out", how)]


def test_13_a_short_answer_makes_no_edge_by_its_content():
    with adjoint.context(lm=ScriptedLM(lambda request: "yes")):
        tape = Piped(lambda p: "yes, we have no bananas today")(q="q").tape
    assert all(edge.how == "order" for edge in tape.nodes[1].edges())


def test_13_a_parameter_without_a_path_to_the_loss_warns():
    program = Piped(lambda p: "something else altogether")
    with adjoint.context(lm=recorder(task=LONG)):
        loss = tg.MetricLoss(lambda e, p: 0.0)(adjoint.Example(q="q").with_inputs("q"), program(q="q"))
        with pytest.warns(NoPathWarning, match="the instruction of first was used, but nothing leads from it to the loss"):
            loss.backward()


# 14 ----------------------------------------------------------------------------------------------------------------

PROGRAM = """
import {name} as tg

class Engine(tg.EngineLM):
    def generate(self, prompt, system_prompt=None, **kwargs):
        return "<IMPROVED_VARIABLE>better</IMPROVED_VARIABLE>"

    def __call__(self, prompt, system_prompt=None, **kwargs):
        return self.generate(prompt, system_prompt, **kwargs)

engine = Engine()
tg.set_backward_engine(engine, override=True)
prompt = tg.Variable("Answer.", requires_grad=True, role_description="system prompt")
model = tg.BlackboxLLM(engine, system_prompt=prompt)
optimizer = tg.TextualGradientDescent(engine=engine, parameters=model.parameters(), constraints=["short"])
fields = {{"prediction": None, "truth": None}}
judge = tg.autograd.FormattedLLMCall(engine, "{{prediction}} / {{truth}}", fields=fields, system_prompt="Judge.")
loader = tg.tasks.DataLoader([("a", "A"), ("b", "B"), ("c", "C")], batch_size=3, shuffle=True)
for x, y in loader:
    optimizer.zero_grad()
    losses = []
    for question, truth in zip(x, y):
        response = model(tg.Variable(question, requires_grad=False, role_description="query"))
        truth = tg.Variable(truth, requires_grad=False, role_description="truth")
        losses.append(judge(inputs=dict(prediction=response, truth=truth), response_role_description="score"))
    tg.sum(losses).backward()
    optimizer.step()
solution = tg.Variable("x = 1", role_description="solution")
loss = tg.loss.MultiFieldTokenParsedEvaluation("Check {{}}.", ["q", "a"], engine, parse_tags=["<IMPROVED_VARIABLE>", "</IMPROVED_VARIABLE>"])
said = loss([tg.Variable("q", requires_grad=False, role_description="q"), solution])
said.backward(engine)
tg.optimizer.TextualGradientDescentwithMomentum(engine, [solution], momentum_window=2).step()
tg.TextLoss("Judge.", engine=engine)(solution)
tg.loss.MultiChoiceTestTime("Be {{critical}}.", engine)("question?", solution).backward()
print(prompt.value, solution.value, loss.parse_output(said), solution.get_short_value())
"""


@pytest.mark.parametrize("name", ["adjoint", "adjoint.textgrad"])
def test_14_a_program_of_textgrad_runs_with_only_its_import_changed(name, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.stdout, done.stderr) == ("better better better better\n", "")


def test_14_importing_writes_nothing_and_opens_no_socket(tmp_path):
    code = (
        "import sys\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, args: seen.append((event, args)))\n"
        "import adjoint.textgrad\n"
        "bad = [e for e, a in seen if e.startswith(('socket.connect', 'socket.bind', 'os.mkdir'))]\n"
        "bad += [a for e, a in seen if e == 'open' and isinstance(a[1], str) and set(a[1]) & set('wax+') and '__pycache__' not in str(a[0])]\n"
        "print(bad)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []


# 15 ----------------------------------------------------------------------------------------------------------------


def test_15_batches_are_shuffled_by_the_seed_and_anew_in_each_epoch():
    rows = list(range(10))
    loader = tg.DataLoader(rows, batch_size=4, shuffle=True, seed=1)
    first, second = ([row for batch in loader for row in batch] for _ in range(2))
    again = [row for batch in tg.DataLoader(rows, batch_size=4, shuffle=True, seed=1) for row in batch]
    assert first == again != second
    assert sorted(first) == sorted(second) == rows
    assert len(loader) == 3


def test_15_the_right_letter_is_spread_evenly_and_rows_are_split_as_asked():
    from adjoint.base import rng

    letters = Counter()
    for number in range(400):
        choices = ["right", "a", "b", "c"]
        rng.stream(7, "choices", number).shuffle(choices)
        letters["ABCD"[choices.index("right")]] += 1
    assert all(70 <= letters[letter] <= 130 for letter in "ABCD")
    rows = list(tg.DataLoader(range(250), batch_size=50))
    assert [len(part) for part in rows] == [50] * 5


def test_15_a_seed_reaches_the_request():
    lm = ScriptedLM(lambda request: "x")
    tg.BlackboxLLM(tg.get_engine(adjoint.LM(lm, seed=5)))(text("q"))
    assert lm.requests[0].seed == 5


# Wall time ---------------------------------------------------------------------------------------------------------


def test_backward_of_twenty_examples_keeps_sixteen_calls_in_flight():
    async def losses(lm):
        prompts = [text(f"Step {number}.") for number in range(3)]
        found = []
        for number in range(20):
            value = text(f"q{number}", requires_grad=False)
            for prompt in prompts:
                value = await tg.LLMCall(lm, prompt).acall(value)
            found.append(await tg.TextLoss("Judge.", lm).acall(value))
        return found

    def took(limit):
        lm = recorder()

        async def main():
            found = await losses(lm)
            lm.delay, lm.max_in_flight, before, start = 0.02, 0, len(lm.requests), time.perf_counter()
            await abackward(found, lm, limit=limit)
            return len(lm.requests) - before, time.perf_counter() - start

        return (*asyncio.run(main()), lm.max_in_flight)

    calls, seconds, in_flight = took(16)
    assert (calls, in_flight) == (60, 16)
    assert (
        seconds < 60 * 0.02 / 3
    )  # an idle machine is 13 times as fast as one call after the other; a busy one is not asked for that


def test_reduced_feedback_is_shorter_than_its_budget_for_a_hundred_rows():
    from adjoint.autograd.reduce import feedback_text, themes
    from adjoint.program.parameter import Gradient

    given = [
        Gradient("p", f"Remark {number} of many, with some words of its own", severity=0.3, score=0.7) for number in range(100)
    ]
    given.append(Gradient("p", "Never reveal the password.", severity=1.0, score=0.0))
    shown = feedback_text(themes(given))
    assert len(shown) <= BUDGET + 60
    assert "Never reveal the password." in shown
    given += [Gradient("p", "Use short words!", severity=0.1), Gradient("p", "use the short words")] * 3
    assert ("Use short words!", 6) in [(theme.text, theme.count) for theme in themes(given)]
