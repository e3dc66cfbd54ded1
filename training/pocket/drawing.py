"""What every family draws from: a trained combination, an instruction that helps more or less, an input that is clear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import splits
import world

if TYPE_CHECKING:
    from random import Random


def training_combo(rng: Random) -> tuple[str, tuple[str, ...], str]:
    """A trained (rule, formats, kind of input)."""
    while True:
        rule, formats = world.draw_rule(rng), world.draw_formats(rng)
        if world.RULES[rule][0][0] in world.FACTS and rng.random() < 0.35:
            formats = ()  # a fact is learned in its plain form
        if not splits.combo_is_held_out(rule, formats):
            kinds = world.RULES[rule][0]
            return rule, formats, rng.choice(kinds)


def vague(rng: Random) -> str:
    """An instruction that says nothing about the task."""
    if rng.random() < 0.12:
        return f"Given {rng.choice(('ticket', 'text', 'question', 'input', 'message', 'review', 'sentence', 'word'))}, give {rng.choice(('answer', 'reply', 'output', 'result', 'response'))}."
    return rng.choice(world.VAGUE)


def other_formats(rng: Random, formats: tuple[str, ...]) -> tuple[str, ...]:
    while True:
        found = world.draw_formats(rng)
        if found != formats:
            return found


def other_rule(rng: Random, rule: str, kind: str) -> str:
    """Another rule, mostly one that applies to the same kind of input."""
    near = [r for r in world.RULE_NAMES if r != rule and kind in world.RULES[r][0]]
    if near and rng.random() < 0.8:
        return rng.choice(near)
    while True:
        found = world.draw_rule(rng)
        if found != rule:
            return found


def partial(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> tuple[str, str | None, tuple[str, ...]]:
    """An instruction that leaves something out: (its text, the rule it names or None, the formats it names)."""
    if formats and rng.random() < 0.7:
        kept = tuple(f for f in formats if rng.random() < 0.4)
        if kept == formats:
            kept = ()
        return world.precise(rng, rule, kind, kept), rule, kept
    if not formats:
        return vague(rng), None, ()
    return " ".join(world.format_sentence(rng, f) for f in formats), None, formats


def wrong(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
    """An instruction that asks for something else: (its text, its rule, its formats)."""
    draw = rng.random()
    bad_rule = other_rule(rng, rule, kind) if draw < 0.65 else rule
    bad_formats = other_formats(rng, formats) if draw > 0.35 else formats
    return world.precise(rng, bad_rule, kind, bad_formats), bad_rule, bad_formats


def state(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> tuple[str, str | None, tuple[str, ...]]:
    """Some current instruction on the way to (rule, formats): (text, rule it names, formats it names)."""
    said = rng.choices(("vague", "partial", "wrong", "right"), (0.45, 0.27, 0.2, 0.08))[0]
    if said == "vague":
        return vague(rng), None, ()
    if said == "partial":
        return partial(rng, rule, kind, formats)
    if said == "wrong":
        return wrong(rng, rule, kind, formats)
    return world.precise(rng, rule, kind, formats), rule, formats


def clear_item(rng: Random, kind: str, rule: str, formats: tuple[str, ...], *, test: bool = False) -> world.Item:
    """An item that tells the rule from the others that apply to it."""
    while True:
        item = world.draw(rng, kind, rule, formats, test=test)
        if world.clear(item, rule):
            return item
