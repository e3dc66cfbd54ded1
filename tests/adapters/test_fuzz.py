"""Malformed replies and hostile texts: every adapter gives the right value or a typed error, in little time."""

import json
import random
import time

import pytest

from adjoint import BAMLAdapter, ChatAdapter, JSONAdapter, Signature, TwoStepAdapter, XMLAdapter
from adjoint.adapters.base import render
from adjoint.adapters.two_step import extraction
from adjoint.base.errors import ParseError
from adjoint.lm.types import Response
from adjoint.testing import ScriptedLM
from adjoint.testing.damage import LABELS, RUBBISH, TICKET, cosmetic, destructive, ticket

ADAPTERS = [ChatAdapter(), JSONAdapter(), XMLAdapter(), BAMLAdapter(), TwoStepAdapter(ScriptedLM([]))]
ONE = TICKET.delete("count").delete("ids").delete("urgent")


def written(adapter, signature, outputs):
    inner = adapter.adapter if isinstance(adapter, TwoStepAdapter) else adapter
    made = extraction(signature) if isinstance(adapter, TwoStepAdapter) else signature
    return inner.prefix(made, "", [outputs])[-1].text


def read(adapter, signature, reply, finish="stop"):
    try:
        return adapter.parse(signature, Response(reply, finish=finish))
    except ParseError as error:
        if error.raw != reply:
            raise
        return None


def digits(value):
    return [letter for letter in str(value).replace(", 0", ", ") if letter.isdecimal() and letter != "0"]


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_5000_malformed_replies_give_the_right_value_or_a_parse_error(adapter):
    rng = random.Random(7)
    recovered = 0
    for number in range(5000):
        right = ticket(rng)
        reply = written(adapter, TICKET, right)
        harmless = number % 5 == 0
        damaged = cosmetic(rng, reply) if harmless else destructive(rng, reply)
        found = read(adapter, TICKET, damaged, finish="stop")
        if found is None:
            continue
        assert list(found) == list(right)
        assert (type(found["label"]), type(found["count"]), type(found["urgent"])) == (str, int, bool)
        assert found["label"] == right["label"] or found["label"] in damaged
        # A digit that is lost or changed gives another right reply, which nobody could notice; but no digit is passed over.
        assert found == right or not harmless
        counted = [found["count"], found["count"]]  # a number that is said twice is one number
        assert found == right or digits(damaged) in [digits([counted[:times], found["ids"]]) for times in (1, 2)]
        recovered += found == right
    assert recovered > 1500


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_a_reply_cut_off_anywhere_gives_the_whole_truth_or_an_error_that_names_max_tokens(adapter):
    right = {"label": "complaint", "count": 57, "ids": [101, 2002, 30003], "urgent": True}
    reply = written(adapter, TICKET, right)
    for at in range(len(reply)):
        try:
            outcome = adapter.parse(TICKET, Response(reply[:at], finish="length"))
        except ParseError as error:
            outcome = str(error)
        assert outcome == right or "raise max_tokens" in outcome


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_a_label_is_never_made_up(adapter):
    rng = random.Random(3)
    for _ in range(500):
        right = rng.choice(LABELS)
        damaged = destructive(rng, written(adapter, ONE, {"label": right}))
        found = read(adapter, ONE, damaged)
        assert found is None or found["label"] == right


def strings(rng, count):
    """Texts of every kind: all planes, lone surrogates, NUL, right-to-left marks, ANSI sequences, delimiters."""
    for _ in range(count):
        letters = [
            rng.choice(
                [chr(rng.randrange(0x110000)), chr(rng.randrange(128)), chr(rng.randrange(0xD800, 0xE000)), rng.choice(RUBBISH)]
            )
            for _ in range(rng.randint(0, 20))
        ]
        yield "".join(letters)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_2000_strings_as_replies_give_typed_outcomes_only(adapter):
    rng = random.Random(11)
    for text in strings(rng, 2000):
        for signature in (TICKET, ONE):
            found = read(adapter, signature, text, finish=rng.choice(["stop", "length"]))
            assert found is None or found["label"] in LABELS


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_2000_strings_pass_through_unchanged(adapter):
    two = Signature("a, b -> first, second", "Copy.")
    rng = random.Random(13)
    seen = {}
    for text in strings(rng, 2000):
        value = text.strip()
        outputs = {"first": value, "second": value[::-1].strip()}
        assert read(adapter, two, written(adapter, two, outputs)) == outputs
        request = render(adapter, two, "Copy.", (), {"a": text, "b": text[:3]})
        key = json.dumps(request.as_dict())  # what is sent is JSON, whatever it holds
        assert seen.setdefault(key, text) == text


FLOODS = [
    "{", "[", "[[", "{[", '{"a":', "[[label]]\n", "<label>", "</label>", "```\n", "```json\n{", "<", "&lt;", "\\", '"', "label: ",
    "9", "-", " ", "\n", "[[", "'{", "}{",
]  # fmt: skip


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_a_megabyte_of_delimiters_costs_less_than_a_second(adapter):
    nested = Signature("q -> first: list[list[int]], second: dict[str, str], label: str")
    for flood in FLOODS:
        text = (flood * (1_000_000 // len(flood) + 1))[:1_000_000]
        for signature in (TICKET, nested):
            started = time.process_time()
            read(adapter, signature, text)
            assert time.process_time() - started < 1.0, (flood, signature)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_a_megabyte_of_delimiters_is_written_in_less_than_a_second(adapter):
    two = Signature("a, b -> first, second", "Copy.")
    for flood in FLOODS:
        text = (flood * (1_000_000 // len(flood) + 1))[:1_000_000]
        started = time.process_time()
        adapter.turn(two, {"a": text, "b": text})
        adapter.prefix(two, "", [{"a": "x", "first": text, "second": text}])
        assert time.process_time() - started < 1.0, flood
