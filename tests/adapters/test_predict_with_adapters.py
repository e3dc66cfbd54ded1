"""Adapters in a call: native features where the LM has them, two models in two steps, refusals, replies cut off, prompts shown."""

import pytest

import adjoint
from adjoint import ChatAdapter, JSONAdapter, Predict, Tool, TwoStepAdapter
from adjoint.base.errors import ParseError, RefusalError, UsageError
from adjoint.base.tokens import most_tokens
from adjoint.lm.types import Response, ToolCall
from adjoint.testing import ScriptedLM


class Able(ScriptedLM):
    """A scripted LM that has native features."""

    def __init__(self, answers, *supports):
        super().__init__(answers)
        self.supports = frozenset(supports)


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


TOOLS = "question, tools: list[Tool] -> calls: ToolCalls"


@pytest.mark.parametrize("adapter", [ChatAdapter(), JSONAdapter()], ids=lambda adapter: adapter.name)
def test_tools_are_called_natively_where_the_lm_can(adapter):
    lm = Able([Response("", "tool_calls", tool_calls=(ToolCall("c1", "add", '{"a": 1, "b": "2"}'),))], "tools", "schema")
    with adjoint.context(lm=lm, adapter=adapter):
        found = Predict(TOOLS)(question="1+2?", tools=[Tool(add)])
    request = lm.requests[0]
    assert [tool.name for tool in request.tools] == ["add"]
    assert request.schema is None
    assert "add" not in request.messages[-1].text
    assert found.calls.execute().values == [3]
    assert found.calls[0].id == "c1"


def test_tools_stand_in_the_prompt_where_the_lm_cannot():
    lm = ScriptedLM(['[{"name": "add", "args": {"a": 1, "b": 2}}]'])
    with adjoint.context(lm=lm):
        found = Predict(TOOLS)(question="1+2?", tools=[Tool(add)])
    assert lm.requests[0].tools == ()
    assert '"Add two numbers."' in lm.requests[0].messages[-1].text
    assert found.calls.execute().values == [3]


def test_a_model_that_calls_no_tool_gives_no_calls_and_one_that_calls_says_nothing_else():
    signature = "question, tools: list[Tool] -> answer, calls: ToolCalls"
    lm = Able(["It is 3.", Response("", tool_calls=(ToolCall("c", "add", "{}"),))], "tools")
    with adjoint.context(lm=lm):
        said, called = (Predict(signature)(question=q, tools=[Tool(add)]) for q in ("a", "b"))
    assert (said.answer, len(said.calls)) == ("It is 3.", 0)
    assert (called.answer, called.calls[0].name) == (None, "add")


def test_broken_arguments_of_a_native_call_are_shown_to_the_lm_once():
    broken = Response("", tool_calls=(ToolCall("c", "add", "a=1"),))
    lm = Able([broken, Response("", tool_calls=(ToolCall("c", "add", '{"a": 1, "b": 1}'),))], "tools")
    with adjoint.context(lm=lm):
        assert Predict(TOOLS)(question="?", tools=[Tool(add)]).calls[0].args == {"a": 1, "b": 1}
    assert "no JSON object" in lm.requests[1].messages[-1].text


def test_demos_with_native_calls_are_turns_that_providers_take():
    demo = {"question": "2+2?", "calls": [{"name": "add", "args": {"a": 2, "b": 2}}]}
    signature = adjoint.Signature(TOOLS)
    turns = ChatAdapter().prefix(signature, "Do.", [demo], supports=frozenset({"tools"}))
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "tool"]
    assert turns[2].tool_calls[0].id == turns[3].tool_call_id == "demo0_0"


def test_the_schema_is_sent_where_the_lm_enforces_it_and_shown_where_it_does_not():
    able, plain = Able(['{"label": "b", "n": 2}'], "schema"), ScriptedLM(['{"label": "b", "n": 2}'])
    ask = Predict("text -> label: Literal['a', 'b'], n: int")
    for lm in (able, plain):
        with adjoint.context(lm=lm, adapter=JSONAdapter()):
            assert dict(ask(text="x")) == {"label": "b", "n": 2}
    sent = able.requests[0].schema
    assert (sent["required"], sent["properties"]["label"]["enum"]) == (["label", "n"], ["a", "b"])
    assert plain.requests[0].schema is None
    assert '"label": "<a or b>"' in plain.requests[0].messages[0].text
    assert "one of" not in able.requests[0].messages[0].text


def test_a_two_step_call_asks_the_second_model_to_copy_the_outputs():
    first, second = ScriptedLM(["I would say it is a refund, twice."]), ScriptedLM(["[[label]]\nrefund\n[[n]]\n2"])
    with adjoint.context(lm=first, adapter=TwoStepAdapter(second)):
        found = Predict("text -> label: Literal['refund', 'other'], n: int")(text="x")
    assert dict(found) == {"label": "refund", "n": 2}
    assert second.requests[0].messages[-1].text.startswith("I would say it is a refund, twice.\n\n")
    assert found.tape.usage().calls == 2


def test_the_repair_turn_of_a_two_step_call_goes_to_the_second_model():
    first, second = ScriptedLM(["Two."]), ScriptedLM(["many", "2"])
    with adjoint.context(lm=first, adapter=TwoStepAdapter(extraction_model=second)):
        assert Predict("text -> n: int")(text="x").n == 2
    assert (len(first.requests), len(second.requests)) == (1, 2)


def test_half_an_answer_is_not_extracted_from():
    second = ScriptedLM([])
    with (
        adjoint.context(lm=ScriptedLM([Response("It is", "length")]), adapter=TwoStepAdapter(second)),
        pytest.raises(ParseError, match="max_tokens"),
    ):
        Predict("text -> n: int")(text="x")
    assert second.requests == []


def test_a_two_step_adapter_needs_its_model():
    with pytest.raises(UsageError, match="the LM that extracts"):
        TwoStepAdapter()


def test_a_refusal_is_typed_and_asked_once():
    lm = ScriptedLM([Response("I will not.", "refusal")])
    with adjoint.context(lm=lm), pytest.raises(RefusalError, match="I will not"):
        Predict("q -> a")(q="?")
    assert len(lm.requests) == 1


def test_a_reply_cut_off_is_not_asked_for_again():
    lm = ScriptedLM([Response("[[a]]\nx", "length")])
    with adjoint.context(lm=lm), pytest.raises(ParseError, match="raise max_tokens") as raised:
        Predict("q -> a, b")(q="?")
    assert (len(lm.requests), raised.value.raw) == (1, "[[a]]\nx")


def test_a_reply_that_runs_in_a_circle_until_it_is_cut_off_is_asked_for_in_another_form():
    circle = '{"reasoning": "' + "She is a young girl who loves chess, so it is a hobby for her. " * 20
    lm = ScriptedLM([Response(circle, "length"), 'Reasoning: She loves chess.\nHobbies: ["chess"]'])
    with adjoint.context(lm=lm, ledger=None):
        found = adjoint.ChainOfThought("text -> hobbies: list[str]")(text="She is 14 and loves chess.")
    assert dict(found) == {"reasoning": "She loves chess.", "hobbies": ["chess"]}
    assert 'Hobbies: ["...", "..."]' in lm.requests[1].messages[0].text


def test_a_prompt_is_shown_with_its_tokens_before_anything_is_asked():
    ask = adjoint.ChainOfThought("question -> answer", "Answer briefly.")
    shown = ask.render(question="What is 1+1?")
    assert [message.role for message in shown.messages] == ["system", "user"]
    assert "--- user\nWhat is 1+1?" in str(shown)
    assert str(shown).endswith(f"at most {shown.tokens} tokens")
    assert 60 < shown.tokens < 100


def test_a_prompt_counts_images_tools_and_the_schema():
    with adjoint.context(lm=Able([], "schema", "tools"), adapter=JSONAdapter()):
        assert Predict("photo: Image -> n: int").render(photo="https://x.org/a.png").tokens > 1600
        tools = Predict(TOOLS).render(question="?", tools=[Tool(add)])
    assert "--- tools\nadd" in str(tools)


@pytest.mark.parametrize(
    "text", ["What is the capital of France?", '{"a": [1, 2, 3], "b": "text"}', "def f(x):\n    return x + 1\n", "東京", "🎉", ""]
)
def test_the_estimate_is_above_four_bytes_a_token(text):
    assert most_tokens(text) >= len(text.encode()) / 4


def test_what_an_lm_supports_can_be_said_and_is_checked():
    lm = adjoint.LM("openai/some-model", base_url="http://127.0.0.1:9/v1", supports={"schema"})
    assert lm.copy(temperature=0.0).supports == {"schema"}
    assert adjoint.LM("openai/some-model", base_url="http://127.0.0.1:9/v1").supports == frozenset()
    assert adjoint.LM("openai/some-model", api_key="k").supports == {"schema", "tools"}
    with pytest.raises(UsageError, match="unknown feature 'schemas'"):
        adjoint.LM(ScriptedLM([]), supports={"schemas"})
