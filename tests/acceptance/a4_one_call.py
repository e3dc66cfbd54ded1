"""A4 one call a question: many processes and tasks pay each question once, and what differs is never taken for the same."""

from __future__ import annotations

import asyncio
import copy
import random
import time
from collections import Counter
from dataclasses import replace

from tests.acceptance import kit

import adjoint
from adjoint.base.portal import portal
from adjoint.lm.types import Message, Part, Request, ToolCall, ToolSpec
from adjoint.program.context import context, send
from adjoint.testing import FakeProvider, ScriptedLM

PROCESSES, TASKS = 8, 64


def ask_all(place, url, keys, number):
    """All questions, in an order of its own, in so many tasks at once."""
    lm, order, gate = adjoint.LM("openai/fake", base_url=url, api_key="any"), list(keys), asyncio.Semaphore(TASKS)
    random.Random(number).shuffle(order)

    async def one(key):
        async with gate:
            if (await send(Request((Message("user", key),)), lm)).text != key:
                kit.note(f"{place}/wrong.txt", key)

    async def everything():
        await asyncio.gather(*map(one, order))

    with context(ledger=f"{place}/ledger.db"):
        portal.run(everything())


def crowd(figures, place, count):
    keys, forking = [f"question-{n}" for n in range(count)], kit.forking()
    with FakeProvider(latency=0.05) as provider:
        began = time.monotonic()
        processes = [forking.Process(target=ask_all, args=(str(place), provider.base_url, keys, n)) for n in range(PROCESSES)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
        asked = Counter(body["messages"][-1]["content"] for body in provider.bodies)
        spent = time.monotonic() - began
    figures.show("load", f"{PROCESSES} processes x {TASKS} tasks x {count} questions in {spent:.1f} s")
    figures.hold(f"exactly {count} calls", true=asked.total() == count == len(asked), seen=asked.total())
    figures.hold(
        "every process got every answer", true=not kit.noted(place / "wrong.txt") and {p.exitcode for p in processes} == {0}
    )


def words(draw):
    return " ".join(
        draw.choice(["sun", "moon", "ä", "0", "1.0", "\u202e", "", "\n", "x" * 40]) for _ in range(draw.randint(1, 8))
    )


def schema(draw):
    return {
        "type": "object",
        "properties": {draw.choice("abcd"): {"type": draw.choice(["string", "number"])}, "z": {"enum": [words(draw)]}},
    }


def drawn(draw):
    """A request with any of the fields set."""
    call = ToolCall(draw.choice(["1", "2"]), draw.choice(["find", "say"]), '{"a": 1}')
    messages = [Message("system", words(draw)), Message("user", words(draw))]
    if draw.random() < 0.3:
        messages += [Message("assistant", "", tool_calls=(call,)), Message("tool", words(draw), tool_call_id=call.id)]
    if draw.random() < 0.3:
        messages.append(Message("user", (Part("text", text=words(draw)), Part("image", media_type="image/png", data="AAAA"))))
    tools = tuple(ToolSpec(f"tool{n}", words(draw), schema(draw)) for n in range(draw.randint(0, 2)))
    return Request(
        tuple(messages), temperature=draw.choice([None, 0, 0.5, 1]), max_tokens=draw.choice([None, 5, 50]),
        stop=draw.choice([(), ("a",), ("a", "b")]), seed=draw.choice([None, 0, 1]), n=draw.choice([1, 1, 2]),
        logprobs=draw.random() < 0.2, tools=tools, tool_choice=draw.choice([None, "auto", "required"]),
        schema=draw.choice([None, schema(draw)]), sample=draw.choice([0, 0, 1]), extra=draw.choice([{}, {"top_p": 0.9, "user": {"a": [1, 2]}}]),
    )  # fmt: skip


def one_other(request, draw):
    """The request with one field changed, and the name of the field; None changes who answers."""
    changes = {
        "endpoint": lambda r: None,
        "text": lambda r: _with(r, 1, content=r.messages[1].content + draw.choice([" ", "x", "\u200b", "\n"])),
        "role": lambda r: _with(r, 1, role="assistant"),
        "order": lambda r: replace(r, messages=(r.messages[1], Message("user", "first"), *r.messages[2:])),
        "one message more": lambda r: replace(r, messages=(*r.messages, Message("user", ""))),
        "boundary": lambda r: replace(r, messages=(Message("system", r.messages[0].content + "|"), *r.messages[1:])),
        "temperature": lambda r: replace(r, temperature=0.25 if r.temperature != 0.25 else None),
        "max_tokens": lambda r: replace(r, max_tokens=(r.max_tokens or 0) + 1),
        "stop": lambda r: replace(r, stop=(*r.stop, "c")),
        "seed": lambda r: replace(r, seed=(r.seed or 0) + 1),
        "n": lambda r: replace(r, n=r.n + 1),
        "logprobs": lambda r: replace(r, logprobs=not r.logprobs),
        "tools": lambda r: replace(r, tools=(*r.tools, ToolSpec("more", "", {}))),
        "tool": lambda r: replace(r, tools=(ToolSpec("tool0", "other words", {"type": "object"}), *r.tools[1:])),
        "tool_choice": lambda r: replace(r, tool_choice="none"),
        "schema": lambda r: replace(r, schema={**(r.schema or {"type": "object"}), "title": "T"}),
        "sample": lambda r: replace(r, sample=r.sample + 1),
        "extra": lambda r: replace(r, extra={**r.extra, "top_p": 0.91}),
        "extra, deep": lambda r: replace(r, extra={**r.extra, "user": {"a": [1, True]}}),
        "part": lambda r: replace(
            r, messages=(*r.messages, Message("user", (Part("image", media_type="image/png", data="AAAB"),)))
        ),
    }
    name = draw.choice(sorted(changes))
    return name, changes[name](request)


def _with(request, at, **fields):
    messages = list(request.messages)
    messages[at] = replace(messages[at], **fields)
    return replace(request, messages=tuple(messages))


def same_meaning(request, draw):
    """The request written another way, and which way."""
    ways = {
        "other objects": copy.deepcopy,
        "written and read": lambda r: Request.from_dict(r.as_dict()),
        "keys in another order": _turned,
        "0 and 0.0": lambda r: replace(r, temperature=None if r.temperature is None else float(r.temperature)),
        "lists and tuples": lambda r: replace(
            r, stop=list(r.stop), extra={k: tuple(v) if isinstance(v, list) else v for k, v in r.extra.items()}
        ),
        "options of with_options": lambda r: r.with_options(n=r.n, seed=r.seed),
    }
    name = draw.choice(sorted(ways))
    return name, ways[name](request)


def _turned(request):
    tools = tuple(replace(tool, parameters=_backwards(tool.parameters)) for tool in request.tools)
    return replace(request, tools=tools, schema=_backwards(request.schema), extra=_backwards(request.extra))


def _backwards(value):
    if isinstance(value, dict):
        return {key: _backwards(item) for key, item in reversed(value.items())}
    return value


def pairs(figures, place, seed, count):
    """Both of a pair are asked through the whole gate; what the model is asked anew is counted."""
    draw, wrong, missed, kinds = random.Random(seed), Counter(), Counter(), Counter()
    first, second = (ScriptedLM(lambda _: "x", name="m", identity=f"m@{url}") for url in ("http://one/v1", "http://two/v1"))

    async def hits(number, changed, lm):
        """Whether the second of two requests is answered by the reply to the first. Each pair has a text of its own."""
        request = _with(drawn(draw), 0, content=f"pair {number}")
        name, other = changed(request, draw)
        await send(request, first)
        return name, (await send(other or request, lm if other is None else first)).cached

    async def everything():
        for number in range(count):
            name, hit = await hits(f"other {number}", one_other, second)
            kinds[name] += 1
            wrong[name] += hit
            name, hit = await hits(f"same {number}", same_meaning, first)
            kinds[name] += 1
            missed[name] += not hit

    with context(ledger=place / "pairs.db"):
        portal.run(everything())
    figures.show("pairs", f"2 x {count} of {len(kinds)} kinds")
    figures.hold("no hit where one field differs", true=not wrong.total(), seen=wrong.total() or 0)
    figures.hold("a hit where the meaning is the same", true=not missed.total(), seen=+missed or "always")


def test(figures, place, seed):
    crowd(figures, place, 100 if figures.short else 500)
    pairs(figures, place, seed, 150 if figures.short else 2000)


if __name__ == "__main__":
    kit.main("A4 one call a question", test)
