"""Families about a small context, a sum in words, or tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import splits
import words as w
import world
from render import (
    CHAT,
    JSON,
    Conversation,
    assistant_text,
    react_reply,
    react_system,
    react_trajectory,
    react_user,
    system_text,
    user_text,
)

if TYPE_CHECKING:
    from random import Random


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
    while splits.combo_is_held_out("context", formats_):
        formats_ = world.draw_formats(rng)
    opening = rng.choice(
        ("Answer the question.", "Read the context and answer.", "Given context, question, give answer.", "Use the context.")
    )
    talk.system(system_text(shape, " ".join((opening, *(world.format_sentence(rng, f) for f in formats_)))))
    turns = rng.choice((1, 2, 3))
    while turns:
        context, question, value, reasoning, _ = _context(rng)
        if splits.input_is_held_out(context):
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
        elif splits.input_is_held_out(text):
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
        if splits.input_is_held_out(request):
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
        if not splits.input_is_held_out(request):
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
