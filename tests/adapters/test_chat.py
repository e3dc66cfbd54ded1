"""The Chat adapter: each shape of outputs is asked for in its form, and a reply in another form is read as well."""

import datetime as dt
import enum
from typing import Any, Literal

import pydantic
import pytest

from adjoint import ChatAdapter, InputField, OutputField, Signature
from adjoint.adapters.base import render
from adjoint.adapters.forms.choice import DEFAULTS, FORMS
from adjoint.base.errors import ParseError, UnknownNameError
from adjoint.lm.types import Response

chat = ChatAdapter()


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(pydantic.BaseModel):
    street: str
    city: str = pydantic.Field(description="city of residence")


class Person(pydantic.BaseModel):
    name: str
    age: int
    hobbies: list[str] = []
    address: Address | None = None


def asked(signature, adapter=chat, **inputs):
    return [(turn.role, turn.text) for turn in render(adapter, signature, signature.instructions, (), inputs).messages]


def parse(signature, reply, **options):
    return chat.parse(signature, Response(reply, **options))


def test_one_text_is_asked_for_without_a_word_about_form():
    assert asked(Signature("question -> answer", "Answer briefly."), question="1+1?") == [
        ("system", "Answer briefly."),
        ("user", "1+1?"),
    ]


def test_typed_outputs_are_asked_for_as_json_by_example_with_a_reminder_behind_the_input():
    assert asked(Signature("text -> name, age: int", "Extract."), text="Ada is 36.") == [
        ("system", 'Extract.\n\nReply only with JSON in this form:\n{"name": "<name>", "age": <integer>}'),
        ("user", "Ada is 36.\n\nReply only with the JSON."),
    ]


def test_plain_values_behind_reasoning_are_asked_for_as_labelled_lines():
    signature = Signature("question -> reasoning, due_date: int", "Think.")
    assert asked(signature, question="?") == [
        ("system", "Think.\n\nReply in this form:\nReasoning: <think step by step>\nDue Date: <an integer>"),
        ("user", '?\n\nReply with "Reasoning:" and then "Due Date:" (an integer).'),
    ]


def test_a_few_allowed_values_are_said_again_behind_the_input_and_many_only_above_the_form():
    few = asked(Signature("text -> mood: Literal['good', 'bad']", "Judge."), text="x")
    assert few[0][1].endswith('{"mood": "<good or bad>"}')
    assert few[1][1] == 'x\n\nReply only with the JSON. "mood" is one of: good, bad.'
    names = [f"intent {number}" for number in range(77)]
    many = asked(Signature({"text": (str, InputField()), "intent": (Literal[tuple(names)], OutputField())}, "Judge."), text="x")
    assert many[0][1].count("intent 76") == 1
    assert many[1][1] == "x\n\nReply only with the JSON."


EXAMPLES = {
    "text": (str, '"<out>"'),
    "amount": (float, "<number>"),
    "flag": (bool, "<true or false>"),
    "choice": (Colour, '"<red or blue>"'),
    "numbers to choose from": (Literal[1, 2], "<1 or 2>"),
    "day": (dt.date, '"<YYYY-MM-DD>"'),
    "maybe": (int | None, "<integer> or null"),
    "one of two types": (int | str, '<integer> or "<out>"'),
    "texts": (list[str], '["...", "..."]'),
    "numbers": (list[int], "[<integer>, ...]"),
    "pair": (tuple[int, str], '[<integer>, "<out>"]'),
    "mapping": (dict[str, int], '{"<name>": <integer>, ...}'),
    "anything": (Any, "<any JSON>"),
    "record": (
        Person,
        (
            '{"name": "<name>", "age": <integer>, "hobbies": ["...", "..."], '
            '"address": {"street": "<street>", "city": "<city of residence>"} or null}'
        ),
    ),
    "records": (list[Address], '[{"street": "<street>", "city": "<city of residence>"}, ...]'),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_type_is_shown_as_an_example_and_never_as_a_schema(name):
    type_, shown = EXAMPLES[name]
    form = asked(Signature({"q": (str, InputField()), "n": (int, OutputField()), "out": (type_, OutputField())}), q="?")[0][1]
    assert form.endswith(f'{{"n": <integer>, "out": {shown}}}')


def test_limits_of_a_value_are_shown():
    rated = Signature({"q": (str, InputField()), "n": (int, OutputField(ge=1, le=5)), "note": (str, OutputField(max_length=9))})
    assert asked(rated, q="?")[0][1].endswith(
        '{"n": <integer, at least 1, at most 5>, "note": "<note, at most 9 long>"}',
    )


def test_a_type_inside_of_itself_is_shown_once():
    class Tree(pydantic.BaseModel):
        name: str
        below: "list[Tree]" = []

    made = Signature({"q": (str, InputField()), "tree": (Tree, OutputField())})
    assert asked(made, q="?")[0][1].endswith('{"tree": {"name": "<name>", "below": [<Tree>, ...]}}')


def test_descriptions_of_outputs_stand_above_the_form():
    made = Signature({"q": (str, InputField()), "n": (int, OutputField(desc="how many"))}, "Count.")
    assert asked(made, q="?")[0][1] == 'Count.\n\n- n: how many\n\nReply only with JSON in this form:\n{"n": <integer>}'


def test_demos_are_turns_in_the_same_form():
    signature = Signature("text -> name, age: int", "Extract.")
    turns = chat.prefix(signature, "Extract.", [{"text": "Bo is 4.", "name": "Bo", "age": 4}])
    assert [turn.text for turn in turns[1:]] == ["Bo is 4.", '{"name": "Bo", "age": 4}']


PERSON = Signature("text -> name, age: int")


@pytest.mark.parametrize(
    "reply",
    [
        '{"name": "Ada", "age": 36}',
        '```json\n{"name": "Ada", "age": "36"}\n```',
        'Here it is:\n{"name": "Ada", "age": 36}\nI hope that this helps.',
        "{'name': 'Ada', 'age': 36,}",
        "Name: Ada\nAge: 36",
        "**Name:** Ada\n**Age:** 36 years",
        "- name: Ada\n- age: 36",
        "[[name]]\nAda\n[[age]]\n36",
        "[[ ## name ## ]]\nAda\n\n[[ ## age ## ]]\n36\n\n[[ ## completed ## ]]",
        '{"name": "Ada", "age": 36, "city": [London]}',
        'I read it.\n{"name": "Ada", "age": 36}\n\nNext text: Bo is 4.\n{"name": "Bo", "age": 4}',
    ],
)
def test_a_reply_in_any_known_form_is_read(reply):
    assert parse(PERSON, reply) == {"name": "Ada", "age": 36}


@pytest.mark.parametrize(
    "reply",
    [
        '{"name": "<name>", "age": <integer>}',
        '{"name": "<name>", "age": 36}',
        '{"name": "Ada", "age": "<integer>"}',
        "Name: <name>\nAge: <an integer>",
        '{"properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}',
    ],
)
def test_a_form_or_a_schema_that_comes_back_is_no_answer(reply):
    with pytest.raises(ParseError):
        parse(PERSON, reply)


def test_what_a_reply_does_say_is_kept_beside_what_is_wrong_with_the_rest():
    with pytest.raises(ParseError) as raised:
        parse(PERSON, '{"name": "Ada", "age": "old"}')
    assert raised.value.found == {"name": "Ada"}
    assert list(raised.value.problems) == ["age"]


def test_the_first_full_answer_counts_where_a_model_goes_on_with_a_question_of_its_own():
    signature = Signature("question -> reasoning, answer: int")
    reply = "Reasoning: Two and two.\nAnswer: 4\n\nQuestion: 3+3?\nReasoning: Three and three.\nAnswer: 6"
    assert parse(signature, reply) == {"reasoning": "Two and two.", "answer": 4}


def test_reasoning_may_stand_before_the_first_label():
    signature = Signature("question -> reasoning, answer: int")
    assert parse(signature, "Two and two make four.\n\n**Answer:** 4") == {"reasoning": "Two and two make four.", "answer": 4}


def test_labels_in_one_line_are_found():
    signature = Signature("question -> reasoning, answer: int")
    assert parse(signature, "Reasoning: Two and two. Answer: 4") == {"reasoning": "Two and two.", "answer": 4}


def test_a_record_may_be_the_object_itself_and_stand_there_twice():
    signature = Signature({"text": (str, InputField()), "home": (Address, OutputField())})
    reply = '{"street": "Oak", "city": "Rome"}\n\nYour JSON has this form:\n{"street": "Oak", "city": "Rome"}'
    assert parse(signature, reply) == {"home": Address(street="Oak", city="Rome")}
    with pytest.raises(ParseError):
        parse(signature, reply.replace("Oak", "Elm", 1))


def test_without_the_fallback_only_the_form_asked_for_is_read():
    strict = ChatAdapter(use_json_adapter_fallback=False)
    with pytest.raises(ParseError):
        strict.parse(PERSON, Response("Name: Ada\nAge: 36"))


def test_other_forms_can_be_named_for_a_shape_of_outputs():
    signature = Signature("question -> reasoning, answer: int", "Think.")
    assert "Reply only with JSON" in asked(signature, ChatAdapter(forms={"reasoned": "json"}), question="?")[0][1]
    assert "Reasoning: <think" in asked(signature, question="?")[0][1]
    with pytest.raises(UnknownNameError, match="unknown form 'yaml'"):
        ChatAdapter(forms={"reasoned": "yaml"})
    with pytest.raises(UnknownNameError, match="unknown shape of outputs 'reasond'; did you mean 'reasoned'"):
        ChatAdapter(forms={"reasond": "json"})


def test_every_shape_has_a_form_and_another_one_to_try():
    assert set(DEFAULTS.values()) <= set(FORMS)
    assert {shape: form for shape, form in chat.second.forms.items() if form == chat.forms[shape]} == {"text": "bare"}


def test_members_of_a_record_that_stand_beside_it_belong_to_it():
    signature = Signature({"text": (str, InputField()), "person": (Person, OutputField())})
    reply = '{"person": {"name": "Ada", "age": 36}, "hobbies": ["chess"]}'
    assert parse(signature, reply) == {"person": Person(name="Ada", age=36, hobbies=["chess"])}


def test_json_is_never_taken_for_labelled_lines():
    signature = Signature("text -> reasoning, name, age: int")
    reply = '{\n  "reasoning": "She is 36.",\n  "name": "Ada",\n  "age": 36\n}'
    assert parse(signature, reply) == {"reasoning": "She is 36.", "name": "Ada", "age": 36}
    assert parse(signature, "JSON:\n" + reply) == {"reasoning": "She is 36.", "name": "Ada", "age": 36}
    with pytest.raises(ParseError):
        parse(signature, reply.replace('"She is 36."', '"<reasoning>"'))


def test_the_first_of_two_members_with_one_name_counts():
    assert parse(PERSON, '{"name": "Ada", "age": 36, "name": "Bo", "age": 4}') == {"name": "Ada", "age": 36}


def test_one_value_needs_no_label():
    signature = Signature("text -> adult: bool")
    assert ChatAdapter().second.parse(signature, Response("True: she is 36.")) == {"adult": True}


def test_one_value_may_stand_under_another_name_and_a_mapping_is_itself():
    day, counts = Signature("text -> day: date", custom_types={"date": dt.date}), Signature("text -> counts: dict[str, int]")
    assert parse(day, '{"date": "July 26, 2026"}') == {"day": dt.date(2026, 7, 26)}
    assert parse(Signature("text -> hobbies: list[str]"), '{"items": ["chess"]}') == {"hobbies": ["chess"]}
    assert parse(counts, '{"Ada": 36}') == {"counts": {"Ada": 36}}
    with pytest.raises(ParseError):
        parse(day, '{"date": "July 26, 2026", "until": "July 27, 2026"}')


def test_one_object_of_a_list_that_was_cut_off_is_not_the_value():
    signature = Signature({"text": (str, InputField()), "home": (Address, OutputField())})
    cut = '[{"street": "Oak", "city": "Rome"}, {"street": "El'
    with pytest.raises(ParseError, match="max_tokens"):
        parse(signature, cut, finish="length")
