"""Code, reasoning, documents, histories and users' own types, in signatures and as plain data."""

import dataclasses
import enum
import json
import typing
from typing import Literal

import pydantic
import pytest

import adjoint
import adjoint as dspy
from adjoint import Code, Document, History, Signature, Type
from adjoint.adapters.chat import ChatAdapter
from adjoint.base.errors import ParseError, SignatureError
from adjoint.base.json import plain
from adjoint.lm.types import Response

chat = ChatAdapter()


def parse(signature, reply, **response):
    return chat.parse(signature, Response(reply, **response))


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("x = 1", "x = 1"),
        ("```python\nx = 1\n```", "x = 1"),
        ("Here:\n```py\nx = 1\n```\nDone.", "x = 1"),
        ("````md\n```\nx\n```\n````", "```\nx\n```"),
        ("```python\nx = 1", "x = 1"),
    ],
)
def test_code_is_taken_out_of_its_fence(reply, code):
    assert parse(Signature("q -> program: Code['python']"), reply)["program"].code == code


def test_two_blocks_of_code_are_not_guessed_between():
    with pytest.raises(ParseError, match="python code"):
        parse(Signature("q -> program: Code['python']"), "```\na\n```\nor\n```\nb\n```")


def test_code_is_text_in_json():
    assert plain(Code(code="x")) == "x"
    assert Code["python"] is Code["Python"]
    assert str(Code["python"].model_validate("x")) == "x"


def test_reasoning_is_a_text():
    found = parse(Signature("q -> why: Reasoning, answer"), "[[why]]\nBecause.\n[[answer]]\n4")["why"]
    assert found == "Because."
    assert isinstance(found, str)
    assert (found.upper(), f"{found}!", json.dumps(found), found.content) == ("BECAUSE.", "Because.!", '"Because."', "Because.")


def test_a_model_that_reasons_natively_is_not_asked_to():
    signature = Signature("q -> why: Reasoning, answer", "Answer.")
    native = frozenset({"reasoning"})
    assert chat.prefix(signature, "Answer.", (), supports=native)[0].text == "Answer."
    reply = Response("4", reasoning="Two and two.")
    assert chat.parse(signature, reply, supports=native) == {"why": "Two and two.", "answer": "4"}
    assert chat.parse(signature, Response("4"), supports=native) == {"why": "", "answer": "4"}


def test_citations_that_are_not_in_a_document_are_left_out():
    sources = [Document(data="Water boils at 100 °C.", title="Physics")]
    said = [
        {"cited_text": "boils at 100", "document_index": 0},
        {"cited_text": "freezes"},
        {"cited_text": "x", "document_index": 7},
    ]
    found = parse(Signature("q -> passages: Citations"), json.dumps(said))["passages"]
    assert [(item.start_char_index, item.end_char_index, item.document_title) for item in found.located(sources)] == [
        (6, 18, "Physics")
    ]


def test_a_history_that_names_an_unknown_field_is_refused():
    signature = Signature("q, past: History -> answer")
    with pytest.raises(adjoint.base.errors.UsageError, match="'question'"):
        chat.history(signature, {"q": "x", "past": {"messages": [{"question": "?"}]}})


def test_a_history_is_only_turns():
    signature = Signature("q, past: History -> answer, score: int", "Do.")
    past = History(messages=[{"q": "a?", "answer": "A"}, {"q": "b?"}, {"score": 3}])
    turns = [(turn.role, turn.text) for turn in chat.history(signature, {"q": "c?", "past": past})]
    assert turns == [("user", "a?"), ("assistant", '{"answer": "A"}'), ("user", "b?"), ("assistant", '{"score": 3}')]
    for given in (past, None):
        assert chat.turn(signature, {"q": "c?", "past": given}).text == "c?\n\nReply only with the JSON."


class Celsius(Type):
    degrees: float

    def format(self):
        return f"{self.degrees} °C"

    @classmethod
    def description(cls):
        return "a temperature such as 21.5 °C"

    @classmethod
    def parse(cls, text):
        return {"degrees": float(text.removesuffix("°C"))}


def test_a_users_type_says_how_it_is_written_asked_for_and_read():
    signature = Signature("now: Celsius -> later: Celsius", "Forecast.")
    assert chat.prefix(signature, "Forecast.", ())[0].text.endswith("Reply only with a temperature such as 21.5 °C.")
    assert chat.turn(signature, {"now": {"degrees": 3}}).content == "3.0 °C"
    assert parse(signature, "4.5 °C") == {"later": Celsius(degrees=4.5)}
    with pytest.raises(ParseError, match="a temperature such as"):
        parse(signature, "mild")


def test_a_users_type_may_be_made_of_parts_in_openais_form():
    class Chart(Type):
        url: str

        def format(self):
            return [{"type": "text", "text": "chart:"}, {"type": "image_url", "image_url": {"url": self.url}}]

    content = chat.turn(
        Signature("chart: Chart, q -> a", custom_types={"Chart": Chart}), {"chart": Chart(url="https://x.org/c"), "q": "?"}
    ).content
    assert [part.kind for part in content] == ["text", "image", "text"]


def test_types_are_found_by_name_without_an_import():
    assert Signature("photo: dspy.Image, doc: Document -> a").input_fields["photo"].type is dspy.Image


class Level(enum.Enum):
    LOW = "low"


@dataclasses.dataclass
class Box:
    size: int


class Row(typing.TypedDict, total=False):
    name: typing.Required[str]
    count: int


class Tree(pydantic.BaseModel):
    label: Literal["a", "b"]
    children: list["Tree"] = []


def test_records_of_every_kind_are_outputs_and_inputs():
    signature = Signature(
        "box: Box, row: Row, tree: Tree -> level: Level, boxes: list[Box], rows: list[Row], tree_out: Tree | None"
    )
    reply = '[[level]]\nLow\n[[boxes]]\n[{"size": "2"}]\n[[rows]]\n[{"name": "x"}]\n[[tree_out]]\n{"label": "a", "children": [{"label": "b"}]}'
    tree = Tree(label="a", children=[Tree(label="b")])
    assert parse(signature, reply) == {"level": Level.LOW, "boxes": [Box(2)], "rows": [{"name": "x"}], "tree_out": tree}
    said = chat.turn(signature, {"box": Box(1), "row": {"name": "y"}, "tree": tree}).text
    assert said.splitlines()[:2] == ['box: {"size": 1}', 'row: {"name": "y"}']


def test_an_unknown_attribute_is_no_type():
    with pytest.raises(SignatureError, match="is no type"):
        Signature("photo: dspy.Imagee -> a")
