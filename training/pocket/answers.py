"""Families in which a rule is done: under an instruction, after demonstrations, as the answer to a question, with reasoning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import drawing
import splits
import world
from drawing import partial, vague, wrong
from render import Conversation, assistant_text, system_text, user_text

if TYPE_CHECKING:
    from random import Random


def answers(rng: Random) -> Conversation:
    """One rule with its formats, under an instruction that helps more or less, with up to fourteen turns."""
    rule, formats, kind = drawing.training_combo(rng)
    said = rng.choices(("precise", "vague", "partial", "wrong", "missing"), (0.5, 0.28, 0.1, 0.07, 0.05))[0]
    talk = Conversation(f"answers/{said}")
    brief = kind in world.SHORT
    if said == "precise":
        turns = rng.choices((3, 5, 8, 12) if brief else (1, 2, 3, 5), (0.35, 0.3, 0.2, 0.15))[0]
        talk.system(world.precise(rng, rule, kind, formats))
    else:
        turns = rng.choices((3, 5, 7, 10, 14) if brief else (2, 3, 4, 6, 9), (0.2, 0.3, 0.25, 0.17, 0.08))[0] + (
            8 if rng.random() < 0.03 else 0
        )
        if said == "vague":
            talk.system(vague(rng))
        elif said == "partial":
            talk.system(partial(rng, rule, kind, formats)[0])
        elif said == "wrong":
            talk.system(wrong(rng, rule, kind, formats)[0])
    kinds = world.RULES[rule][0]
    for turn in range(turns):
        here = kind if rng.random() < 0.93 else rng.choice(kinds)
        item = world.draw(rng, here, rule, formats, test=False)
        talk.pair(item.text, world.apply(formats, item.answers[rule]), loss=said == "precise" or turn > 0)
    return talk


def shrug(rng: Random) -> Conversation:
    """Nothing says what to do: the model says so. One turn, or a last turn that shows it is about the instruction."""
    talk = Conversation("shrug")
    rule, _formats, kind = drawing.training_combo(rng)
    if rng.random() < 0.93:
        talk.system(vague(rng))
    item = world.draw(rng, kind, rule, (), test=False)
    talk.pair(item.text, world.SHRUG, loss=True)
    return talk


_QUESTIONS = (
    "What is the {x}?",
    "Which {x}?",
    "Give the {x}.",
    "What {x} is it?",
    "Tell me the {x}.",
    "The {x}?",
    "What is the {x} here?",
    "Find the {x}.",
)


def questions(rng: Random) -> Conversation:
    """Two input fields: a text and a question that names the rule; formats stand in the instruction. A new rule each turn."""
    kind = rng.choices(
        ("ticket", "sentence", "record", "list", "words", "check", "numbers", "review"),
        (0.3, 0.2, 0.12, 0.15, 0.1, 0.04, 0.05, 0.04),
    )[0]
    field = rng.choice(("text", "context", kind))
    shape = f"{field}, question -> answer"
    formats = world.draw_formats(rng) if rng.random() < 0.6 else ()
    talk = Conversation("questions")
    opening = rng.choice(
        (
            "",
            "Answer the question.",
            f"Given {field}, question, give answer.",
            "Answer the question from the text.",
            "Read the text and answer.",
        )
    )
    instruction = " ".join(s for s in (opening, *(world.format_sentence(rng, f) for f in formats)) if s)
    if instruction:
        talk.system(system_text(shape, instruction))
    count = rng.choice((2, 3, 4, 5))
    while count:
        item = world.KINDS[kind](rng)
        rule = rng.choice(tuple(item.answers))
        if splits.combo_is_held_out(rule, formats) or world.held_out(item, rule, formats):
            continue
        names = world.RULES[rule][2]
        x = names[0] if rng.random() < 0.6 else rng.choice(names)
        question = world.sentence_case(x) + "." if rule in world.VERBAL else rng.choice(_QUESTIONS).format(x=x)
        talk.pair(user_text(shape, {field: item.text, "question": question}), world.apply(formats, item.answers[rule]), loss=True)
        count -= 1
    return talk


COT = "-> reasoning, answer"


def _reason(item: world.Item, rule: str) -> str:
    """One sentence that leads to the answer; sums are written out."""
    plain = item.answers[rule]
    if rule in ("sum", "difference"):
        a, b = (part for part in item.text.replace(",", " ").replace("and", " ").split())
        return f"{a} {'+' if rule == 'sum' else '-'} {b} = {plain}."
    if rule in world.VERBAL:
        return (
            f"I {world.do(rule)}."
            if not rule.startswith("has_")
            else f"The list has {'a' if plain == 'yes' else 'no'} {rule[4:]}."
        )
    return f"The {world.RULES[rule][2][0]} is {plain}."


def reasoned(rng: Random) -> Conversation:
    """Chain of thought: one sentence of reasoning, then the answer, in marked blocks."""
    rule, formats, kind = drawing.training_combo(rng)
    shape = f"{rng.choice(('ticket', 'text', 'question', 'input'))} {COT}"
    field = shape.split(maxsplit=1)[0]
    talk = Conversation("reasoned")
    if rng.random() < 0.12:
        talk.system(system_text(shape, vague(rng)))
        item = world.draw(rng, kind, rule, formats, test=False)
        talk.pair(item.text, assistant_text(shape, {"reasoning": "The task is not clear.", "answer": world.SHRUG}), loss=True)
        return talk
    precise = rng.random() < 0.6
    talk.system(system_text(shape, world.precise(rng, rule, kind, formats) if precise else vague(rng)))
    for turn in range(rng.choice((1, 1, 2, 3)) + (not precise)):
        item = world.draw(rng, kind, rule, formats, test=False)
        plain = item.answers[rule]
        out = {"reasoning": _reason(item, rule), "answer": world.apply(formats, plain)}
        talk.pair(user_text(shape, {field: item.text}), assistant_text(shape, out), loss=precise or turn > 0)
    return talk
