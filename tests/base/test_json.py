"""Laws of canonical JSON and of digests."""

import dataclasses
import enum
import json
import math

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoint.base.json import canonical, digest, plain
from adjoint.data.records import Example

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


@given(values)
def test_canonical_json_reads_back_as_the_same_value(value):
    assert json.loads(canonical(value)) == value


@given(values)
def test_canonical_json_is_a_fixed_point(value):
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(st.dictionaries(st.text(), scalars))
def test_the_order_of_keys_changes_no_digest(mapping):
    assert digest(mapping) == digest(dict(reversed(mapping.items())))


@given(st.text(alphabet=st.characters(codec=None)))
def test_every_text_has_a_digest_even_lone_surrogates(text):
    assert len(digest(text)) == 64
    assert json.loads(canonical(text)) == text


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_has_no_json_form_is_refused(number):
    with pytest.raises(ValueError):
        canonical({"x": [number]})


def test_plain_writes_models_dataclasses_enums_and_sets():
    color = enum.Enum("Color", {"RED": "red"})
    point = dataclasses.make_dataclass("Point", [("x", int)])
    model = pydantic.create_model("Model", size=(int, pydantic.Field(alias="Size")))
    assert plain([color.RED, point(1), model(Size=2), {3, 1}]) == ["red", {"x": 1}, {"Size": 2}, [1, 3]]


def test_plain_writes_classes_and_records():
    assert plain(int) == "<class 'int'>"
    assert plain([Example(q="a", n=1)]) == [{"q": "a", "n": 1}]


@given(values)
def test_plain_leaves_json_as_it_is(value):
    assert plain(value) == value
