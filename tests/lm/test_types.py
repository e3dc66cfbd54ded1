"""The records and their keys."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from adjoint.base.json import digest
from adjoint.lm.types import Message, Request, ToolSpec, Usage

texts = st.text(st.characters(codec=None), max_size=8)
messages = st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant", "tool"]), texts), min_size=1, max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
PARTS: dict[str, st.SearchStrategy[Any]] = {
    "messages": messages.map(tuple),
    "temperature": st.none() | st.floats(0, 2),
    "max_tokens": st.none() | st.integers(0, 10**6),
    "stop": st.lists(texts, max_size=2).map(tuple),
    "seed": st.none() | st.integers(),
    "n": st.integers(1, 9),
    "logprobs": st.booleans(),
    "tools": st.lists(st.builds(ToolSpec, texts, texts, st.just({})), max_size=2).map(tuple),
    "tool_choice": st.none() | texts,
    "schema": st.none() | st.dictionaries(texts, json_values, max_size=2),
    "sample": st.integers(0, 99),
    "extra": st.dictionaries(texts, json_values, max_size=2),
}
requests = st.builds(Request, **PARTS)


def test_every_field_of_a_request_is_varied_below() -> None:
    assert {field.name for field in fields(Request)} == set(PARTS)


@pytest.mark.parametrize("name", sorted(PARTS))
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_two_requests_that_differ_in_any_one_field_have_different_keys(name: str, data: st.DataObject) -> None:
    one = data.draw(requests)
    other = one.with_options(**{name: data.draw(PARTS[name])})
    # `==` is looser than JSON (True == 1 == 1.0), so it may call two requests equal that the key keeps apart, never the reverse.
    assume(one != other)
    assert one.key("me") != other.key("me")


@given(request=requests)
@settings(max_examples=60, deadline=None)
def test_equal_requests_have_equal_keys_and_endpoints_do_not_share_them(request: Request) -> None:
    again = Request(**{field.name: getattr(request, field.name) for field in fields(Request)})
    assert again.key("me") == request.key("me")
    assert request.key("me") != request.key("you")


@given(request=requests)
@settings(max_examples=60, deadline=None)
def test_a_key_is_the_digest_of_the_whole_request_whether_it_was_written_before_or_not(request: Request) -> None:
    whole = digest({"v": 1, "identity": 'a "name"', "request": request.as_dict()})
    assert request.key('a "name"') == request.key('a "name"', request.written()) == whole


def test_the_order_of_extra_options_and_the_spelling_of_a_temperature_do_not_matter() -> None:
    one = Request((), temperature=0, extra={"a": 1, "b": 2})
    other = Request((), temperature=0.0, extra={"b": 2, "a": 1})
    assert one.key("me") == other.key("me")


def test_where_one_text_ends_and_the_next_begins_matters() -> None:
    keys = {
        Request((Message("user", "ab"), Message("user", "c"))).key("me"),
        Request((Message("user", "a"), Message("user", "bc"))).key("me"),
        Request((Message("user", "abc"),)).key("me"),
        Request((), stop=("a", "b")).key("me"),
        Request((), stop=("ab",)).key("me"),
    }
    assert len(keys) == 5


def test_usages_add_up_and_an_unknown_price_makes_the_sum_unknown() -> None:
    assert Usage(1, 2, 3, 0.5) + Usage(1, 1, 1, 0.25) == Usage(2, 3, 4, 0.75)
    assert (Usage(1, 0, 0, 0.5) + Usage(1, 0, 0, None)).usd is None
