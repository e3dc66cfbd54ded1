"""Families with several named outputs or typed ones: marked blocks, JSON objects, lists of choices."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import splits
import world
from render import JSON, Conversation, assistant_text, system_text, user_text

if TYPE_CHECKING:
    from random import Random


_FIELD_RULES = ("name", "city", "item", "colour", "day", "order", "price", "email", "topic", "urgency")
_FIELD_OPENINGS = (
    "Extract the fields.",
    "Fill in the fields.",
    "Read the text and give the fields.",
    "Find the values.",
    "Do the task.",
    "Handle the ticket.",
)
_JSON_FORMS = (
    "Reply with a JSON object with the keys: {keys}.", "Reply only with a JSON object with the fields {keys}.", "Answer as a JSON object. Its keys are {keys}.",
    "Reply only with a JSON object:\n{{{shown}}}", "Reply only with a JSON object:\n{{{shown}}}", "Reply only with a JSON object:\n{{{shown}}}", "Reply in JSON.",
    "Reply in this form:\n{{{example}}}", "Return JSON with {keys}.",
)  # fmt: skip


def fields(rng: Random) -> Conversation:
    """Several named outputs: marked blocks as the Chat adapter writes them, or one JSON object. Names say what is wanted."""
    kind = rng.choices(("ticket", "sentence", "record"), (0.5, 0.3, 0.2))[0]
    size = rng.choices((1, 2, 3, 4), (0.25, 0.45, 0.2, 0.1))[0]
    source = rng.choice((kind, "text", "input"))
    while True:
        first = world.KINDS[kind](rng)
        names = [name for name in _FIELD_RULES if name in first.answers]
        if len(names) >= size:
            break
    chosen = rng.sample(names, size)
    shape = f"{source} -> {', '.join(chosen)}"
    as_json = rng.random() < 0.4
    opening = f"Given {source}, give {', '.join(chosen)}." if rng.random() < 0.5 else rng.choice(_FIELD_OPENINGS)
    talk = Conversation("fields/json" if as_json else "fields/blocks")
    told = size > 1 or as_json or opening.startswith("Given")
    if as_json:
        keys = ", ".join(chosen)
        example = ", ".join(f'"{name}": "..."' for name in chosen)
        shown = ", ".join(f'"{name}": <text>' for name in chosen)
        if rng.random() < 0.5:
            talk.system(system_text(shape, opening, JSON))
            told = True
        else:
            form = rng.choice(_JSON_FORMS).format(keys=keys, example=example, shown=shown)
            told = "JSON." not in form or opening.startswith("Given")
            talk.system(opening + "\n\n" + form)
    else:
        talk.system(system_text(shape, opening))
    count = rng.choice((1, 2, 3)) + (not told)
    for turn in range(count):
        item = world.KINDS[kind](rng)
        while splits.input_is_held_out(item.text) or any(name not in item.answers for name in chosen):
            item = world.KINDS[kind](rng)
        values = {name: item.answers[name] for name in chosen}
        said = json.dumps(values) if as_json else assistant_text(shape, values)
        talk.pair(user_text(shape, {source: item.text}), said, loss=told or turn > 0)
    return talk


_CHOICE_RULES = ("topic", "urgency", "sentiment", "subject", "language", "parity")
_CHOICE_OPENINGS = (
    "Classify the text.",
    "Choose the right class.",
    "Give the class.",
    "Do the task.",
    "Handle the input.",
    "What is it?",
    "Sort it.",
    "Label the input.",
)


def choices(rng: Random) -> Conversation:
    """A typed output: one of a list of labels that the prompt names, or true and false."""
    talk = Conversation("choices")
    if rng.random() < 0.15:
        category = rng.choice(world._ASKED)
        rule = f"has_{category}"
        shape = f"{rng.choice(('list', 'text', 'words'))} -> answer: bool"
        talk.system(
            system_text(
                shape,
                rng.choice(
                    (
                        f"Is there {'an' if category == 'animal' else 'a'} {category} in the list?",
                        f"Does the list have {'an' if category == 'animal' else 'a'} {category}?",
                    )
                ),
            )
        )
        for _ in range(4):
            item = world.draw(rng, "check", rule, (), test=False)
            talk.pair(item.text, "true" if item.answers[rule] == "yes" else "false", loss=True)
        return talk
    rule = rng.choice(_CHOICE_RULES)
    every = list(world.values(rule))
    allowed = rng.sample(every, len(every) if len(every) < 4 else rng.randrange(2, len(every) + 1))
    shape = f"{rng.choice(('ticket', 'text', 'message', 'input'))} -> {rng.choice(('label', 'answer', 'kind', rule))}: Literal[{', '.join(map(repr, allowed))}]"
    talk.system(system_text(shape, rng.choice(_CHOICE_OPENINGS) if rng.random() < 0.7 else world.precise(rng, rule, "", ())))
    kind = rng.choice(world.RULES[rule][0])
    for _ in range(rng.choice((2, 3, 5))):
        item = world.draw(rng, kind, rule, (), test=False)
        while item.answers[rule] not in allowed:
            item = world.draw(rng, kind, rule, (), test=False)
        talk.pair(item.text, item.answers[rule], loss=True)
    return talk
