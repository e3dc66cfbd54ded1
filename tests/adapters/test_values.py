"""Values as text: what was written is read back, what is plainly meant is accepted, what is ambiguous is refused."""

# ruff: noqa: UP045 - the older spelling is read as well

import datetime as dt
import enum
import json
import random
from typing import Any, Literal, Optional

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoint import OutputField, Signature
from adjoint.adapters import values
from adjoint.adapters.written import write
from adjoint.base.errors import ParseError


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


Numbered = enum.Enum("Numbered", ["NEW", "IN_WORK"])


class Swapped(enum.Enum):
    ON = "OFF"
    OFF = "ON"


class Person(pydantic.BaseModel):
    name: str
    age: int = pydantic.Field(0, alias="Age")
    friends: list["Person"] = []


def field(type_, **constraints):
    return Signature({"out": (type_, OutputField(**constraints))}).fields["out"]


def read(type_, text, **options):
    return values.read(field(type_), text, **options)


finite = st.floats(allow_nan=False, allow_infinity=False)
cases = st.one_of(
    st.tuples(st.just(int), st.integers()),
    st.tuples(st.just(float), finite),
    st.tuples(st.just(bool), st.booleans()),
    st.tuples(
        st.just(Literal["positive", "negative", "A", "a", "a.", "[x]"]),
        st.sampled_from(["positive", "negative", "A", "a", "a.", "[x]"]),
    ),
    st.tuples(st.just(Color), st.sampled_from(Color)),
    st.tuples(st.just(list[str]), st.lists(st.text())),
    st.tuples(st.just(list[Color]), st.lists(st.sampled_from(Color))),
    st.tuples(st.just(list[float]), st.lists(finite)),
    st.tuples(st.just(dict[str, int]), st.dictionaries(st.text(), st.integers())),
    st.tuples(st.just(Optional[int]), st.none() | st.integers()),
    st.tuples(st.just(dt.date), st.dates()),
    st.tuples(st.just(set[int]), st.sets(st.integers())),
    st.tuples(
        st.just(Person),
        st.builds(lambda name, age: Person(name=name, Age=age, friends=[Person(name="f")]), st.text(), st.integers()),
    ),
)


@given(cases)
def test_what_was_written_is_read_back(case):
    type_, value = case
    assert read(type_, write(value)) == value


@given(cases)
def test_fences_around_a_value_change_nothing(case):
    type_, value = case
    assert read(type_, f"```json\n{write(value)}\n```") == value


@given(st.text())
def test_text_is_read_as_it_is_but_for_white_space_around_it(text):
    assert read(str, text) == text.strip()
    assert read(Optional[str], f"x{text}x") == f"x{text}x"


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (int, "The answer is 42.", 42),
        (int, "**7**", 7),
        (int, "3.0", 3),
        (int, "1,234", 1234),
        (int, "12345678901234567890", 12345678901234567890),
        (int, "5 out of 5", 5),
        (float, "$1,200.50", 1200.5),
        (float, "\N{MINUS SIGN}5", -5.0),
        (float, "1e5", 1e5),
        (bool, "Yes.", True),
        (bool, "`false`", False),
        (Literal["positive", "negative"], '"Positive".', "positive"),
        (Literal["positive", "negative"], "negativ", "negative"),
        (Literal["not_spam", "spam"], "Not spam", "not_spam"),
        (Literal[1, 2], "2", 2),
        (Color, "RED", Color.RED),
        (Numbered, "2", Numbered.IN_WORK),
        (Numbered, "In work", Numbered.IN_WORK),
        (Swapped, "ON", Swapped.OFF),
        (list[int], "Here you are: [1, 2].", [1, 2]),
        (list[int], "Sure!\n```json\n[1, 2]\n```\nBye", [1, 2]),
        (dict[str, int], "{'a': 1, 'b': 2,}", {"a": 1, "b": 2}),
        (dict[str, str], '{"a": "b"', {"a": "b"}),
        (dict[str, str], "{'a': 'Room 3 4', 'b': 'x,, y'}", {"a": "Room 3 4", "b": "x,, y"}),
        (bool, "true\ntrue", True),
        (Literal["yes", "no way"], "no way\nno way", "no way"),
        (Optional[int], "None", None),
        (Optional[str], "5", "5"),
        (Optional[Literal["a", "b"]], "B", "b"),
        (str | list[int], "see [1]", "see [1]"),
        (Any, "just words", "just words"),
    ],
)
def test_what_is_plainly_meant_is_accepted(type_, text, value):
    found = read(type_, text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (int, "3 or 4"),
        (int, "3.5"),
        (int, "1,2,3"),
        (int, "- 5"),
        (int, "not 5"),
        (int, "more than 5"),
        (int, "2024-01-05"),
        (int, "3/4"),
        (int, "4/4"),
        (int, "Q3"),
        (int, "9" * 5000),
        (int, "none"),
        (float, "1.5k"),
        (float, "2 million"),
        (float, "50%"),
        (float, "5 ½"),
        (float, "nan"),
        (float, "1e400"),
        (bool, "not true"),
        (bool, "maybe"),
        (Literal["relevant", "other"], "irrelevant"),
        (Literal["relevant", "other"], "not relevant"),
        (Literal["should", "other"], "shouldn't"),
        (Literal["category 1", "other"], "category 10"),
        (Literal["A", "a"], "(ä)"),
        (Literal["positive", "negative"], "positive and negative"),
        (list[int], "[1] or [2]"),
        (list[int], "[1, 2"),
        (list[int], "[1, 2 3]"),
        (list[int], "[1, , 3]"),
        (list[int], "[1, 2:3]"),
        (list[str], '["a", "b"'),
        (dict[str, int], '{"a": 1'),
        (bool, "true\nfalse"),
        (list[float], "[NaN]"),
        (list[str], "I saw [redacted] and left"),
        (dict, "[" * 100_000),
        (dict, "{" * 15_000),
        (dict, '{"a":' * 30_000),
    ],
)
def test_what_is_ambiguous_is_refused(type_, text):
    with pytest.raises(ParseError, match="out should be") as raised:
        read(type_, text)
    assert raised.value.raw == text


def test_json_that_was_cut_off_is_not_mended():
    with pytest.raises(ParseError):
        read(list[int], "[1, 2", whole=False)
    assert read(list[int], "[1, 2]", whole=False) == [1, 2]


def test_constraints_are_checked_and_said():
    short = field(str, max_length=3)
    assert values.read(short, "abc") == "abc"
    with pytest.raises(ParseError, match="at most 3 long"):
        values.read(short, "abcd")
    with pytest.raises(ParseError, match="an integer"):
        values.read(field(int, ge=1, le=5), "6")


def test_a_choice_is_an_object_of_its_own():
    literal = Literal["positive", "negative"]
    assert read(literal, "positive") == "positive"
    assert read(literal, "positive") is not literal.__args__[0]


def malformed(number):
    """A reply that was right and then damaged, with the value that it had."""
    rng = random.Random(number)
    value = {"".join(rng.choices('ab"{}[],:', k=3)): rng.randint(-9, 99) for _ in range(rng.randint(0, 3))}
    text = list(json.dumps(value))
    for _ in range(rng.randint(1, 3)):
        position = rng.randrange(len(text))
        text[position : position + rng.randint(0, 2)] = rng.choices("{}[]\",:'\\\n x1`", k=rng.randint(0, 2))
        text = text or ["{"]
    return "".join(text)


@pytest.mark.parametrize("type_", [int, bool, Literal["yes", "no"], list[int], Person])
def test_500_malformed_replies_give_values_of_the_type_or_parse_errors(type_):
    checked = pydantic.TypeAdapter(type_)
    for number in range(500):
        try:
            found = read(type_, malformed(number))
        except ParseError:
            continue
        assert checked.validate_python(found, strict=True) == found


def test_500_damaged_numbers_are_read_exactly_or_not_at_all():
    rng = random.Random(0)
    for _ in range(500):
        right = rng.randint(-(10**6), 10**6)
        other = rng.choice(["", " ", " or 3", "%", "k", " million", "/2", ".", " apples", "x", ", then 8"])
        try:
            found = read(int, f"{right}{other}")
        except ParseError:
            continue
        assert found == right


def test_a_schema_has_no_titles_but_keeps_fields_of_that_name():
    class Book(pydantic.BaseModel):
        title: str
        pages: int

    hint = values.hint(OutputField().named("book", Book))
    assert '"title": {"type": "string"}' in hint
    assert "Book" not in hint


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("False. Elena is not an adult.", False),
        ("True: 47 is above 18.", True),
        ("Yes, she is 36.", True),
        ("no\nbecause he is 9", False),
    ],
)
def test_a_truth_value_may_be_followed_by_its_reason(said, meant):
    assert read(bool, said) is meant


@pytest.mark.parametrize("said", ["No, that is true.", "Yes and no.", "1. The person is 1", "It is true", "Truly, she is."])
def test_a_truth_value_that_is_said_both_ways_or_not_at_all_is_refused(said):
    with pytest.raises(ParseError):
        read(bool, said)


@pytest.mark.parametrize(
    "said", ["The review is positive.", "Positive: a joy to watch.", "positive. I loved it", "It was **positive**"]
)
def test_a_choice_may_be_said_in_a_sentence(said):
    assert read(Literal["positive", "negative"], said) == "positive"


@pytest.mark.parametrize(
    "said",
    [
        "The review is not positive.",
        "It isn't positive.",
        "The review is positive or negative.",
        "Positive, but it is also negative.",
        "neither positive",
        "The positive review was written by a man.",
        "It is more than positive.",
        "Is it positive",
    ],
)
def test_a_sentence_that_says_more_or_less_than_one_choice_is_refused(said):
    with pytest.raises(ParseError):
        read(Literal["positive", "negative"], said)


@pytest.mark.parametrize(
    "said", ["2026-07-26", "July 26, 2026", "26 July 2026", "26th of July, 2026", "Jul 26 2026.", '"2026-07-26"']
)
def test_a_date_may_be_written_as_people_do(said):
    assert read(dt.date, said) == dt.date(2026, 7, 26)


@pytest.mark.parametrize("said", ["03/04/2024", "31 February 2024", "26 Juli 2026 or later", "July 2026", "the 5th"])
def test_a_date_that_is_not_plain_is_refused(said):
    with pytest.raises(ParseError):
        read(dt.date, said)
