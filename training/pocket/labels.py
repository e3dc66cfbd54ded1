"""Families of arbitrary labels: what a label means stands in the demonstrations or in the instruction, nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import splits
import words as w
import world
from drawing import vague
from render import Conversation

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random


VOCABULARY = tuple(
    dict.fromkeys(
        word
        for group in (
            *w.CATEGORIES.values(), w.ITEMS, w.NAMES, w.CITIES, w.DAYS, w.NUMBERS, w.ORDINALS, w.PLURALS, w.PLURALS.values(), w.PAST, w.PAST.values(), w.ING.values(), w.OPPOSITES, w.GOOD, w.BAD,
            w.COMMON, w.TOPICS, w.SUBJECTS, (x.upper() for x in w.UPPER),
        )
        for word in group
    )
)  # fmt: skip
LABEL_WORDS = tuple(word for word in VOCABULARY if not splits.label_is_held_out(word))
HELD_OUT_LABELS = tuple(word for word in VOCABULARY if splits.label_is_held_out(word))


def made_up(rng: Random, *, test: bool = False) -> str:
    """A label that is no word: bytes, as a user's own codes are. A tenth of them are kept for the evaluation."""
    while True:
        kind = rng.randrange(4)
        if kind == 0:
            word = "".join(rng.sample(w.MADE_UP_PARTS, rng.choice((2, 3))))
        elif kind == 1:
            word = "".join(rng.choice("ABCDEFGHKLMNPQRSTUVWXYZ") for _ in range(rng.choice((1, 2, 3))))
        elif kind == 2:
            word = f"{rng.choice('ABCDEFGHKTXYZ')}{rng.randrange(10)}"
        else:
            word = str(rng.randrange(10, 1000))
        if (splits.bucket("made up", word, 10) == 0) == test:
            return word


def labels(rng: Random, count: int) -> list[str]:
    """Distinct labels: words, made-up codes, or a pair of words."""
    style = rng.choices(("words", "codes", "pairs"), (0.8, 0.14, 0.06))[0]
    if style == "words":
        return rng.sample(LABEL_WORDS, count)
    if style == "pairs":
        return [f"{a} {rng.choice(LABEL_WORDS)}" for a in rng.sample(LABEL_WORDS, count)]
    found: dict[str, None] = {}
    while len(found) < count:
        found[made_up(rng)] = None
    return list(found)


_LABEL_VAGUE = (
    "Answer with the label.",
    "Give the label.",
    "Label the input.",
    "Choose the right label.",
    "Use the same labels as in the examples.",
    "Classify the input.",
    "Give the class.",
    "Sort the words.",
)


def _mapping(rng: Random, table: dict[str, str]) -> str:
    """An instruction that says which class gets which label."""
    pairs = list(table.items())
    rng.shuffle(pairs)
    style = rng.randrange(8)
    if style == 5:
        return "Say " + ", ".join(f"{b} for {a}" for a, b in pairs) + "."
    if style == 6:
        return "\n".join(f"{a}: {b}" for a, b in pairs)
    if style == 7:
        return " ".join(f"Answer {b} when it is {a}." for a, b in pairs)
    if style == 0:
        return ", ".join(f"{a} -> {b}" for a, b in pairs)
    if style == 1:
        return " ".join(f"If it is {a}, answer {b}." for a, b in pairs)
    if style == 2:
        return " ".join(f"{a} means {b}." for a, b in pairs)
    if style == 3:
        return " ".join(f"For {a} say {b}." for a, b in pairs)
    return "Give the label. " + " ".join(f"Label {a} as {b}." for a, b in pairs)


def _labelled(rng: Random, family: str, classes: list[str], draw: Callable[[str], str], turns: int) -> Conversation:
    """`turns` inputs of random classes, each class with its own arbitrary label; learned once a class was shown or told."""
    # Now and then the labels are the names of the classes: what is known about classes is what labels stand on.
    named = family != "labels/lookup" and rng.random() < 0.12
    table = dict(zip(classes, classes if named else labels(rng, len(classes)), strict=True))
    talk = Conversation(family)
    told = rng.random() < 0.45 and not named
    if told:
        talk.system(_mapping(rng, table))
    elif rng.random() < 0.6:
        talk.system(rng.choice(_LABEL_VAGUE) if rng.random() < 0.5 else vague(rng))
    seen: set[str] = set()
    for _ in range(turns):
        name = rng.choice(classes)
        talk.pair(draw(name), table[name], loss=told or name in seen)
        seen.add(name)
    return talk


#: Categories that may get labels.
LABELLED = tuple(name for name, members in w.CATEGORIES.items() if len(members) >= 9)


def lookups(rng: Random) -> Conversation:
    """Random keys with random labels: pure copying from the conversation."""
    size = rng.randrange(2, 7)
    keys = rng.sample(LABEL_WORDS, size)
    return _labelled(rng, "labels/lookup", keys, lambda key: key, 2 * size + 3)


def classes(rng: Random) -> Conversation:
    """Words of categories with random labels."""
    size = rng.choices((2, 3, 4, 5), (0.25, 0.3, 0.3, 0.15))[0]
    names = rng.sample(LABELLED, size)
    table = {name: [word for word in w.CATEGORIES[name] if not splits.input_is_held_out(f"label:{word}")] for name in names}
    return _labelled(rng, "labels/class", names, lambda name: rng.choice(table[name]), 2 * size + 4)


def routing(rng: Random) -> Conversation:
    """Tickets by topic, reviews by sentiment, sentences by subject, notes by urgency, with random labels."""
    kind, rule = rng.choice((("ticket", "topic"), ("ticket", "topic"), ("complaint", "topic"), ("complaint", "topic"), ("review", "sentiment"), ("line", "subject"), ("note", "urgency"), ("phrase", "language")))  # fmt: skip
    every = world.values(rule)
    names = rng.sample(every, min(len(every), rng.choices((2, 3, 4), (0.45, 0.4, 0.15))[0]))
    turns = 2 * len(names) + (2 if kind == "ticket" else 5)

    def draw(name: str) -> str:
        while True:
            item = world.KINDS[kind](rng)
            if item.answers[rule] == name and not splits.input_is_held_out(item.text):
                return item.text

    return _labelled(rng, "labels/routing", names, draw, turns)
