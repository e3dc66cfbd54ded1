"""Malformed replies and hostile texts: every adapter gives the right value or a typed error, in little time."""

import json
import random
import time
from typing import Literal

import pytest

from adjoint import BAMLAdapter, ChatAdapter, InputField, JSONAdapter, OutputField, Signature, TwoStepAdapter, XMLAdapter
from adjoint.adapters.base import render
from adjoint.adapters.two_step import extraction
from adjoint.base.errors import ParseError
from adjoint.lm.types import Response
from adjoint.testing import ScriptedLM

ADAPTERS = [ChatAdapter(), JSONAdapter(), XMLAdapter(), BAMLAdapter(), TwoStepAdapter(ScriptedLM([]))]
LABELS = ("refund", "delivery", "account", "complaint", "praise", "other")
CASE = Signature(
    {
        "text": (str, InputField()),
        "label": (Literal["refund", "delivery", "account", "complaint", "praise", "other"], OutputField()),
        "count": (int, OutputField(ge=0, le=99)),
        "ids": (list[int], OutputField()),
        "urgent": (bool, OutputField()),
    },
    "Read the ticket.",
)
ONE = CASE.delete("count").delete("ids").delete("urgent")
RUBBISH = ["```json\n", "```", "{", "}", "[[", "]]", "<", "</", ">", '"', "'", ",", ":", "null", "\x00", "\ud800", "\u202e", "\x1b[31m", "NaN", "\\", "\n"]


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


def cosmetic(rng, reply):
    """Changes after which the reply means the same."""
    change = rng.choice(["before", "after", "fence", "blank", "crlf"])
    if change == "before":
        return f"Sure, here it is:\n{reply}"
    if change == "after":
        return f"{reply}\n"
    if change == "fence":
        return f"```\n{reply}\n```"
    return f"\n\n  {reply}" if change == "blank" else reply.replace("\n", "\r\n")


def destructive(rng, reply):
    """Changes after which something may be missing or no longer be what it was."""
    change = rng.choice(["cut", "drop", "insert", "swap", "double"])
    at, width = rng.randrange(len(reply)), rng.randint(1, 12)
    if change == "cut":
        return reply[:at]
    if change == "drop":
        return reply[:at] + reply[at + width :]
    if change == "insert":
        return reply[:at] + rng.choice(RUBBISH) + reply[at:]
    if change == "swap":
        return reply[:at] + "".join(rng.sample(reply[at : at + width], len(reply[at : at + width]))) + reply[at + width :]
    return reply + reply[at:]


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_5000_malformed_replies_give_the_right_value_or_a_parse_error(adapter):
    rng = random.Random(7)
    recovered = 0
    for number in range(5000):
        right = {"label": rng.choice(LABELS), "count": rng.randrange(100), "ids": [rng.randrange(1000) for _ in range(3)], "urgent": rng.random() < 0.5}
        reply = written(adapter, CASE, right)
        harmless = number % 5 == 0
        damaged = cosmetic(rng, reply) if harmless else destructive(rng, reply)
        found = read(adapter, CASE, damaged, finish="stop")
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
    reply = written(adapter, CASE, right)
    for at in range(len(reply)):
        try:
            outcome = adapter.parse(CASE, Response(reply[:at], finish="length"))
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
        letters = [rng.choice([chr(rng.randrange(0x110000)), chr(rng.randrange(128)), chr(rng.randrange(0xD800, 0xE000)), rng.choice(RUBBISH)])
                   for _ in range(rng.randint(0, 20))]
        yield "".join(letters)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_2000_strings_as_replies_give_typed_outcomes_only(adapter):
    rng = random.Random(11)
    for text in strings(rng, 2000):
        for signature in (CASE, ONE):
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


FLOODS = ["{", "[", "[[", "{[", '{"a":', "[[label]]\n", "<label>", "</label>", "```\n", "```json\n{", "<", "&lt;", "\\", '"', "label: ", "9", "-", " ", "\n", "[[", "'{", "}{"]


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_a_megabyte_of_delimiters_costs_less_than_a_second(adapter):
    nested = Signature("q -> first: list[list[int]], second: dict[str, str], label: str")
    for flood in FLOODS:
        text = (flood * (1_000_000 // len(flood) + 1))[:1_000_000]
        for signature in (CASE, nested):
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
