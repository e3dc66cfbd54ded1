"""Replies that real small models gave, odd ones above all: each is read as what it says, or refused.

`replies.jsonl` holds for each the model, the outputs that were asked for, the reply, and what is read in it (null: nothing may be).
SmolLM2-135M-Instruct, Qwen2.5-Coder-0.5B- and 1.5B-Instruct said them, in the forms of this package and of others.
"""

from __future__ import annotations

import datetime as dt
import enum
import json
from collections import Counter
from pathlib import Path
from typing import Literal

import pydantic
import pytest

from adjoint import ChatAdapter, InputField, OutputField
from adjoint.base.errors import ParseError
from adjoint.base.json import plain
from adjoint.lm.types import Response
from adjoint.signature.signature import make


class Person(pydantic.BaseModel):
    name: str
    age: int
    hobbies: list[str]


class Member(pydantic.BaseModel):
    name: str
    age: int


class Address(pydantic.BaseModel):
    street: str
    city: str


class Customer(pydantic.BaseModel):
    name: str
    age: int
    address: Address | None = None


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"
    YELLOW = "yellow"


KIND = Literal["abbreviation", "description", "entity", "human", "location", "number"]
ASKED = {
    "name_age": {"name": str, "age": int},
    "list": {"hobbies": list[str]},
    "record": {"person": Person},
    "bool": {"adult": bool},
    "int": {"age": int},
    "float": {"price": float},
    "literal2": {"sentiment": Literal["positive", "negative"]},
    "literal6": {"kind": KIND},
    "enum": {"colour": Colour},
    "date": {"day": dt.date},
    "optional": {"phone": str | None},
    "records": {"people": list[Member]},
    "nested": {"customer": Customer},
    "dict": {"ages": dict[str, int]},
    "union": {"answer": int | str},
    "list_reasoning": {"reasoning": str, "hobbies": list[str]},
    "record_reasoning": {"reasoning": str, "person": Person},
    "bool_reasoning": {"reasoning": str, "adult": bool},
    "int_reasoning": {"reasoning": str, "answer": int},
    "literal6_reasoning": {"reasoning": str, "kind": KIND},
    "three": {"reasoning": str, "name": str, "city": str, "hobby": str},
}
SIGNATURES = {
    name: make({"text": (str, InputField()), **{field: (type_, OutputField()) for field, type_ in outputs.items()}})
    for name, outputs in ASKED.items()
}
REPLIES = [json.loads(line) for line in (Path(__file__).parent / "replies.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("number", range(len(REPLIES)))
def test_a_reply_of_a_real_model_is_read_as_what_it_says_or_refused(number):
    case = REPLIES[number]
    try:
        found = plain(ChatAdapter().parse(SIGNATURES[case["outputs"]], Response(case["reply"], case["finish"])))
    except ParseError:
        found = None
    assert found == case["read"]


def test_every_shape_has_replies_of_each_kind():
    assert len(REPLIES) >= 300
    assert set(ASKED) == {case["outputs"] for case in REPLIES}
    refused = Counter(case["read"] is None for case in REPLIES)
    assert refused[True] >= 80
    assert refused[False] >= 150
