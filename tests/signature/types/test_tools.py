"""Tools: what a function tells a model, what a model may ask of it, and what comes back."""

import dataclasses

import pytest

import adjoint
import adjoint.testing
from adjoint import Tool, ToolCalls
from adjoint.base.errors import BudgetExceeded, SignatureError, ToolError
from adjoint.base.portal import portal


@dataclasses.dataclass
class Place:
    city: str


def weather(place: Place, days: int = 1, *, unit: str = "C") -> str:
    """The weather of a place."""
    return f"{place.city} {days} {unit}"


async def slow(text: str) -> str:
    return text.upper()


def test_a_tool_is_read_from_its_function():
    tool = Tool(weather, arg_desc={"days": "from today"})
    assert (tool.name, tool.desc, tool.usage) == (
        "weather",
        "The weather of a place.",
        "place: any, days?: integer, unit?: string",
    )
    assert tool.parameters["properties"]["days"] == {"type": "integer", "description": "from today", "default": 1}
    assert (tool.parameters["required"], tool.parameters["additionalProperties"]) == (["place"], False)
    assert "Place" in tool.parameters["$defs"]


def test_arguments_get_their_types():
    assert Tool(weather)(place={"city": "Oslo"}, days="3") == "Oslo 3 C"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "needs the argument 'place'"),
        ({"place": {"city": "Oslo"}, "day": 1}, "has no argument 'day'"),
        ({"place": {"city": "Oslo"}, "days": "soon"}, "the argument 'days' of the tool 'weather' cannot be 'soon'"),
    ],
)
def test_wrong_arguments_are_named(arguments, reason):
    with pytest.raises(ToolError, match=reason):
        Tool(weather)(**arguments)


def test_what_a_tool_raises_carries_its_name():
    def broken(x: int) -> float:
        return 1 / x

    with pytest.raises(ToolError, match="the tool 'broken' raised ZeroDivisionError"):
        Tool(broken)(x=0)


def test_synchronous_and_asynchronous_functions_may_be_called_both_ways():
    assert Tool(slow)(text="a") == "A"
    assert portal.run(Tool(slow).acall(text="a")) == "A"
    assert portal.run(Tool(weather).acall(place={"city": "Rome"})) == "Rome 1 C"


def test_extra_arguments_are_taken_where_the_function_takes_them():
    assert Tool(lambda **given: given, name="any")(a=1) == {"a": 1}


def test_a_function_that_cannot_be_described_is_refused():
    def odd(x: "Nowhere"):  # noqa: F821
        return x

    with pytest.raises(SignatureError, match="args="):
        Tool(odd)


def test_calls_are_read_in_every_usual_form():
    wanted = [{"name": "slow", "args": {"text": "a"}}]
    openai = [{"id": "", "type": "function", "function": {"name": "slow", "arguments": '{"text": "a"}'}}]
    for form in (wanted, openai, {"tool_calls": wanted}, wanted[0]):
        assert ToolCalls.model_validate(form).model_dump() == wanted


def test_calls_are_executed_in_order_and_an_error_is_a_result():
    calls = ToolCalls.from_dict_list(
        [{"name": "slow", "args": {"text": "a"}}, {"name": "slwo", "args": {}}, {"name": "slow", "args": {}}]
    )
    results = calls.execute([slow, weather])
    assert results.values == ["A", None, None]
    assert "did you mean 'slow'" in results[1].error
    assert "needs the argument 'text'" in results[2].error
    assert portal.run(calls.aexecute([Tool(slow)])).values == ["A", None, None]


def test_calls_know_the_tools_that_their_predictor_was_given_and_are_equal_by_what_they_say():
    answers = [{"calls": [{"name": "slow", "args": {"text": "a"}}]}]
    with adjoint.context(lm=adjoint.testing.DummyLM(answers), ledger=None):
        found = adjoint.Predict("q, tools: list[Tool] -> calls: ToolCalls")(q="?", tools=[Tool(slow)]).calls
    assert [call.execute() for call in found] == found.execute().values == ["A"]
    assert found == ToolCalls.from_dict_list(answers[0]["calls"])
    assert found[0] != ToolCalls.ToolCall(name="slow")


def test_a_callable_object_is_described_by_its_call():
    class Adder:
        """Adds."""

        def __init__(self, more):
            self.more = more

        def __call__(self, number: int) -> int:
            """Add to a number."""
            return number + self.more

    tool = Tool(Adder(2))
    assert (tool.name, tool.desc, tool(number="3")) == ("Adder", "Add to a number.", 5)


def test_a_spent_budget_inside_a_tool_is_not_swallowed():
    def spend() -> None:
        raise BudgetExceeded("spent")

    with pytest.raises(BudgetExceeded):
        ToolCalls.from_dict_list([{"name": "spend"}]).execute([spend])


def test_schemas_that_arguments_refer_to_come_along_in_every_form():
    tool = Tool(weather)
    for schema in (tool.parameters, tool.format_as_litellm_function_call()["function"]["parameters"]):
        assert schema["properties"]["place"] == {"$ref": "#/$defs/Place"}
        assert schema["$defs"]["Place"]["properties"]["city"]["type"] == "string"
    assert "$defs" not in Tool(slow).format_as_litellm_function_call()["function"]["parameters"]


def test_wrong_arguments_of_a_tool_are_value_errors_too_as_dspys_users_catch_them():
    def double(number: int) -> int:
        return 2 * number

    with pytest.raises(ValueError, match="takes"):
        Tool(double)(number="many")
    with pytest.raises(ValueError, match="has no argument"):
        Tool(double)(number=1, more=2)
