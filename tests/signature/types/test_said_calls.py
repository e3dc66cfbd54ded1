"""Calls of tools as models write them in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoint import Signature, Tool, ToolCalls
from adjoint.adapters.chat import ChatAdapter
from adjoint.modules.tool import Toolbox
from adjoint.signature.types.said_calls import arguments, calls_in, named


def lookup(name: str) -> int:
    """Look up the age of a person by name."""
    return len(name)


def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


BOX = Toolbox([lookup, add, Tool(lambda **given: "Completed.", "finish", "Ends the work.")])
NAMES = list(BOX)


@pytest.mark.parametrize(
    "reply",
    [
        'lookup(name="Ada")',
        "lookup('Ada')",
        "LookUp(name = 'Ada')",
        '`lookup(name="Ada")`',
        "lookup: Ada",
        "Thought: Ada is 25 years old.\nCall: lookup(name=Ada).",
        'Next Thought: Ada\'s age is 25.\nNext Tool Name: lookup\nNext Tool Args: {"name": "Ada"}',
        "Action: lookup\nAction Input: Ada",
        'Action: lookup\nAction Input: {"name": "Ada"}\nObservation: 36',
        '**Tool:** `lookup`\n**Arguments:** `{"name": "Ada"}`',
        '{"name": "lookup", "arguments": {"name": "Ada"}}',
        '{"name": "lookup", "arguments": "{\\"name\\": \\"Ada\\"}"}',
        '{"tool": "lookup", "args": ["Ada"]}',
        "{'tool': 'lookup', 'input': 'Ada'}",
        '{"action": "lookup", "action_input": "Ada"}',
        '{"next_tool_name": "functions.lookup", "next_tool_args": {"Name": "Ada"}}',
        '{"next_tool_name": "lookup(name=\\"Ada\\")", "next_tool_args": {}}',
        '{"next_tool_name": "lookup", "next_tool_args": {"args": {"name": "Ada"}}}',
        '{"type": "function", "function": {"name": "lookup", "arguments": {"name": "Ada"}}}',
        '{"tool_calls": [{"name": "lookup", "args": {"name": "Ada"}}]}',
        'I look it up.\n<tool_call>\n{"name": "lookup", "arguments": {"name": "Ada"}}\n</tool_call>',
        '```json\n{"thought": "I look it up.", "tool": {"name": "lookup", "arguments": {"name": "Ada"}}}\n```',
    ],
)  # fmt: skip
def test_one_call_is_read_in_every_usual_form(reply):
    assert BOX.meant(calls_in(reply, NAMES)[0]) == ("lookup", {"name": "Ada"})


@pytest.mark.parametrize(
    "reply",
    [
        "Ada is 19 years old.",
        "- lookup(name: string): Look up the age of a person by name.",
        "I think lookup (see above) would do.",
        '{"name": "Ada"}',
        '{"tool": {"tool": {"tool": "x"}}}',
        "",
    ],
)
def test_words_and_descriptions_are_no_call(reply):
    assert calls_in(reply, NAMES) == []


def test_what_stands_before_a_call_is_the_thought():
    assert calls_in('Thought: I ask.\nAction: lookup(name="Ada")', NAMES)[0].thought == "I ask."
    assert calls_in('{"thought": "I ask.", "tool": "lookup", "args": {}}', NAMES)[0].thought == "I ask."
    assert calls_in("I know it.\nFinal Answer: 36", NAMES)[0] == ("final answer", {"answer": "36"}, "I know it.")


def test_several_calls_come_in_their_order():
    assert [call.args for call in calls_in("lookup('Ada')\nadd(1, b=2)", NAMES)] == [["Ada"], [1, {"b": 2}]]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("lookup", "lookup"),
        ("`Lookup`", "lookup"),
        ("functions.lookup", "lookup"),
        ("lookup()", "lookup"),
        ("lookup(name: string)", "lookup"),
        ("lookup or finish", None),
        ("lookups", None),
        ("<lookup or finish>", None),
    ],
)
def test_a_name_is_that_of_the_tool_which_is_plainly_meant(said, found):
    assert (named(said, NAMES) or (None,))[0] == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (None, {}),
        ("", {}),
        ("Ada", {"name": "Ada"}),
        ('"Ada"', {"name": "Ada"}),
        ("name: Ada", {"name": "Ada"}),
        ('name="Ada"', {"name": "Ada"}),
        ({"": "Ada"}, {"name": "Ada"}),
        ({"Ada": 19}, {"Ada": 19}),
        (["Ada", 3], ["Ada", 3]),
        (3, {"name": 3}),
    ],
)
def test_arguments_of_a_tool_that_takes_one_are_found(said, found):
    assert arguments(said, ["name"], ["name"]) == found


def test_arguments_that_fit_no_tool_stay_as_they_were_said():
    assert BOX.meant(calls_in('{"tool": "add", "args": "one and two"}', NAMES)[0]) == ("add", {"arguments": "one and two"})
    assert BOX.meant(calls_in('{"tool": "subtract", "args": {"a": 1}}', NAMES)[0]) == ("subtract", {"a": 1})


READ = Signature("q -> calls: ToolCalls")


@pytest.mark.parametrize(
    "reply",
    [
        '[{"name": "lookup", "args": {"name": "Ada"}}]',
        '{"name": "lookup", "arguments": {"name": "Ada"}}',
        '<tool_call>\n{"name": "lookup", "arguments": {"name": "Ada"}}\n</tool_call>',
        'Action: lookup\nAction Input: {"name": "Ada"}',
    ],
)
def test_an_output_of_tool_calls_is_read_in_these_forms_as_well(reply):
    found = ChatAdapter().parse(READ, reply)["calls"]
    assert found == ToolCalls.from_dict_list([{"name": "lookup", "args": {"name": "Ada"}}])


def test_a_list_of_calls_that_was_cut_off_is_not_taken_for_a_whole_one():
    assert ToolCalls.parse('[{"name": "lookup", "args": {"name": "Ada"}}, {"name"') is NotImplemented


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading(text):
    for call in calls_in(text, NAMES):
        assert isinstance(BOX.meant(call)[1], dict)
    arguments(text, ["a", "b"], ["a"])
    named(text, NAMES)
