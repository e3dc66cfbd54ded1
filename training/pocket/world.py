"""The rule world: inputs, rules, format rules and the many ways in which an instruction can name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import words as w
from splits import input_is_held_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

# --------------------------------------------------------------------------- inputs


@dataclass(frozen=True)
class Item:
    """One input of the world: its text, its kind and the plain answer of every rule that applies to it."""

    kind: str
    text: str
    answers: dict[str, str]


_SENTENCES = (
    "{name} bought a {colour} {item} in {city} on {day}.",
    "On {day} {name} sold the {colour} {item} in {city}.",
    "In {city} , {name} found a {colour} {item} on {day}.",
    "{name} from {city} lost a {colour} {item} last {day}.",
    "The {colour} {item} was sent to {name} in {city} on {day}.",
    "Last {day} a {colour} {item} came to {city} for {name}.",
    "{name} saw a {colour} {item} in a shop in {city} on {day}.",
    "On {day} the shop in {city} gave {name} a {colour} {item}.",
)
_OPENINGS = (
    "Hi, I am {name} from {city}.",
    "Hello, this is {name} in {city}.",
    "My name is {name} and I live in {city}.",
    "Dear team, I am writing from {city}. My name is {name}.",
    "Hello from {city}! I am {name}.",
    "{name} here, from {city}.",
)
_ORDERS = (
    "On {day} I ordered a {colour} {item}.",
    "I bought a {colour} {item} on {day}.",
    "My order from {day} was a {colour} {item}.",
    "Last {day} I paid for a {colour} {item}.",
    "It is about the {colour} {item} that I ordered on {day}.",
    "I am waiting for the {colour} {item} from {day}.",
)
_NUMBERS = ("The order number is {order}.", "Order {order}.", "My order number is {order}.", "See order {order}.")
_CLOSINGS = ("", "", "", "Please help.", "Thanks.", "Can you help me?", "Best regards.", "What can I do?", "Thank you!")
_REVIEWS = (
    "The {item} is {adj}.", "What a {adj} {item}!", "I {verb} this {item}.", "This is a {adj} {item} and I {verb} it.",
    "We {verb} the {colour} {item}.", "The {item} from {city} is {adj}.", "My new {item} is {adj}.", "{name} thinks the {item} is {adj}.",
)  # fmt: skip


def _fill(rng: Random) -> dict[str, str]:
    return {
        "name": rng.choice(w.NAMES),
        "city": rng.choice(w.CITIES),
        "item": rng.choice(w.ITEMS),
        "colour": rng.choice(w.ITEM_COLOURS),
        "day": rng.choice(w.DAYS),
    }


def _sentence(rng: Random) -> Item:
    fields = _fill(rng)
    text = rng.choice(_SENTENCES).format(**fields).replace(" ,", ",")
    return Item("sentence", text, fields)


def _ticket(rng: Random) -> Item:
    fields = _fill(rng)
    topic = rng.choice(tuple(w.TOPICS))
    order = str(rng.randrange(1000, 10000))
    opening, bought = rng.choice(_OPENINGS).format(**fields), rng.choice(_ORDERS).format(**fields)
    problem = rng.choice(w.TOPICS[topic]).format(item=fields["item"])
    parts = [opening, bought, problem]
    if rng.random() < 0.15:
        parts = [opening, problem, bought]
    answers = {**fields, "topic": topic}
    if rng.random() < 0.25:
        parts.insert(rng.randrange(1, 4), rng.choice(_NUMBERS).format(order=order))
        answers["order"] = order
    closing = rng.choice(_CLOSINGS)
    if closing:
        parts.append(closing)
    return Item("ticket", " ".join(parts), answers)


def _list(rng: Random) -> Item:
    names = rng.sample(tuple(w.CATEGORIES), rng.randrange(3, 6))
    picked = [rng.choice(w.CATEGORIES[name]) for name in names]
    answers = dict(zip(names, picked, strict=True))
    answers["first"], answers["last"] = picked[0], picked[-1]
    return Item("list", ", ".join(picked), answers)


def _review(rng: Random) -> Item:
    good = rng.random() < 0.5
    fields = _fill(rng)
    fields["adj"] = rng.choice(w.GOOD if good else w.BAD)
    fields["verb"] = rng.choice(w.LIKE if good else w.DISLIKE)
    return Item(
        "review", rng.choice(_REVIEWS).format(**fields), {"sentiment": "positive" if good else "negative", "item": fields["item"]}
    )


_KIND_OF = {word: name for name, members in w.CATEGORIES.items() if name != "country" for word in members}


def _facts(table: dict[str, str], rule: str) -> Callable[[Random], Item]:
    keys = tuple(table)

    def make(rng: Random) -> Item:
        key = rng.choice(keys)
        return Item(rule, key, {rule: table[key]})

    return make


#: kind of input -> generator. A fact's kind is its rule.
KINDS: dict[str, Callable[[Random], Item]] = {
    "ticket": _ticket,
    "sentence": _sentence,
    "list": _list,
    "review": _review,
    "plural": _facts(w.PLURALS, "plural"),
    "past": _facts(w.PAST, "past"),
    "opposite": _facts(w.OPPOSITES, "opposite"),
    "kind": _facts(_KIND_OF, "kind"),
    "capital": _facts(w.CAPITALS, "capital"),
}
FACTS = ("plural", "past", "opposite", "kind", "capital")


def held_out(item: Item, rule: str, formats: tuple[str, ...]) -> bool:
    """Whether this input belongs to the test side for this rule.

    A text input is held out by its text alone. A fact (a single word) must be taught somewhere, so its plain form is
    trained for every word and only its formatted forms are held out.
    """
    if item.kind in FACTS:
        return bool(formats) and input_is_held_out(f"{rule}:{item.text}")
    return input_is_held_out(item.text)


def draw(rng: Random, kind: str, rule: str, formats: tuple[str, ...], *, test: bool) -> Item:
    """One input of `kind` that `rule` applies to, from the training side or (`test`) from the held-out side."""
    while True:
        item = KINDS[kind](rng)
        if rule in item.answers and held_out(item, rule, formats) == (test and (kind not in FACTS or bool(formats))):
            return item


# --------------------------------------------------------------------------- rules

#: rule -> (kinds of input it applies to, weight, names of the thing asked for; the first is the canonical one)
RULES: dict[str, tuple[tuple[str, ...], float, tuple[str, ...]]] = {
    "name": (("ticket", "sentence"), 1.0, ("name", "name of the person", "person", "name of the customer")),
    "city": (("ticket", "sentence"), 1.0, ("city", "name of the city", "town", "place")),
    "item": (("ticket", "sentence", "review"), 1.3, ("item", "product", "name of the item", "thing that was bought")),
    "colour": (("ticket", "sentence", "list"), 1.0, ("colour", "color", "name of the colour", "colour word")),
    "day": (("ticket", "sentence"), 1.0, ("day", "day of the week", "name of the day", "weekday")),
    "order": (("ticket",), 0.8, ("order number", "number of the order", "number")),
    "topic": (("ticket",), 1.2, ("topic", "topic of the ticket", "subject", "kind of problem")),
    "sentiment": (("review",), 0.8, ("sentiment", "feeling", "mood", "sentiment of the review")),
    "plural": (("plural",), 0.8, ("plural", "plural form", "plural of the word")),
    "past": (("past",), 0.8, ("past tense", "past form", "past tense of the verb")),
    "opposite": (("opposite",), 0.8, ("opposite", "opposite of the word", "antonym")),
    "kind": (("kind",), 1.5, ("category", "category of the word", "kind of thing")),
    "capital": (("capital",), 0.7, ("capital", "capital city", "capital of the country")),
    "first": (("list",), 0.4, ("first word", "first word of the list", "first entry")),
    "last": (("list",), 0.4, ("last word", "last word of the list", "last entry")),
    **{
        name: (("list",), 0.55, (name, f"name of the {name}", f"{name} in the list")) for name in w.CATEGORIES if name != "colour"
    },
}
RULE_NAMES = tuple(RULES)
_RULE_WEIGHTS = tuple(RULES[name][1] for name in RULE_NAMES)

#: The phrase for the input as the instruction may call it.
_SOURCES: dict[str, tuple[str, ...]] = {
    "ticket": ("ticket", "message", "text"),
    "sentence": ("sentence", "text"),
    "list": ("list", "words", "text"),
    "review": ("review", "text"),
}

_GIVE = (
    "Give the {x}.", "Return the {x}.", "What is the {x}?", "Write the {x}.", "Name the {x}.", "Extract the {x}.",
    "Find the {x}.", "Tell me the {x}.", "Answer with the {x}.", "Reply with the {x}.", "Output the {x}.", "I need the {x}.",
    "Pick out the {x}.", "Give only the {x}.", "Return only the {x}.", "Reply with only the {x}.", "Your task is to give the {x}.",
    "The task is to give the {x}.", "The answer is the {x}.", "Write down the {x} and nothing else.", "Get the {x}.", "State the {x}.",
    "Say what the {x} is.", "Give me the {x}.", "Respond with the {x}.", "Write just the {x}.", "Show the {x}.", "We want the {x}.",
    "Find the {x} and give it.", "Look for the {x}.", "Only the {x}.", "Just the {x}.", "The {x} only.", "Take the {x}.",
    "See what the {x} is and write it.", "Help me find the {x}.", "I want to know the {x}.", "Can you give the {x}?", "Which {x} is it?", "Let me know the {x}.", "Just tell me the {x}.", "Find and write the {x}.", "Read it and give the {x}.", "The output is the {x}.", "The reply is the {x} and nothing more.",
)  # fmt: skip
_GIVE_FROM = (
    "Give the {x} from the {s}.", "Read the {s} and give the {x}.", "Find the {x} in the {s}.", "Extract the {x} from the {s}.",
    "Return the {x} that the {s} names.", "Look at the {s} and write the {x}.", "What is the {x} in this {s}?",
    "From the {s}, return the {x}.", "Given the {s}, return the {x}.", "Read the {s}. Give the {x}.", "For this {s}, write the {x}.",
)  # fmt: skip
#: Wordings that training never uses; the evaluation asks with them.
HELD_OUT_GIVE = (
    "Please return the {x}.",
    "Please tell me what the {x} is.",
    "Reply with the {x} and nothing else.",
    "Find and return the {x}.",
)


# --------------------------------------------------------------------------- formats

WRAPS: dict[str, tuple[str, str]] = {"quotes": ('"', '"'), "brackets": ("[", "]"), "stars": ("*", "*"), "parens": ("(", ")")}
ENDS: dict[str, str] = {"exclaim": "!", "dot": "."}
PREFIXES: dict[str, str] = {"answer": "Answer:", "result": "Result:"}
SLOTS: dict[str, tuple[str, ...]] = {"wrap": tuple(WRAPS), "end": tuple(ENDS), "prefix": tuple(PREFIXES)}
SLOT_OF = {name: slot for slot, names in SLOTS.items() for name in names}

_FORMAT_TEXT: dict[str, tuple[str, ...]] = {
    "quotes": ("Put it in quotes.", "Put the answer in quotes.", "Use double quotes around it.", "Wrap it in quotation marks.", "Write it between quotes.", "Quote the answer.", "Surround it with quotes.", "It must be in quotes.", "It is in quotes.", "The answer is between quotes.", "Use quotes.", "Begin and end with quotes.", "Add quotes on both ends.", "There must be quotes around it.", "It needs quotes."),
    "brackets": ("Put it in square brackets.", "Put the answer in square brackets.", "Use square brackets around it.", "Wrap it in square brackets.", "Write it between square brackets.", "Put it in brackets.", "Surround it with square brackets.", "It must be in square brackets.", "It is in square brackets.", "The answer is between square brackets.", "Use square brackets.", "Begin and end with square brackets.", "Add square brackets around it.", "There must be square brackets around it.", "It needs square brackets."),
    "stars": ("Put it in stars.", "Put the answer in stars.", "Use stars around it.", "Wrap it in stars.", "Write it between stars.", "Put a star before and after it.", "Surround it with stars.", "It must be in stars.", "It is in stars.", "The answer is between stars.", "Use stars.", "Begin and end with a star.", "Add stars around it.", "There must be stars around it.", "It needs stars."),
    "parens": ("Put it in parentheses.", "Put the answer in parentheses.", "Use parentheses around it.", "Wrap it in parentheses.", "Write it between parentheses.", "Put it in round brackets.", "Surround it with parentheses.", "It must be in parentheses.", "It is in parentheses.", "The answer is between parentheses.", "Use parentheses.", "Begin and end with parentheses.", "Add parentheses around it.", "There must be parentheses around it.", "It needs parentheses."),
    "exclaim": ("End with an exclamation mark.", "Add an exclamation mark.", "Put an exclamation mark at the end.", "Finish with an exclamation mark.", "The answer ends with an exclamation mark.", "It must end with an exclamation mark.", "Use an exclamation mark at the end.", "Close with an exclamation mark.", "An exclamation mark must follow.", "Write an exclamation mark after it.", "At the end comes an exclamation mark.", "The answer has an exclamation mark at the end.", "There must be an exclamation mark at the end.", "It needs an exclamation mark.", "It ends with an exclamation mark."),
    "dot": ("End with a full stop.", "Add a full stop.", "Put a full stop at the end.", "Finish with a full stop.", "The answer ends with a full stop.", "It must end with a full stop.", "Use a full stop at the end.", "Close with a full stop.", "A full stop must follow.", "Write a full stop after it.", "At the end comes a full stop.", "The answer has a full stop at the end.", "There must be a full stop at the end.", "It needs a full stop.", "It ends with a full stop."),
    "answer": ("Start with Answer and a colon.", "Write Answer: before it.", "Begin with Answer and a colon.", "Put the word Answer and a colon first.", "It must start with Answer and a colon.", "The answer starts with Answer and a colon.", "Use Answer and a colon before it.", "First write Answer and a colon.", "Say Answer and a colon first.", "Answer and a colon come first.", "There must be Answer and a colon before it."),
    "result": ("Start with Result and a colon.", "Write Result: before it.", "Begin with Result and a colon.", "Put the word Result and a colon first.", "It must start with Result and a colon.", "The answer starts with Result and a colon.", "Use Result and a colon before it.", "First write Result and a colon.", "Say Result and a colon first.", "Result and a colon come first.", "There must be Result and a colon before it."),
}  # fmt: skip
HELD_OUT_FORMAT_TEXT: dict[str, str] = {
    "quotes": "Put quotes around it.", "brackets": "Put square brackets around it.", "stars": "Put stars around it.", "parens": "Put parentheses around it.",
    "exclaim": "The last mark is an exclamation mark.", "dot": "The last mark is a full stop.",
    "answer": "The first word is Answer and a colon.", "result": "The first word is Result and a colon.",
}  # fmt: skip
_INLINE: dict[str, tuple[str, ...]] = {
    "quotes": ("in quotes", "between quotes", "in double quotes"),
    "brackets": ("in square brackets", "between square brackets", "in brackets"),
    "stars": ("in stars", "between stars"),
    "parens": ("in parentheses", "between parentheses", "in round brackets"),
    "exclaim": ("with an exclamation mark at the end", "and end with an exclamation mark", "followed by an exclamation mark"),
    "dot": ("with a full stop at the end", "and end with a full stop", "followed by a full stop"),
    "answer": ("after the word Answer and a colon",),
    "result": ("after the word Result and a colon",),
}
_CRITIQUE_TEXT: dict[str, str] = {
    "quotes": "The answer must be in quotes.",
    "brackets": "The answer must be in square brackets.",
    "stars": "The answer must be in stars.",
    "parens": "The answer must be in parentheses.",
    "exclaim": "The answer must end with an exclamation mark.",
    "dot": "The answer must end with a full stop.",
    "answer": "The answer must start with Answer and a colon.",
    "result": "The answer must start with Result and a colon.",
}

#: All (wrap, end, prefix) selections with at most two formats, in canonical order.
COMBINATIONS: tuple[tuple[str, ...], ...] = tuple(
    tuple(f for f in (wrap, end, prefix) if f)
    for wrap in ("", *WRAPS)
    for end in ("", *ENDS)
    for prefix in ("", *PREFIXES)
    if sum(map(bool, (wrap, end, prefix))) <= 2
)


def apply(formats: tuple[str, ...], answer: str) -> str:
    """`answer` as the format rules want it.

    >>> apply(("stars", "exclaim"), "Oslo")
    '*Oslo*!'
    >>> apply(("quotes", "answer"), "Oslo")
    'Answer: "Oslo"'
    """
    before = after = end = prefix = ""
    for name in formats:
        if name in WRAPS:
            before, after = WRAPS[name]
        elif name in ENDS:
            end = ENDS[name]
        else:
            prefix = PREFIXES[name] + " "
    return f"{prefix}{before}{answer}{after}{end}"


# --------------------------------------------------------------------------- instructions

VAGUE = (
    "Handle the ticket.", "Handle the message.", "Handle the input.", "Process the ticket.", "Process the input.", "Process the text.", "Do the task.", "Do it.",
    "Answer.", "Answer the question.", "Help the customer.", "Help with this message.", "Work on the input.", "Deal with the ticket.", "Look at the text.", "Read the text.",
    "Read the ticket.", "Respond.", "Reply to the message.", "Write an answer.", "Do what is needed.", "Do the right thing.", "You are a helpful assistant.",
    "Solve the task.", "Complete the task.", "Take care of it.", "Give a good answer.", "Be helpful.", "Think and answer.", "Use the input.", "Follow the examples.",
    "Do the same as in the examples.", "Given the fields `ticket`, produce the fields `answer`.", "Given the fields `text`, produce the fields `answer`.",
    "Given the fields `question`, produce the fields `answer`.", "Given the fields `input`, produce the fields `output`.", "Given the fields `ticket`, produce the fields `reply`.",
)  # fmt: skip
HELD_OUT_VAGUE = ("Handle this ticket.", "Do the work.", "Deal with it.")
#: What the model says when nothing tells it what to do.
SHRUG = "We will look into it."


def canonical(rule: str, formats: tuple[str, ...]) -> str:
    """The instruction that revisions and inductions write.

    >>> canonical("city", ("stars", "exclaim"))
    'Give the city. Put it in stars. End with an exclamation mark.'
    """
    return " ".join([f"Give the {RULES[rule][2][0]}.", *(_FORMAT_TEXT[f][0] for f in formats)])


def critique(rule: str, formats: tuple[str, ...]) -> str:
    """What a complete criticism says about an answer that should have been (rule, formats).

    >>> critique("city", ("stars",))
    'The task is to give the city. The answer must be in stars.'
    """
    return " ".join([f"The task is to give the {RULES[rule][2][0]}.", *(_CRITIQUE_TEXT[f] for f in formats)])


def rule_sentence(rng: Random, rule: str, kind: str) -> str:
    """One precise wording of the rule alone."""
    names = RULES[rule][2]
    x = names[0] if rng.random() < 0.55 else rng.choice(names)
    if kind in _SOURCES and " of the " not in x and rng.random() < 0.3:
        return rng.choice(_GIVE_FROM).format(x=x, s=rng.choice(_SOURCES[kind]))
    return rng.choice(_GIVE).format(x=x)


def format_sentence(rng: Random, name: str) -> str:
    """One wording of one format rule alone."""
    return rng.choice(_FORMAT_TEXT[name])


def precise(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> str:
    """An instruction that says everything, in one of very many wordings; a quarter are the canonical one."""
    draw_ = rng.random()
    if draw_ < 0.25:
        return canonical(rule, formats)
    first = rule_sentence(rng, rule, kind)
    rest = list(formats)
    if rest and first.endswith(".") and "nothing else" not in first and rng.random() < 0.4:
        inline = rest.pop(0)
        first = f"{first[:-1]} {rng.choice(_INLINE[inline])}."
    sentences = [format_sentence(rng, f) for f in rest]
    if (
        sentences
        and first.endswith(".")
        and "nothing else" not in first
        and sentences[0].startswith(_VERBS)
        and rng.random() < 0.2
    ):
        joined = sentences.pop(0)
        first = f"{first[:-1]} and {joined[0].lower()}{joined[1:]}"
    if len(sentences) == 2 and rng.random() < 0.3:
        sentences.reverse()
    if draw_ > 0.9 and not any(s.startswith(("It ", "Put it")) for s in sentences):
        return " ".join([*sentences, first])
    return " ".join([first, *sentences])


def held_out_precise(rng: Random, rule: str, formats: tuple[str, ...], *, new_rule: bool = True, new_formats: bool = True) -> str:
    """A complete instruction whose rule, formats or both are said in wordings that training never uses."""
    name = RULES[rule][2][0]
    first = rng.choice(HELD_OUT_GIVE).format(x=name) if new_rule else f"Give the {name}."
    return " ".join([first, *(HELD_OUT_FORMAT_TEXT[f] if new_formats else _FORMAT_TEXT[f][0] for f in formats)])


_VERBS = ("Put", "Use", "Wrap", "Write it", "Surround", "End", "Add", "Finish", "Start", "Begin")


def draw_rule(rng: Random) -> str:
    """A rule by its training weight."""
    return rng.choices(RULE_NAMES, _RULE_WEIGHTS)[0]


def draw_formats(rng: Random) -> tuple[str, ...]:
    """No, one or two formats: 20 %, 45 %, 35 %."""
    size = rng.choices((0, 1, 2), (0.2, 0.45, 0.35))[0]
    return rng.choice([c for c in COMBINATIONS if len(c) == size])
