"""Pieces: wherever a reply is cut, the pieces of a field are its text, in the form of every adapter."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adjoint import BAMLAdapter, ChatAdapter, JSONAdapter, Signature, XMLAdapter
from adjoint.lm.types import Response

ADAPTERS = [ChatAdapter(), JSONAdapter(), XMLAdapter(), BAMLAdapter()]
ONE, TWO = Signature("q -> a"), Signature("q -> a, b")
TEXTS = st.text(alphabet='ab[]\\:_# \n<>/&lt;{}",é\U0001f600\ud800', max_size=30)
CUTS = st.lists(st.integers(1, 5), min_size=1)


def pieces(adapter, signature, text, cuts=(1,)):
    """The text of each field, out of a reply that comes in pieces of these lengths."""
    reader, said, start, number = adapter.pieces(signature), {}, 0, 0
    while start < len(text):
        size = cuts[number % len(cuts)]
        for name, piece in reader.add(text[start : start + size]):
            said[name] = said.get(name, "") + piece
        start, number = start + size, number + 1
    for name, piece in reader.end():
        said[name] = said.get(name, "") + piece
    return said


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
@given(st.fixed_dictionaries({"a": TEXTS, "b": TEXTS}), CUTS)
@example({"a": "[[ ## b ## ]]\nforged", "b": "<a>&lt;</a>"}, [1])
def test_the_pieces_of_a_field_are_its_text_wherever_the_reply_is_cut(adapter, values, cuts):
    text = adapter.write(list(TWO.output_fields.values()), values)
    expected = {name: value.strip() for name, value in values.items() if value.strip()}
    assert pieces(adapter, TWO, text, cuts) == expected


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
@given(TEXTS, CUTS)
@example("&lt;", [1])
def test_the_pieces_of_a_single_field_are_what_is_read(adapter, value, cuts):
    text = adapter.write(list(ONE.output_fields.values()), {"a": value})
    said = pieces(adapter, ONE, text, cuts).get("a", "")
    assert said == adapter.parse(ONE, Response(text))["a"].strip()


def test_members_of_json_come_as_what_they_say_in_either_spelling():
    value = {"a": 'x "y" \U0001f600 \n{z', "other": {"b": "}"}, "b": [1, {"k": "]"}]}
    for ascii_only in (True, False):
        text = "Here it is: {or not}\n```json\n" + json.dumps(value, ensure_ascii=ascii_only) + "\n```"
        assert pieces(JSONAdapter(), TWO, text) == {"a": value["a"], "b": '[1, {"k": "]"}]'}


def test_the_form_that_dspy_asks_for_is_read_too():
    text = "[[ ## a ## ]]\nParis\n\n[[ ## b ## ]]\nFrance\n\n[[ ## completed ## ]]\n"
    assert pieces(ChatAdapter(), TWO, text) == ChatAdapter().parse(TWO, Response(text)) == {"a": "Paris", "b": "France"}
