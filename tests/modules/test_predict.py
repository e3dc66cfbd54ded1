"""Predict and ChainOfThought: one call, exact messages, one repair turn, errors that say what to write."""

import asyncio

import pytest

import adjoint
from adjoint import ChainOfThought, InputField, OutputField, Predict, Prediction, Signature
from adjoint.base.errors import ParseError, RateLimitError, UnknownNameError, UsageError
from adjoint.base.portal import portal
from adjoint.lm.retry import RetryPolicy
from adjoint.testing import ScriptedLM


def scripted(*answers):
    return adjoint.context(lm=ScriptedLM(list(answers)), ledger=None)


def asked(here):
    return [[(message.role, message.text) for message in request.messages] for request in here.lm.requests]


def test_a_call_asks_once_and_gives_typed_outputs():
    with scripted("[[answer]]\n4\n[[sure]]\nyes") as here:
        found = Predict("question -> answer: int, sure: bool")(question="2+2?")
    assert (found.answer, found["sure"], found.toDict()) == (4, True, {"answer": 4, "sure": True})
    assert len(here.lm.requests) == 1


def test_a_missing_input_is_refused_before_anything_is_asked():
    with scripted("x") as here, pytest.raises(UsageError, match="'context' is missing; given are question"):
        Predict("question, context -> answer")(question="?")
    assert here.lm.requests == []


def test_an_unknown_input_offers_the_nearest():
    with scripted("x"), pytest.raises(UnknownNameError, match="did you mean 'question'"):
        Predict("question -> answer")(qestion="?")


def test_positional_inputs_are_refused_with_the_names():
    with scripted("x"), pytest.raises(UsageError, match=r"by name: question=\.\.\., context=\.\.\."):
        Predict("question, context -> answer")("What?")
    with scripted("x"), pytest.raises(UsageError, match="by name: none"):
        Predict("-> answer")("What?")


def test_a_call_may_bring_its_own_demos_lm_config_and_signature():
    ask, other = Predict("q -> a", temperature=0.9), ScriptedLM(["5"])
    signature = Signature("q -> a: int", "Count.")
    with scripted():
        found = ask(q="?", lm=other, config={"temperature": 0.0}, demos=[{"q": "1", "a": 1}], signature=signature)
    (request,) = other.requests
    assert found.a == 5
    assert request.temperature == 0.0
    assert [message.text for message in request.messages] == [
        'Count.\n\nReply only with JSON in this form:\n{"a": <integer>}',
        "1",
        '{"a": 1}',
        "?\n\nReply only with the JSON.",
    ]
    assert (ask.demos, ask.signature.signature, ask.config) == ([], "q -> a", {"temperature": 0.9})


def test_options_come_from_the_lm_then_the_predictor_then_the_call():
    lm = adjoint.LM(ScriptedLM(["x"] * 3), temperature=0.1, max_tokens=5)
    with adjoint.context(lm=lm, ledger=None):
        Predict("q -> a")(q="?")
        Predict("q -> a", temperature=0.2)(q="?")
        Predict("q -> a", temperature=0.2)(q="?", config={"max_tokens": 7})
    assert [(r.temperature, r.max_tokens) for r in lm.client.requests] == [(0.1, 5), (0.2, 5), (0.2, 7)]


def test_demos_are_shown_as_turns_and_changes_in_place_count():
    ask = Predict("q -> a")
    ask.demos = [{"q": "1", "a": "one"}]
    with scripted("x", "x") as here:
        ask(q="?")
        ask.demos[0]["a"] = "ONE"
        ask(q="?")
    assert [turns[2] for turns in asked(here)] == [("assistant", "one"), ("assistant", "ONE")]


def test_render_gives_the_exact_messages_and_asks_nothing():
    ask = Predict("q -> a", "Answer.")
    ask.demos = [{"q": "1", "a": "one"}]
    with scripted("x") as here:
        shown = ask.render(q="?")
        assert here.lm.requests == []
        ask(q="?")
    assert here.lm.requests[0].messages == shown


def test_an_edited_signature_or_instruction_is_what_is_asked():
    ask = Predict("q -> a", "Answer.")
    ask.signature = ask.signature.with_instructions("Answer in French.")
    assert ask.render(q="?")[0].text == "Answer in French."
    ask.load_state_dict({"instruction": "Answer in Latin."})
    assert ask.signature.instructions == ask.instruction == ask.render(q="?")[0].text == "Answer in Latin."


def test_an_unreadable_reply_is_repaired_once_and_the_tape_shows_it():
    with scripted("many", "4") as here:
        found = Predict("q -> n: int")(q="2+2?")
    (node,) = found.tape.nodes
    assert found.n == 4
    assert [turn[1] for turn in asked(here)[1][-2:]] == [
        "many",
        "That cannot be used: n should be an integer, got 'many' (Input should be a valid integer). Now write only the n: an integer.",
    ]
    assert (node.repair, node.messages) == (here.lm.requests[1].messages[-2:], here.lm.requests[0].messages)
    assert (node.usage.calls, node.reply) == (2, "4")


def test_after_two_unreadable_replies_the_call_is_asked_anew_in_another_form():
    with scripted("many", "a lot", "N: 4") as here:
        found = Predict("q -> n: int", temperature=0.3)(q="2+2?")
    (node,) = found.tape.nodes
    assert (found.n, node.usage.calls, node.reply, node.repair) == (4, 3, "N: 4", ())
    assert here.lm.requests[2].messages == node.messages
    assert [message.text for message in node.messages] == [
        "Given q, give n.\n\nReply in this form:\nN: <an integer>",
        '2+2?\n\nReply with "N:" (an integer).',
    ]
    assert {request.temperature for request in here.lm.requests} == {0.3}


def test_a_third_unreadable_reply_is_a_parse_error_on_the_node():
    tape = adjoint.Tape()
    with scripted("many", "a lot", "plenty", "4") as here, adjoint.context(tape=tape), pytest.raises(ParseError) as raised:
        Predict("q -> n: int")(q="2+2?")
    assert raised.value.raw == "plenty"
    assert len(here.lm.requests) == 3
    assert tape.nodes[0].error.startswith("ParseError: n should be an integer, got 'plenty'")
    assert tape.nodes[0].outputs == {}


def test_only_what_a_reply_lacks_is_asked_for_again():
    with scripted('{"name": "Ada", "age": "old"}', "36") as here:
        found = Predict("text -> name, age: int")(text="Ada is 36.")
    assert dict(found) == {"name": "Ada", "age": 36}
    assert here.lm.requests[1].messages[-1].text.endswith("Now write only the age: an integer.")


def test_reasoning_that_came_is_kept_when_the_answer_is_asked_for():
    with scripted("Reasoning: Two and two.", "Answer: 4") as here:
        found = adjoint.ChainOfThought("q -> answer: int")(q="2+2?")
    assert dict(found) == {"reasoning": "Two and two.", "answer": 4}
    assert here.lm.requests[1].messages[-1].text == (
        'That cannot be used: the reply has no "Answer:". Now write only the answer: an integer.'
    )


def test_a_reply_that_copies_the_form_is_not_shown_to_the_model_again():
    with scripted('{"name": "<name>", "age": 0}', "Ada") as here:
        found = Predict("text -> name, age: int")(text="Ada was born today.")
    assert dict(found) == {"name": "Ada", "age": 0}
    assert [message.role for message in here.lm.requests[1].messages] == ["system", "user"]
    assert here.lm.requests[1].messages[-1].text.endswith("Now write only the name.")


def test_a_failing_lm_stands_on_the_node():
    tape = adjoint.Tape()
    with (
        scripted(RateLimitError("slow down")),
        adjoint.context(tape=tape, retry=RetryPolicy(attempts=1)),
        pytest.raises(RateLimitError),
    ):
        Predict("q -> a")(q="?")
    assert tape.nodes[0].error == "RateLimitError: slow down"


def test_set_lm_binds_every_predictor_whatever_the_context_says():
    program = ChainOfThought("q -> a")
    program.set_lm(ScriptedLM(["[[reasoning]]\nwell\n[[a]]\nbound"]))
    with scripted("[[reasoning]]\nwell\n[[a]]\ncontext"):
        assert program(q="?").a == "bound"


def test_chain_of_thought_reasons_before_it_answers():
    program = ChainOfThought("question -> answer: int", "Count.", temperature=0.3)
    with scripted("[[reasoning]]\nTwo and two.\n[[answer]]\n4") as here:
        found = program(question="2+2?")
    assert (found.reasoning, found.answer) == ("Two and two.", 4)
    assert [name for name, _ in program.named_predictors()] == ["predict"]
    assert program.predict.signature.signature == "question -> reasoning, answer"
    assert here.lm.requests[0].temperature == 0.3


def test_a_signature_that_reasons_already_is_taken_as_it_is():
    assert ChainOfThought("q -> a, reasoning").predict.signature.signature == "q -> a, reasoning"


def test_a_class_is_a_signature_as_in_dspy():
    class QA(Signature):
        """Answer with a short fact."""

        question: str = InputField(desc="a question", prefix="Question:")
        answer: str = OutputField(desc="one word")

    with scripted("Paris") as here:
        assert Predict(QA)(question="capital?").answer == "Paris"
    assert asked(here)[0][0][1].startswith("Answer with a short fact.")


class Nested(adjoint.Module):
    """A program of a user: modules inside modules, and its own prediction."""

    def __init__(self):
        super().__init__()
        self.think, self.check = ChainOfThought("q -> a"), Predict("claim -> ok: bool")

    def forward(self, q):
        thought = self.think(q=q)
        return Prediction(a=thought.a, ok=self.check(claim=f"{q} {thought.a}").ok)


ANSWERS = ("[[reasoning]]\nhm\n[[a]]\nParis, the capital", "yes")


def test_a_users_program_runs_the_same_in_both_colours():
    with scripted(*ANSWERS):
        now = Nested()(q="capital?")
    with scripted(*ANSWERS):
        later = portal.run(Nested().acall(q="capital?"))
    with scripted(*ANSWERS):
        elsewhere = asyncio.run(Nested().acall(q="capital?"))
    assert now == later == elsewhere == Prediction(a="Paris, the capital", ok=True)
    assert [len(found.tape.nodes) for found in (now, later, elsewhere)] == [2, 2, 2]
    assert now.tape.explain() == later.tape.explain()


def test_a_program_that_awaits_runs_in_both_colours():
    class Awaits(adjoint.Module):
        def __init__(self):
            self.ask = Predict("q -> a")

        async def aforward(self, q):
            return (await asyncio.gather(self.ask.acall(q=q), self.ask.acall(q=q)))[1]

    with scripted("1", "2"):
        assert Awaits()(q="?").a in ("1", "2")
    with scripted("1", "2"):
        assert len(asyncio.run(Awaits().acall(q="?")).tape.nodes) == 2


def test_the_nearer_of_forward_and_aforward_is_what_runs():
    class Loud(ChainOfThought):
        def forward(self, **inputs):
            return Prediction(a=super().forward(**inputs).a.upper())

    class Quiet(Loud):
        async def aforward(self, **inputs):
            return Prediction(a=(await self.predict.acall(**inputs)).a.lower())

    for cls, answer in ((Loud, "PARIS"), (Quiet, "paris")):
        with scripted("[[reasoning]]\n.\n[[a]]\nParis", "[[reasoning]]\n.\n[[a]]\nParis"):
            assert (cls("q -> a")(q="?").a, portal.run(cls("q -> a").acall(q="?")).a) == (answer, answer)


def test_a_module_without_forward_says_what_to_write():
    with pytest.raises(NotImplementedError, match="def forward"):
        adjoint.Module()(q="?")


def test_a_field_of_a_prediction_that_is_not_there_names_the_others():
    with scripted("Paris"), pytest.raises(AttributeError, match="no field 'anser'; it has answer"):
        _ = Predict("q -> answer")(q="?").anser


def test_a_prediction_feeds_another_call_and_an_example_spreads_into_one():
    row = adjoint.Example(question="capital?", answer="Paris").with_inputs("question")
    with scripted("Paris", "yes"):
        found = Predict("question -> answer")(**row.inputs())
        assert Predict("answer -> ok: bool")(**found).ok is True
