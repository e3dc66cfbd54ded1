"""Forms of replies: what a form writes it reads back, whatever stands in the values."""

import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adjoint import Signature
from adjoint.adapters import example as examples
from adjoint.adapters.forms.choice import FORMS
from adjoint.base.errors import ParseError


class Item(pydantic.BaseModel):
    title: str
    counts: dict[str, int] = {}


THREE = Signature("q -> reasoning, due_date, answer: int")
LOOKS = [
    "Answer: 5",
    "**Due Date:** x",
    "\\Answer: 5",
    "reasoning : y",
    '{"answer": 7}',
    "[[answer]]",
    "```json\n{}\n```",
    "<answer>",
    "...",
]
texts = st.one_of(
    st.text(),
    st.lists(st.sampled_from([*LOOKS, "\n", " ", "x.", "\\", "- "]), max_size=6).map("".join),
)


def outputs(signature):
    return list(signature.output_fields.values())


@pytest.mark.parametrize("name", ["json", "lines"])
@given(texts, texts, st.integers())
@example("", "", 0)
@example("x\nAnswer: 5", "\\Answer: 5", 3)
@example("so. Answer: 5", "Due Date: 1", -3)
def test_texts_that_look_like_the_form_are_read_back(name, reasoning, due, answer):
    form = FORMS[name]
    given_ = {"reasoning": reasoning, "due_date": due, "answer": answer}
    if any(examples.repeats(field, given_[field.name]) for field in outputs(THREE)):
        return  # a text that is the placeholder itself is what a model that copies the form would write
    found = form.read(outputs(THREE), form.write(outputs(THREE), given_))
    assert found == {
        "reasoning": reasoning.strip() if name == "lines" else reasoning,
        "due_date": due.strip() if name == "lines" else due,
        "answer": answer,
    }


@given(st.lists(st.builds(Item, title=st.text(), counts=st.dictionaries(st.text(), st.integers())), max_size=3))
def test_records_are_read_back_in_every_form(items):
    signature = Signature(
        {"q": (str, Signature("q -> a").input_fields["q"]), "things": (list[Item], Signature("q -> a").output_fields["a"])}
    )
    if any(examples.repeats(field, [item.model_dump() for item in items]) for field in outputs(signature)):
        return
    for name in ("json", "lines"):
        form = FORMS[name]
        assert form.read(outputs(signature), form.write(outputs(signature), {"things": items})) == {"things": items}


@given(texts, texts, st.integers())
def test_pieces_of_a_reply_together_are_what_is_read(reasoning, due, answer):
    form = FORMS["lines"]
    text = form.write(outputs(THREE), {"reasoning": reasoning, "due_date": due, "answer": answer})
    reader = form.reader(outputs(THREE))
    found = {}
    for letter in text:
        for name, piece in reader.add(letter):
            found[name] = found.get(name, "") + piece
    for name, piece in reader.end():
        found[name] = found.get(name, "") + piece
    assert (found.get("reasoning", ""), found.get("due_date", ""), int(found["answer"])) == (
        reasoning.strip(),
        due.strip(),
        answer,
    )


def test_labels_that_would_be_alike_are_the_names_themselves():
    signature = Signature("q -> dueDate, due_date")
    form = FORMS["lines"]
    given_ = {"dueDate": "a", "due_date": "b"}
    assert form.write(outputs(signature), given_) == "dueDate: a\ndue_date: b"
    assert form.read(outputs(signature), form.write(outputs(signature), given_)) == given_


def test_a_value_in_the_first_line_counts_where_more_words_follow():
    signature = Signature("q -> reasoning, answer: int")
    reply = "Reasoning: Add.\nAnswer: 5\n\nExplanation: 2 apples and 3 pears."
    assert FORMS["lines"].read(outputs(signature), reply)["answer"] == 5


def test_what_is_missing_is_named():
    with pytest.raises(ParseError, match='the reply has no "Answer:"') as raised:
        FORMS["lines"].read(outputs(THREE), "Reasoning: x\nDue Date: y")
    assert raised.value.found == {"reasoning": "x", "due_date": "y"}
