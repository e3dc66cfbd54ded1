"""Tools that a program calls by itself stand on its tape like those of an agent."""

import pytest

import adjoint
from adjoint import Predict, Tool
from adjoint.base.errors import ToolError
from adjoint.testing import ScriptedLM


def look_up(city: str) -> str:
    """The size of a city."""
    if city == "Nowhere":
        raise LookupError(city)
    return f"{city} has 5 million people in all"


class Guide(adjoint.Module):
    def __init__(self):
        self.choose = Predict("question -> city")
        self.tool = Tool(look_up)
        self.answer = Predict("fact -> answer")

    def forward(self, question):
        return self.answer(fact=self.tool(city=self.choose(question=question).city))


class AsyncGuide(Guide):
    async def aforward(self, question):
        city = (await self.choose.acall(question=question)).city
        return await self.answer.acall(fact=await self.tool.acall(city=city))


@pytest.mark.parametrize("program", [Guide(), AsyncGuide()], ids=["sync", "async"])
def test_a_tool_stands_between_the_calls_that_it_connects(program):
    with adjoint.context(lm=ScriptedLM(["Lutetia Parisiorum", "5"]), ledger=None):
        tape = program(question="How big?").tape
    first, tool, last = tape.nodes
    assert (tool.op, tool.inputs, tool.details) == ("tool", {"city": "Lutetia Parisiorum"}, {"tool": "look_up"})
    assert [(edge.source, edge.how) for edge in tool.parents["city"]] == [(first, "identity")]
    assert [(edge.source, edge.field, edge.how) for edge in last.parents["fact"]] == [(tool, "result", "identity")]


def test_an_error_of_a_tool_stands_on_its_node_and_is_raised():
    tapes = []

    class Program(adjoint.Module):
        def forward(self):
            tapes.append(adjoint.settings.tape)
            Tool(look_up)(city="Nowhere")

    with pytest.raises(ToolError, match="LookupError"):
        Program()()
    assert "LookupError" in tapes[0].nodes[0].error


def test_a_tool_outside_of_a_program_is_just_called():
    assert Tool(look_up)(city="Rome") == "Rome has 5 million people in all"


def test_listeners_hear_of_every_call_of_a_tool_once():
    heard = []

    class Listener(adjoint.BaseCallback):
        def on_tool_end(self, call_id, outputs, exception):
            heard.append(outputs)

    with adjoint.context(lm=ScriptedLM(["Rome", "5"]), ledger=None, callbacks=[Listener()]):
        Guide()(question="How big?")
    assert heard == ["Rome has 5 million people in all"]


def test_a_tool_is_not_called_again_when_an_assertion_sends_the_answer_back():
    called = []

    def count(city: str) -> str:
        """Count."""
        called.append(city)
        return f"{city} has been counted"

    class Checked(adjoint.Module):
        def __init__(self):
            self.tool, self.answer = Tool(count), Predict("fact -> answer")

        def forward(self):
            found = self.answer(fact=self.tool(city="Rome"))
            adjoint.Assert(found.answer == "right", "Say right.")
            return found

    with adjoint.context(lm=ScriptedLM(["wrong", "right"]), ledger=None):
        found = Checked()()
    assert (found.answer, called, [node.op for node in found.tape.nodes]) == ("right", ["Rome"], ["tool", "predict"])
