"""ReAct: thoughts, tools and observations, in words and natively, with every call on the tape."""

import asyncio
import contextlib
import json

import pytest

import adjoint
from adjoint import ReAct, Tool
from adjoint.adapters.chat import ChatAdapter
from adjoint.base.errors import ContextLengthError, SignatureError, UsageError
from adjoint.lm.types import Response, ToolCall
from adjoint.testing import ScriptedLM


def look_up(city: str) -> str:
    """Say how many people live in a city."""
    if city == "Atlantis":
        raise LookupError("no such city")
    return f"{city} has {len(city)} million people"


async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def step(thought, name, **args):
    return f"[[next_thought]]\n{thought}\n[[next_tool_name]]\n{name}\n[[next_tool_args]]\n{json.dumps(args)}"


def final(answer):
    return f"[[reasoning]]\nseen\n[[answer]]\n{answer}"


@contextlib.contextmanager
def answers(*texts, **settings):
    lm = ScriptedLM(list(texts))
    with adjoint.context(lm=lm, ledger=None, **settings):
        yield lm


def test_an_agent_calls_tools_until_it_can_answer():
    agent = ReAct("question -> answer: int", tools=[look_up, add])
    script = [step("How big?", "look_up", city="Paris"), step("Add.", "add", a=5, b="2"), step("Known.", "finish"), final("7")]
    with answers(*script) as lm:
        found = agent(question="people in Paris plus 2?")
    assert (found.answer, found.termination_reason, len(lm.requests)) == (7, "finish", 4)
    assert found.trajectory == {
        "thought_0": "How big?", "tool_name_0": "look_up", "tool_args_0": {"city": "Paris"}, "observation_0": "Paris has 5 million people",
        "thought_1": "Add.", "tool_name_1": "add", "tool_args_1": {"a": 5, "b": "2"}, "observation_1": 7,
        "thought_2": "Known.", "tool_name_2": "finish", "tool_args_2": {}, "observation_2": "Completed.",
    }  # fmt: skip
    assert '- look_up {"city": <string>}: Say how many people live in a city.' in lm.requests[0].messages[0].text
    assert "observation: Paris has 5 million people" in lm.requests[1].messages[-1].text
    assert lm.requests[0].messages[0] == lm.requests[1].messages[0]  # so that prefix caches hit


def test_each_tool_call_is_a_node_between_the_steps_that_made_and_read_it():
    agent = ReAct("question -> answer", tools=[look_up])
    with answers(step("Look.", "look_up", city="Rome"), step("Done.", "finish"), final("4")):
        tape = agent(question="?").tape
    assert [(node.op, tape.name_of(node)) for node in tape.nodes] == [
        ("predict", "react"), ("tool", "tool"), ("predict", "react"), ("tool", "tool"), ("predict", "extract.predict")
    ]  # fmt: skip
    look, called, again, _, last = tape.nodes
    assert {edge.source for edge in called.parents["city"]} == {look}
    assert {(edge.source, edge.field, edge.how) for edge in again.parents["trajectory"]} == {
        (look, "next_thought", "declared"), (called, "result", "declared")
    }  # fmt: skip
    assert called in {edge.source for edge in last.parents["trajectory"]}
    assert "tool look_up" in {read.name for read in look.reads}


def test_descriptions_of_tools_are_parameters_that_the_prompt_shows():
    agent = ReAct("question -> answer", tools=[look_up])
    names = [name for name, _ in agent.named_parameters()]
    assert names == [
        "tools.descriptions.look_up", "tools.descriptions.finish", "react.instruction", "react.demos",
        "extract.predict.instruction", "extract.predict.demos",
    ]  # fmt: skip
    better = agent.with_state({"tools.descriptions.look_up": "Population of a city."})
    with answers(step("Done.", "finish"), final("4")) as lm:
        better(question="?")
    assert "Population of a city." in lm.requests[0].messages[0].text


def test_what_goes_wrong_in_a_tool_is_observed():
    agent = ReAct("question -> answer", tools=[look_up])
    script = [step("?", "look_up", city="Atlantis"), step("?", "look_up", town="x"), step("?", "finish"), final("none")]
    with answers(*script):
        found = agent(question="?")
    assert found.trajectory["observation_0"] == "Error: the tool 'look_up' raised LookupError: no such city"
    assert found.trajectory["observation_1"] == "Error: the tool 'look_up' needs the argument 'city'; it takes city: string."
    assert found.tape.nodes[1].error is not None


def test_after_max_iters_the_agent_must_answer():
    agent = ReAct("question -> answer", tools=[look_up], max_iters=1)
    with answers(step("Look.", "look_up", city="Rome"), final("4")):
        found = agent(question="?")
    assert (found.answer, found.termination_reason) == ("4", "max_iters")


def test_two_steps_in_turn_that_cannot_be_read_end_the_search_but_not_the_work_done():
    agent = ReAct("question -> answer", tools=[look_up])
    with answers(step("Look.", "look_up", city="Rome"), "Ada is 19 years old.", "Tom lives in New York.", final("4")) as lm:
        found = agent(question="?")
    assert (found.answer, found.termination_reason) == ("4", "unreadable")
    assert found.trajectory["thought_1"] == "Ada is 19 years old."
    assert found.trajectory["observation_1"] == "Error: no tool was called. Known: look_up, finish"
    assert "Error: no tool was called. Known: look_up, finish" in lm.requests[2].messages[-1].text


def test_an_unreadable_first_step_is_no_error_where_an_answer_can_be_given():
    agent = ReAct("question -> answer", tools=[look_up])
    with answers("Ada is 19 years old.", "Ada is 19 years old.", final("19")) as lm:
        found = agent(question="?")
    assert (found.answer, found.termination_reason, len(lm.requests)) == ("19", "unreadable", 3)
    with answers("Ada is 19 years old.", step("Look.", "look_up", city="Rome"), step("Done.", "finish"), final("4")):
        assert agent(question="?").termination_reason == "finish"


def js(name, args, thought="I look it up."):
    return json.dumps({"next_thought": thought, "next_tool_name": name, "next_tool_args": args})


@pytest.mark.parametrize(
    "reply",
    [
        '{"next_tool_name": "look_up", "next_tool_args": {"city": "Rome"}}',
        js("look_up", "Rome"),
        js("look_up", ["Rome"]),
        js("Look Up", {"City": "Rome"}),
        js("look_up(city='Rome')", {}),
        js("look_up", {"arguments": {"city": "Rome"}}),
        '{"thought": "I look it up.", "tool": "look_up", "arguments": {"city": "Rome"}}',
        '```json\n{"name": "look_up", "arguments": {"city": "Rome"}}\n```',
        "Thought: Rome is a city.\nCall: look_up(city=Rome).",
        'Next Thought: Rome\'s size is needed.\nNext Tool Name: look_up\nNext Tool Args: {"city": "Rome"}',
        "Action: look_up\nAction Input: Rome",
        step("Look.", "look_up", city="Rome"),
        js("look_up", {"city": "Rome"}) + "\n" + js("finish", {}),
    ],
)
def test_a_step_is_read_however_a_model_writes_it_and_of_several_the_first_one_counts(reply):
    agent = ReAct("question -> answer", tools=[look_up])
    with answers(reply, js("finish", {}), final("4")) as lm:
        found = agent(question="?")
    assert (found.trajectory["tool_name_0"], found.trajectory["tool_args_0"]) == ("look_up", {"city": "Rome"})
    assert found.trajectory["observation_0"] == "Rome has 4 million people"
    assert (found.termination_reason, len(lm.requests)) == ("finish", 3)
    assert found.tape.nodes[0].outputs["next_tool_args"] == {"city": "Rome"}


@pytest.mark.parametrize(
    "reply", [js("finish", {"answer": 4}), js("Finish", "4"), js("none", {}), "finish(answer='4')", "I know it.\nFinal Answer: 4"]
)
def test_the_end_is_understood_however_it_is_said(reply):
    agent = ReAct("question -> answer", tools=[look_up])
    with answers(reply, final("4")):
        found = agent(question="?")
    assert (found.termination_reason, found.trajectory["tool_name_0"]) == ("finish", "finish")
    assert found.trajectory["observation_0"] == "Completed."


def test_a_wrong_tool_is_answered_with_the_tools_and_wrong_arguments_with_those_that_it_takes():
    agent = ReAct("question -> answer", tools=[look_up, add])
    with answers(
        js("population", {"city": "Rome"}), js("look_up", {"Rome": 4}), js("add", "x"), js("finish", {}), final("4")
    ) as lm:
        found = agent(question="?")
    assert found.trajectory["observation_0"] == "Error: unknown tool 'population'. Known: add, finish, look_up"
    assert found.trajectory["observation_1"] == "Error: the tool 'look_up' needs the argument 'city'; it takes city: string."
    assert found.trajectory["observation_2"] == "Error: the tool 'add' needs the argument 'a'; it takes a: integer, b: integer."
    assert found.trajectory["observation_1"] in lm.requests[2].messages[-1].text


def test_a_call_that_repeats_the_one_before_is_not_made_and_the_second_of_them_is_the_last():
    made = []

    def weigh(thing: str) -> int:
        made.append(thing)
        return len(made)

    agent = ReAct("question -> answer", tools=[weigh])
    with answers(*[js("weigh", {"thing": "pen"})] * 3, final("1")) as lm:
        found = agent(question="?")
    assert (made, found.termination_reason, len(lm.requests)) == (["pen"], "repeated", 4)
    assert found.trajectory["observation_1"] == "1\n(You know this already. Call another tool, or finish.)"
    assert lm.requests[-1].messages[-1].text.count("observation: 1") == 1
    with answers(*[js("weigh", {"thng": "pen"})] * 3, final("1")):
        found = agent(question="?")
    assert found.trajectory["observation_2"].endswith("takes thing: string. The same call gave this error before: change it.")
    assert found.trajectory["observation_2"].count("change it") == 1


def test_a_call_may_come_again_after_another_one_and_one_without_arguments_at_any_time():
    made = []

    def read(name: str) -> int:
        made.append(name)
        return len(made)

    def draw() -> int:
        made.append("draw")
        return len(made)

    agent = ReAct("question -> answer", tools=[read, draw])
    again = [js("read", {"name": "a"}), js("draw", {}), js("draw", {}), js("read", {"name": "a"}), js("finish", {}), final("4")]
    with answers(*again):
        found = agent(question="?")
    assert (made, found.trajectory["observation_3"]) == (["a", "draw", "draw", "a"], 4)


def test_a_prompt_that_is_too_long_loses_its_older_steps():
    agent = ReAct("question -> answer", tools=[look_up])
    cities = iter("ABCD")

    def answer(request):
        text = request.messages[-1].text
        if text.count("observation") > 2:
            return ContextLengthError("too long")
        if "next_thought" not in request.messages[0].text:
            return final(text.count("observation"))
        city = next(cities, None)
        return step("Look.", "look_up", city=city) if city else step("Done.", "finish")

    with adjoint.context(lm=ScriptedLM(answer), ledger=None):
        found = agent(question="?")
    assert (found.answer, found.termination_reason) == ("2", "finish")
    assert [found.trajectory[f"tool_args_{n}"].get("city") for n in range(5)] == ["A", "B", "C", "D", None]


@pytest.mark.parametrize("name", ["trajectory", "tools", "next_tool_name"])
def test_fields_that_react_needs_itself_are_refused_with_the_reason(name):
    with pytest.raises(SignatureError, match=f"'{name}' cannot be used: ReAct itself has one"):
        ReAct(f"{name} -> answer", tools=[])
    with pytest.raises(UsageError, match="ReAct itself writes"):
        ReAct("q -> a", tools=[])(q="?", trajectory="x")


def test_two_tools_of_one_name_are_refused():
    with pytest.raises(UsageError, match="two tools named 'look_up'"):
        ReAct("q -> a", tools=[look_up, Tool(add, name="look_up")])


class Native(ScriptedLM):
    supports = frozenset({"tools"})


def calls(*given):
    return Response(
        "",
        finish="tool_calls",
        tool_calls=tuple(ToolCall(str(n), name, json.dumps(args)) for n, (name, args) in enumerate(given)),
    )


def test_an_lm_that_calls_tools_by_itself_does_so_and_several_at_once():
    agent = ReAct("question -> answer", tools=[look_up, add])
    lm = Native(
        [
            calls(("look_up", {"city": "Rome"}), ("add", {"a": 1, "b": 2})),
            calls(("nothing", {})),
            calls(("finish", {})),
            final("4"),
        ]
    )
    with adjoint.context(lm=lm, ledger=None):
        found = agent(question="?")
    assert [tool.name for tool in lm.requests[0].tools] == ["look_up", "add", "finish"]
    assert lm.requests[-1].tools == ()
    assert [found.trajectory[f"observation_{n}"] for n in range(2)] == ["Rome has 4 million people", 3]
    assert found.trajectory["observation_2"].startswith("Error: unknown tool 'nothing'")
    assert (found.answer, found.termination_reason) == ("4", "finish")


def test_an_lm_that_calls_no_tool_has_finished():
    lm = Native(["I know it already.", final("4")])
    with adjoint.context(lm=lm, ledger=None):
        found = ReAct("question -> answer", tools=[look_up])(question="?")
    assert (found.termination_reason, found.trajectory) == ("finish", {"thought_0": "I know it already."})


def test_native_calls_can_be_switched_off():
    lm = Native([step("Done.", "finish"), final("4")])
    with adjoint.context(lm=lm, ledger=None, adapter=ChatAdapter(use_native_function_calling=False)):
        ReAct("question -> answer", tools=[look_up])(question="?")
    assert lm.requests[0].tools == ()


def test_demos_of_either_way_are_shown_in_both():
    agent = ReAct("question -> answer", tools=[look_up])
    with answers(step("Look.", "look_up", city="Rome"), step("Done.", "finish"), final("4")):
        tape = agent(question="first?").tape
    from adjoint.optim.demos import recorded

    agent.react.demos = recorded(agent, tape)["react.demos"]
    native = Native([calls(("finish", {})), final("4")])
    for lm in (native, ScriptedLM([step("Done.", "finish"), final("4")])):
        with adjoint.context(lm=lm, ledger=None):
            assert agent(question="second?").answer == "4"
    assert native.requests[0].messages[2].tool_calls[0].name == "look_up"


def test_agents_run_in_asynchronous_code():
    agent = ReAct("question -> answer", tools=[look_up, add])
    with answers(step("Look.", "look_up", city="Rome"), step("Done.", "finish"), final("4")):
        assert asyncio.run(agent.acall(question="?")).answer == "4"


def test_many_agents_at_once_with_tools_that_call_modules_do_not_wait_for_each_other():
    inner = adjoint.Predict("city -> size")

    def ask(city: str) -> str:
        return inner(city=city).size

    def answer(request):
        system = request.messages[0].text
        if "next_thought" in system:
            return step("Look.", "ask", city="Rome")
        return final("big") if "reasoning" in system else "big"

    agent = ReAct("question -> answer", tools=[ask], max_iters=1)
    with adjoint.context(lm=ScriptedLM(answer, delay=0.005), ledger=None):
        found = agent.batch([{"question": str(number)} for number in range(64)], num_threads=64)
    assert [item.answer for item in found] == ["big"] * 64
    assert {tuple(node.op for node in item.tape.nodes) for item in found} == {("predict", "tool", "predict", "predict")}
