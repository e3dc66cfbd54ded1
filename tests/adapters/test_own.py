"""Adapters as DSPy's programs write them."""

import asyncio

import pytest

import adjoint
from adjoint import Adapter, ChatAdapter, JSONAdapter, Predict, Signature, TwoStepAdapter, XMLAdapter
from adjoint.base.errors import ProgramError, UsageError
from adjoint.testing import ScriptedLM


class Bare(Adapter):
    """All in one user message, and the reply is `name=value` lines."""

    def format(self, signature, demos, inputs):
        shown = [f"{demo['q']} -> {demo['n']}" for demo in demos]
        return [{"role": "user", "content": "\n".join([signature.instructions, *shown, inputs["q"]])}]

    def parse(self, signature, completion):
        if "=" not in completion:
            raise adjoint.AdapterParseError(adapter_name="Bare", signature=signature, lm_response=completion)
        return dict(line.split("=", 1) for line in completion.splitlines())


def asked(adapter, program, answers, **inputs):
    lm = ScriptedLM(answers)
    with adjoint.context(lm=lm, adapter=adapter, ledger=None):
        return program(**inputs), lm.requests


def test_all_messages_are_those_of_format_and_outputs_get_the_types_of_their_fields():
    program = Predict("q -> n: int", "Count.")
    program.demos = [{"q": "one", "n": 1}]
    found, requests = asked(Bare(), program, ["n=2"], q="two")
    assert found.n == 2
    assert [message.content for message in requests[0].messages] == ["Count.\none -> 1\ntwo"]


def test_a_new_instruction_and_new_demos_are_seen_at_once():
    program = Predict("q -> n: int", "Count.")
    asked(Bare(), program, ["n=2"], q="two")
    program.instruction = "Add."
    program.demos = [{"q": "one", "n": 1}]
    _, requests = asked(Bare(), program, ["n=3"], q="three")
    assert requests[0].messages[0].content == "Add.\none -> 1\nthree"


@pytest.mark.parametrize("first", ["?", "n=many", "m=2"], ids=["parse refuses", "wrong type", "output missing"])
def test_a_reply_that_cannot_be_read_is_shown_to_the_model_once(first):
    found, requests = asked(Bare(), Predict("q -> n: int"), [first, "n=4"], q="?")
    assert (found.n, len(requests)) == (4, 2)


def test_what_else_the_adapter_raises_is_named():
    class Broken(Bare):
        def parse(self, signature, completion):
            raise KeyError("oh")

    with pytest.raises(ProgramError, match=r"Broken\.parse raised KeyError"):
        asked(Broken(), Predict("q -> n: int"), ["n=1"], q="?")


def test_format_may_be_made_of_hooks():
    class Hooks(Adapter):
        def format_field_description(self, signature):
            return ", ".join(signature.input_fields)

        def format_field_structure(self, signature):
            return "in one word"

        def format_user_message_content(self, signature, inputs, prefix="", suffix="", *, main_request=False):
            return f"{'now: ' if main_request else ''}{inputs['q']}"

        def format_assistant_message_content(self, signature, outputs, missing_field_message=None):
            return outputs["a"]

        def parse(self, signature, completion):
            return {"a": completion}

    program = Predict("q -> a", "Say.")
    program.demos = [{"q": "x", "a": "y"}]
    _, requests = asked(Hooks(), program, ["z"], q="?")
    assert [message.content for message in requests[0].messages] == ["q\n\nin one word\n\nSay.", "x", "y", "now: ?"]


def test_a_chat_adapter_with_a_format_or_a_parse_of_its_own_is_asked_for_it():
    class Polite(ChatAdapter):
        def format(self, signature, demos, inputs):
            return [*super().format(signature, demos, inputs), {"role": "user", "content": "Please."}]

        def parse(self, signature, completion):
            return {name: value.strip("!") for name, value in super().parse(signature, completion).items()}

    found, requests = asked(Polite(), Predict("q -> a", "Say."), ["so!"], q="?")
    assert found.a == "so"
    assert [message.content for message in requests[0].messages] == ["Say.", "?", "Please."]


def test_the_settings_show_the_adapter_itself_and_none_is_the_default():
    mine = Bare()
    with adjoint.context(adapter=mine):
        assert adjoint.settings.adapter is mine
        with adjoint.context(adapter=None):
            assert adjoint.settings.adapter is None  # each LM is asked as suits it


def test_a_hook_that_nobody_would_ask_is_refused():
    with pytest.raises(UsageError, match=r"begin with adjoint\.Adapter"):
        type("Mine", (ChatAdapter,), {"format_field_structure": lambda self, signature: ""})


def test_an_adapter_is_called_by_itself():
    lm = adjoint.LM(ScriptedLM(["n=2", "n=3"]))
    given = (lm, {"temperature": 0.5}, Signature("q -> n", "Count."), [{"q": "one", "n": 1}], {"q": "two"})
    with adjoint.context(ledger=None):
        assert Bare()(*given) == [{"n": "2"}]
        assert asyncio.run(Bare().acall(*given)) == [{"n": "3"}]
    assert [request.temperature for request in lm.client.requests] == [0.5, 0.5]
    assert lm.client.requests[0].messages[0].content == "Count.\none -> 1\ntwo"


def test_an_adapter_that_asks_two_models_is_not_called_by_itself():
    lm = adjoint.LM(ScriptedLM([]))
    with pytest.raises(UsageError, match="TwoStepAdapter asks more than once"):
        TwoStepAdapter(lm)(lm, {}, Signature("q -> n"), [], {"q": "two"})


def test_an_error_says_which_adapter_could_not_read_what():
    signature = Signature("q -> a: int, b: str")
    for adapter in (ChatAdapter(), JSONAdapter(), XMLAdapter()):
        with pytest.raises(adjoint.AdapterParseError) as caught:
            adapter.parse(signature, "nothing")
        assert (caught.value.adapter_name, caught.value.signature, caught.value.lm_response) == (
            type(adapter).__name__,
            signature,
            "nothing",
        )


def test_a_call_of_ones_own_that_no_predictor_would_make_is_refused_where_it_is_written():
    with pytest.raises(UsageError, match=r"Loud\.__call__ would not be asked"):

        class Loud(Bare):
            def __call__(self, *given):
                return []
