"""Training sequences: which task families there are, how often each is drawn, and what is learned from each turn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import words as w
import world
from render import (
    CHAT,
    JSON,
    Conversation,
    assistant_text,
    meta_assistant,
    meta_system,
    meta_user,
    react_reply,
    react_system,
    react_trajectory,
    react_user,
    system_text,
    user_text,
)
from splits import bucket, combo_is_held_out, input_is_held_out, label_is_held_out

from adjoint.optim.prompts import examples_text, runs_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random


def training_combo(rng: Random) -> tuple[str, tuple[str, ...], str]:
    """A trained (rule, formats, kind of input)."""
    while True:
        rule, formats = world.draw_rule(rng), world.draw_formats(rng)
        if world.RULES[rule][0][0] in world.FACTS and rng.random() < 0.35:
            formats = ()  # a fact is learned in its plain form
        if not combo_is_held_out(rule, formats):
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


# --------------------------------------------------------------------------- answers


def answers(rng: Random) -> Conversation:
    """One rule with its formats, under an instruction that helps more or less, with up to fourteen turns."""
    rule, formats, kind = training_combo(rng)
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
    rule, _formats, kind = training_combo(rng)
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
        if combo_is_held_out(rule, formats) or world.held_out(item, rule, formats):
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
    rule, formats, kind = training_combo(rng)
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


# --------------------------------------------------------------------------- several fields, types, JSON

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
        while input_is_held_out(item.text) or any(name not in item.answers for name in chosen):
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


def _all_values(rule: str) -> tuple[str, ...]:
    return {
        "topic": tuple(w.TOPICS), "urgency": tuple(w.URGENCY), "sentiment": ("positive", "negative"), "subject": tuple(w.SUBJECTS),
        "language": tuple(w.LANGUAGES), "parity": ("even", "odd"),
    }[rule]  # fmt: skip


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
    every = list(_all_values(rule))
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


# --------------------------------------------------------------------------- contexts, problems, tools

_RELATIONS = (
    ("works with", "colleague"),
    ("is married to", "partner"),
    ("lives next to", "neighbour"),
    ("is a friend of", "friend"),
    ("is the boss of", "worker"),
)
_FACTS_OF = (
    ("lives in", "Where does {x} live?", "city"),
    ("works as", "What is the job of {x}?", "job"),
    ("owns a", "What does {x} own?", "item"),
    ("likes the colour", "Which colour does {x} like?", "colour"),
)


def _context(rng: Random) -> tuple[str, str, str, str, list[str]]:
    """(context, question, answer, reasoning, names) of a small world in which a fact lies one or two steps away."""
    names = rng.sample(w.NAMES, rng.choice((4, 4, 6)))
    verb, role = rng.choice(_RELATIONS)
    fact, ask, slot = rng.choice(_FACTS_OF)
    pool = {"city": w.CITIES, "job": w.CATEGORIES["job"], "item": w.ITEMS, "colour": w.ITEM_COLOURS}[slot]
    half = len(names) // 2
    values = rng.sample(pool, len(names))
    lines = [f"{a} {verb} {b}." for a, b in zip(names[:half], names[half:], strict=True)]
    hop = rng.random() < 0.7
    lines += [f"{b} {fact} {v}." for b, v in zip(names[half:], values, strict=False)]
    rng.shuffle(lines)
    k = rng.randrange(half)
    a, b, v = names[k], names[half + k], values[k]
    question = ask.format(x=f"the {role} of {a}" if hop else b)
    reasoning = f"The {role} of {a} is {b}. {b} {fact} {v}." if hop else f"{b} {fact} {v}."
    return " ".join(lines), question, v, reasoning, names


def contexts(rng: Random) -> Conversation:
    """Questions about a small context: one step or two, with and without reasoning, sometimes with a format."""
    talk = Conversation("contexts")
    cot = rng.random() < 0.4
    shape = f"context, question -> {'reasoning, ' if cot else ''}answer"
    formats_ = world.draw_formats(rng) if rng.random() < 0.3 else ()
    while combo_is_held_out("context", formats_):
        formats_ = world.draw_formats(rng)
    opening = rng.choice(
        ("Answer the question.", "Read the context and answer.", "Given context, question, give answer.", "Use the context.")
    )
    talk.system(system_text(shape, " ".join((opening, *(world.format_sentence(rng, f) for f in formats_)))))
    turns = rng.choice((1, 2, 3))
    while turns:
        context, question, value, reasoning, _ = _context(rng)
        if input_is_held_out(context):
            continue
        user = user_text(shape, {"context": context, "question": question})
        talk.pair(
            user,
            assistant_text(
                shape,
                {"reasoning": reasoning, "answer": world.apply(formats_, value)}
                if cot
                else {"answer": world.apply(formats_, value)},
            ),
            loss=True,
        )
        turns -= 1
    return talk


_THINGS = tuple(
    w.PLURALS[x]
    for x in (
        "apple",
        "banana",
        "cup",
        "lamp",
        "book",
        "key",
        "ring",
        "chair",
        "table",
        "shirt",
        "hat",
        "bottle",
        "plate",
        "box",
        "coat",
        "clock",
    )
    if x in w.PLURALS
)


def _problem(rng: Random) -> tuple[str, str, str]:
    """(problem, steps, answer)."""
    a, b, name, thing = rng.randrange(2, 13), rng.randrange(1, 10), rng.choice(w.NAMES), rng.choice(_THINGS)
    if rng.random() < 0.5:
        text = rng.choice(
            (
                "{n} has {a} {t}. {n} buys {b} more.",
                "There are {a} {t} in the box. {n} puts {b} more in.",
                "{n} finds {a} {t} and then {b} more.",
            )
        )
        total, sign = a + b, "+"
    else:
        a = max(a, b + 1)
        text = rng.choice(
            (
                "{n} has {a} {t}. {n} sells {b}.",
                "There are {a} {t} in the box. {n} takes {b} out.",
                "{n} buys {a} {t} and loses {b}.",
            )
        )
        total, sign = a - b, "-"
    text = text.format(n=name, a=a, b=b, t=thing) + f" How many {thing} are there now?"
    return text, f"{a} {sign} {b} = {total}.", str(total)


def problems(rng: Random) -> Conversation:
    """Small sums in words or in signs, with the steps written out or not."""
    talk = Conversation("problems")
    cot = rng.random() < 0.5
    shape = f"question -> {'reasoning, ' if cot else ''}answer"
    talk.system(
        system_text(
            shape,
            rng.choice(
                ("Answer the question.", "Solve the problem.", "Given question, give answer.", "Work it out.", "Calculate.")
            ),
        )
    )
    turns = rng.choice((2, 3, 5))
    while turns:
        text, steps, total = _problem(rng)
        if rng.random() < 0.4:
            a, b = rng.randrange(1, 13), rng.randrange(1, 13)
            sign = "+" if a <= b or rng.random() < 0.5 else "-"
            total = str(a + b if sign == "+" else a - b)
            text, steps = rng.choice((f"{a} {sign} {b}", f"What is {a} {sign} {b}?")), f"{a} {sign} {b} = {total}."
        elif input_is_held_out(text):
            continue
        talk.pair(text, assistant_text(shape, {"reasoning": steps, "answer": total} if cot else {"answer": total}), loss=True)
        turns -= 1
    return talk


#: tool -> (argument, requests, replies, what the reply is drawn from)
_TOOLS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "weather": ("city", ("What is the weather in {x}?", "How is the weather in {x} today?", "Does it rain in {x}?"), w.CATEGORIES["weather"][:10]),
    "price": ("item", ("What does the {x} cost?", "Tell me the price of the {x}.", "How much is the {x}?"), tuple(f"{n} dollars" for n in range(11, 100, 7))),
    "phone": ("name", ("What is the phone number of {x}?", "How can I call {x}?", "Give me the number of {x}."), tuple(str(n) for n in range(1234, 9999, 371))),
    "capital": ("country", ("What is the capital of {x}?", "Name the capital of {x}.", "Which city is the capital of {x}?"), w.CITIES[:60]),
    "stock": ("item", ("Is the {x} in stock?", "How many of the {x} are left?", "Do you have the {x}?"), ("yes", "no", *(str(n) for n in range(2, 20)))),
}  # fmt: skip


def tools(rng: Random) -> Conversation:
    """Steps with tools: a request becomes a call line, its result an answer line."""
    talk = Conversation("tools")
    named = rng.sample(tuple(_TOOLS), rng.randrange(2, 5))
    listed = ", ".join(f"{name}({_TOOLS[name][0]})" for name in named)
    talk.system(
        rng.choice(
            (
                "Tools: {t}, finish(answer). Reply with one call.",
                "You may call {t}. End with finish(answer).",
                "Use the tools {t} and finish(answer). Write one call a line.",
            )
        ).format(t=listed)
    )
    turns = rng.choice((1, 2, 3))
    while turns:
        name = rng.choice(named)
        slot, requests, replies = _TOOLS[name]
        value = rng.choice({"city": w.CITIES, "item": w.ITEMS, "name": w.NAMES, "country": w.CATEGORIES["country"]}[slot])
        request = rng.choice(requests).format(x=value)
        if input_is_held_out(request):
            continue
        talk.pair(request, f'{name}({slot}="{value}")', loss=True)
        found = rng.choice(replies)
        talk.pair(f"result: {found}", f'finish(answer="{found}")', loss=True)
        turns -= 1
    return talk


def agent(rng: Random) -> Conversation:
    """Steps of the package's ReAct module, each a prompt of its own: call the tool, finish, and answer from the trajectory."""
    names = rng.sample(tuple(_TOOLS), rng.randrange(1, 4))
    name = rng.choice(names)
    slot, requests, replies = _TOOLS[name]
    pools = {"city": w.CITIES, "item": w.ITEMS, "name": w.NAMES, "country": w.CATEGORIES["country"]}
    while True:
        value = rng.choice(pools[slot])
        request = rng.choice(requests).format(x=value)
        if not input_is_held_out(request):
            break
    found = rng.choice(replies)
    adapter = JSON if rng.random() < 0.4 else CHAT
    called = {"next_thought": f"I need the {name}.", "next_tool_name": name, "next_tool_args": {slot: value}}
    ended = {"next_thought": f"The {name} is {found}.", "next_tool_name": "finish", "next_tool_args": {}}
    first = react_trajectory([(called, found)])
    last = react_trajectory([(called, found), (ended, "Completed.")])
    talk = Conversation("agent")
    draw = rng.random()
    listed = tuple((one, _TOOLS[one][0]) for one in names)
    if draw < 0.8:
        talk.system(react_system(listed, adapter))
        if draw < 0.5:
            talk.pair(react_user(listed, {"question": request}), react_reply(listed, called, adapter), loss=True)
        if draw > 0.3:
            talk.pair(
                react_user(listed, {"question": request, "trajectory": first}), react_reply(listed, ended, adapter), loss=True
            )
    else:
        shape = "question, trajectory -> reasoning, answer"
        talk.system(system_text(shape, "Given question, give answer.", adapter))
        out = {"reasoning": f"The {name} is {found}.", "answer": found}
        talk.pair(user_text(shape, {"question": request, "trajectory": last}), assistant_text(shape, out, adapter), loss=True)
    return talk


# --------------------------------------------------------------------------- labels

_VOCABULARY = tuple(
    dict.fromkeys(
        word
        for group in (
            *w.CATEGORIES.values(), w.ITEMS, w.NAMES, w.CITIES, w.DAYS, w.NUMBERS, w.ORDINALS, w.PLURALS, w.PLURALS.values(), w.PAST, w.PAST.values(), w.ING.values(), w.OPPOSITES, w.GOOD, w.BAD,
            w.COMMON, w.TOPICS, w.SUBJECTS, (x.upper() for x in w.UPPER),
        )
        for word in group
    )
)  # fmt: skip
_LABEL_WORDS = tuple(word for word in _VOCABULARY if not label_is_held_out(word))
HELD_OUT_LABELS = tuple(word for word in _VOCABULARY if label_is_held_out(word))


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
        if (bucket("made up", word, 10) == 0) == test:
            return word


def labels(rng: Random, count: int) -> list[str]:
    """Distinct labels: words, made-up codes, or a pair of words."""
    style = rng.choices(("words", "codes", "pairs"), (0.8, 0.14, 0.06))[0]
    if style == "words":
        return rng.sample(_LABEL_WORDS, count)
    if style == "pairs":
        return [f"{a} {rng.choice(_LABEL_WORDS)}" for a in rng.sample(_LABEL_WORDS, count)]
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
    keys = rng.sample(_LABEL_WORDS, size)
    return _labelled(rng, "labels/lookup", keys, lambda key: key, 2 * size + 3)


def classes(rng: Random) -> Conversation:
    """Words of categories with random labels."""
    size = rng.choices((2, 3, 4, 5), (0.25, 0.3, 0.3, 0.15))[0]
    names = rng.sample(LABELLED, size)
    table = {name: [word for word in w.CATEGORIES[name] if not input_is_held_out(f"label:{word}")] for name in names}
    return _labelled(rng, "labels/class", names, lambda name: rng.choice(table[name]), 2 * size + 4)


def routing(rng: Random) -> Conversation:
    """Tickets by topic, reviews by sentiment, sentences by subject, notes by urgency, with random labels."""
    kind, rule = rng.choice((("ticket", "topic"), ("ticket", "topic"), ("complaint", "topic"), ("complaint", "topic"), ("review", "sentiment"), ("line", "subject"), ("note", "urgency"), ("phrase", "language")))  # fmt: skip
    every = _all_values(rule)
    names = rng.sample(every, min(len(every), rng.choices((2, 3, 4), (0.45, 0.4, 0.15))[0]))
    turns = 2 * len(names) + (2 if kind == "ticket" else 5)

    def draw(name: str) -> str:
        while True:
            item = world.KINDS[kind](rng)
            if item.answers[rule] == name and not input_is_held_out(item.text):
                return item.text

    return _labelled(rng, "labels/routing", names, draw, turns)


# --------------------------------------------------------------------------- meta tasks


def _meta(rng: Random, name: str) -> str:
    """The system message of a meta prompt; now and then with sentences missing, so that small edits of it do little harm."""
    text = meta_system(name)
    if rng.random() < 0.8:
        return text
    head, _, tail = text.partition("\n\n")
    kept = [sentence for sentence in head.split(". ") if rng.random() < 0.6] or [head.split(". ")[0]]
    return ". ".join(kept) + (f"\n\n{tail}" if tail else "")


def _state(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> tuple[str, str | None, tuple[str, ...]]:
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


def criticism(rng: Random) -> Conversation:
    """The package's Critique prompt: what should the instruction have said, given one output and the expected one."""
    talk = Conversation("critique")
    talk.system(_meta(rng, "critique"))
    for _ in range(rng.choices((1, 2, 3), (0.5, 0.3, 0.2))[0]):
        rule, formats, kind = training_combo(rng)
        text, said_rule, said_formats = _state(rng, rule, kind, formats)
        item = clear_item(rng, kind, rule, formats)
        expected = world.apply(formats, item.answers[rule])
        if rng.random() < 0.06:
            output, says = expected, "ok"
        else:
            output = _output(rng, item, said_rule, said_formats)
            if output == expected:
                output = world.SHRUG
            if rng.random() < 0.05:
                output = assistant_text("text " + COT, {"reasoning": "The task is not clear.", "answer": output})
            says = world.critique(rule, formats)
        inputs = {"instruction": text, "input": item.text, "output": output, "feedback": f"expected: {expected}"}
        talk.pair(meta_user("critique", inputs), says, loss=True)
    return talk


def _output(rng: Random, item: world.Item, said_rule: str | None, said_formats: tuple[str, ...]) -> str:
    """What a model may have answered: mostly what its instruction asked for, sometimes anything."""
    if rng.random() < 0.12:
        return world.apply(world.draw_formats(rng), rng.choice(list(item.answers.values())))
    if said_rule is None:
        return world.SHRUG if rng.random() < 0.75 else rng.choice(list(item.answers.values()))
    value = item.answers.get(said_rule) or rng.choice(list(item.answers.values()))
    return world.apply(said_formats, value)


_ROLES = ("instruction", "instruction of the step", "the instruction", "instruction of predict", "instruction of the program", "prompt", "instruction for the language model", "instruction of a step of a program")  # fmt: skip


def revision(rng: Random) -> Conversation:
    """The package's Rewrite prompt: the new instruction from the old one and counted, partly wrong feedback."""
    talk = Conversation("rewrite")
    talk.system(_meta(rng, "rewrite"))
    for _ in range(rng.choices((1, 2), (0.7, 0.3))[0]):
        rule, formats, kind = training_combo(rng)
        if formats and rng.random() < 0.25:
            text, counted = _missing_parts(rng, rule, kind, formats)
        else:
            text = _state(rng, rule, kind, formats)[0]
            counted = _votes(rng, rule, kind, formats)
        lines = [f"- {line}" + (f" (x{count})" if count > 1 else "") for line, count in counted]
        inputs = {"role": rng.choice(_ROLES), "text": text, "feedback": "\n".join(lines)}
        if rng.random() < 0.08:
            inputs["constraints"] = rng.choice(
                ("Be short.", "Keep it short.", "1. at most 60 words", "1. Be short.", "1. Write one sentence for each rule.")
            )
        if rng.random() < 0.12:
            tried = [_state(rng, *_shuffled(rng))[0] for _ in range(rng.randrange(1, 3))]
            inputs["tried"] = "\n".join(f"- {line}" for line in tried)
        talk.pair(meta_user("rewrite", inputs), world.canonical(rule, formats), loss=True)
    return talk


def _shuffled(rng: Random) -> tuple[str, str, tuple[str, ...]]:
    rule, formats, kind = training_combo(rng)
    return rule, kind, formats


def _votes(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> list[tuple[str, int]]:
    """Full criticisms with counts; the true one has the highest count."""
    noise: dict[str, int] = {}
    truth = world.critique(rule, formats)
    for _ in range(rng.choices((0, 1, 2, 3, 5), (0.35, 0.25, 0.2, 0.14, 0.06))[0]):
        draw = rng.random()
        bad_rule = other_rule(rng, rule, kind) if draw < 0.6 else rule
        bad_formats = other_formats(rng, formats) if draw > 0.4 else formats
        line = world.critique(bad_rule, bad_formats)
        if line != truth:
            noise[line] = rng.choice((1, 1, 1, 2, 3, 5))
    top = max(noise.values(), default=0)
    count = top + rng.choice((1, 1, 2, 3, 5, 8, 12)) if noise else rng.choice((1, 1, 2, 3, 4, 6, 9, 12, 16, 20))
    counted = [(truth, count), *noise.items()]
    if rng.random() < 0.75:
        counted.sort(key=lambda pair: -pair[1])
    else:
        rng.shuffle(counted)
    return counted


def _missing_parts(rng: Random, rule: str, kind: str, formats: tuple[str, ...]) -> tuple[str, list[tuple[str, int]]]:
    """An old instruction with a part missing and feedback that names only the missing part (or says it piecemeal)."""
    sentences = world.critique(rule, formats).split(". ")
    sentences = [s if s.endswith(".") else s + "." for s in sentences]
    if rng.random() < 0.4:
        text, named = vague(rng), sentences
    else:
        kept = [rng.random() < 0.5 for _ in sentences]
        if all(kept):
            kept[-1] = False
        named = [s for s, k in zip(sentences, kept, strict=True) if not k]
        kept_formats = tuple(f for f, k in zip(formats, kept[1:], strict=True) if k)
        if kept[0]:
            text = world.precise(rng, rule, kind, kept_formats)
        else:
            text = " ".join(world.format_sentence(rng, f) for f in kept_formats) or vague(rng)
    counted = [(line, rng.choice((1, 2, 3, 5, 8))) for line in named]
    rng.shuffle(counted)
    return text, counted


def induction(rng: Random) -> Conversation:
    """The package's Induce prompt: the instruction behind some examples."""
    talk = Conversation("induce")
    talk.system(_meta(rng, "induce"))
    for _ in range(rng.choices((1, 2), (0.7, 0.3))[0]):
        rule, formats, kind = training_combo(rng)
        pairs = []
        for number in range(rng.choices((1, 2, 3, 4, 6, 8), (0.12, 0.25, 0.3, 0.2, 0.1, 0.03))[0]):
            item = world.draw(rng, kind, rule, formats, test=False) if number else clear_item(rng, kind, rule, formats)
            pairs.append((item.text, world.apply(formats, item.answers[rule])))
        talk.pair(meta_user("induce", {"examples": examples_text(pairs)}), world.canonical(rule, formats), loss=True)
    return talk


_FEEDBACK_RIGHT = ("right", "ok", "correct", "The output is right.")


def run_of(
    rng: Random, item: world.Item, rule: str, formats: tuple[str, ...], said: tuple[str | None, tuple[str, ...]]
) -> tuple[str, str, str]:
    """(input, output, feedback) of one answer under an instruction that names `said`."""
    good = world.apply(formats, item.answers[rule])
    output = _output(rng, item, *said)
    return item.text, output, rng.choice(_FEEDBACK_RIGHT) if output == good else f"expected: {good}"


def reflection(rng: Random) -> Conversation:
    """The package's Reflect prompt: the new instruction from the old one and some of its runs with feedback."""
    talk = Conversation("reflect")
    talk.system(_meta(rng, "reflect"))
    for _ in range(rng.choices((1, 2), (0.75, 0.25))[0]):
        rule, formats, kind = training_combo(rng)
        text, *said = _state(rng, rule, kind, formats)
        runs = []
        for number in range(rng.choices((1, 2, 3, 4, 6), (0.1, 0.25, 0.35, 0.2, 0.1))[0]):
            item = world.draw(rng, kind, rule, formats, test=False) if number else clear_item(rng, kind, rule, formats)
            runs.append(run_of(rng, item, rule, formats, (said[0], said[1])))
        talk.pair(
            meta_user("reflect", {"instruction": text, "examples": runs_text(runs)}), world.canonical(rule, formats), loss=True
        )
    return talk


_RIGHT = "The output is right."
_RUBRIC_FORMS = ("{x}", "{x}", "Check this: {x}", "The rule is: {x}", "{x} Nothing else counts.")


def judging(rng: Random) -> Conversation:
    """The package's Judge prompt: an output against what was expected, or against a rule in words."""
    talk = Conversation("judge")
    talk.system(_meta(rng, "judge"))
    brief = rng.random() < 0.75  # comparing is learned on short inputs
    for _ in range(rng.choice((3, 4, 5, 6)) if brief else rng.choice((1, 2, 3))):
        rule, formats, kind = training_combo(rng)
        while brief and kind not in world.SHORT:
            rule, formats, kind = training_combo(rng)
        inputs, out = judged(rng, rule, formats, kind, test=False)
        talk.pair(meta_user("judge", inputs), meta_assistant("judge", out), loss=True)
    return talk


def judged(rng: Random, rule: str, formats: tuple[str, ...], kind: str, *, test: bool) -> tuple[dict[str, str], dict[str, str]]:
    """(inputs, outputs) of one judgement, half of them yes."""
    item = clear_item(rng, kind, rule, formats, test=test)
    good = world.apply(formats, item.answers[rule])
    yes = rng.random() < 0.5
    output = good
    while not yes and output == good:
        draw = rng.random()
        other = rng.choice(list(item.answers.values()))
        output = (
            world.SHRUG
            if draw < 0.1
            else world.apply(
                formats if draw < 0.55 else other_formats(rng, formats), other if draw < 0.75 else item.answers[rule]
            )
        )
    inputs = {"input": item.text, "output": output}
    if rng.random() < 0.7:
        inputs["expected"] = good
        reason = _RIGHT if yes else f"Expected was: {good}"
    else:
        inputs["rubric"] = rng.choice(_RUBRIC_FORMS).format(x=world.critique(rule, formats))
        reason = _RIGHT if yes else f"Right would be: {good}"
    return inputs, {"reason": reason, "verdict": "yes" if yes else "no"}


def merging(rng: Random) -> Conversation:
    """The package's Merge prompt: many remarks become one."""
    talk = Conversation("merge")
    talk.system(_meta(rng, "merge"))
    for _ in range(rng.choice((1, 2))):
        rule, formats, kind = training_combo(rng)
        if formats and rng.random() < 0.35:
            sentences = [s if s.endswith(".") else s + "." for s in world.critique(rule, formats).split(". ")]
            counted = [(line, rng.choice((1, 2, 3, 5, 8))) for line in sentences]
            rng.shuffle(counted)
        else:
            counted = _votes(rng, rule, kind, formats)
        lines = [f"- {line}" + (f" (x{count})" if count > 1 else "") for line, count in counted]
        talk.pair(meta_user("merge", {"feedback": "\n".join(lines)}), world.critique(rule, formats), loss=True)
    return talk


#: family -> (builder, share of sequences).
MIXTURE: dict[str, tuple[Callable[[Random], Conversation], float]] = {
    "answers": (answers, 0.34),
    "shrug": (shrug, 0.012),
    "questions": (questions, 0.025),
    "reasoned": (reasoned, 0.025),
    "fields": (fields, 0.035),
    "choices": (choices, 0.015),
    "contexts": (contexts, 0.05),
    "problems": (problems, 0.03),
    "tools": (tools, 0.005),
    "agent": (agent, 0.012),
    "lookups": (lookups, 0.03),
    "classes": (classes, 0.12),
    "routing": (routing, 0.06),
    "critique": (criticism, 0.055),
    "rewrite": (revision, 0.04),
    "induce": (induction, 0.055),
    "reflect": (reflection, 0.045),
    "judge": (judging, 0.1),
    "merge": (merging, 0.015),
}
_NAMES = tuple(MIXTURE)
_SHARES = tuple(share for _, share in MIXTURE.values())


def draw(rng: Random) -> Conversation:
    """One training sequence of the mixture."""
    return MIXTURE[rng.choices(_NAMES, _SHARES)[0]][0](rng)
