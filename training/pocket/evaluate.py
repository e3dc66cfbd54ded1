"""Held-out accuracy of the shipped files, asked through the package's own LM class. Writes a table and JSON.

Every input below is on the held-out side of the split, demos included. "held out" combinations of rule and formats were
never answered, criticised, revised or induced in training; "seen" ones were, with other inputs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import tasks
import words as w
import world
from render import meta_system, meta_user
from splits import combo_is_held_out, input_is_held_out

from adjoint.lm.pocket import Pocket
from adjoint.lm.types import Message, Request
from adjoint.optim.prompts import examples_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).parent
Combo = tuple[str, tuple[str, ...], str]
Pair = tuple[str, str]


def wilson(right: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % Wilson interval of a share.

    >>> [round(x, 3) for x in wilson(50, 100)]
    [0.404, 0.596]
    """
    p = right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass
class Tally:
    """Right answers of one line of the table."""

    right: int = 0
    n: int = 0

    def add(self, *, ok: bool) -> None:
        self.right += ok
        self.n += 1

    def text(self) -> str:
        low, high = wilson(self.right, self.n)
        return f"{100 * self.right / self.n:.0f} [{100 * low:.0f},{100 * high:.0f}]"

    def json(self) -> dict[str, float]:
        low, high = wilson(self.right, self.n)
        return {
            "right": self.right,
            "n": self.n,
            "share": round(self.right / self.n, 4),
            "low": round(low, 4),
            "high": round(high, 4),
        }


def combos(*, held_out: bool) -> list[Combo]:
    """All (rule, formats, kind) of one side, `first`/`last` left out."""
    return [
        (rule, formats, kind)
        for rule in world.RULE_NAMES
        if rule not in tasks.AMBIGUOUS
        for kind in world.RULES[rule][0]
        for formats in world.COMBINATIONS
        if formats and combo_is_held_out(rule, formats) == held_out
    ]


def pair(rng: Random, combo: Combo) -> Pair:
    """One held-out input of a combination with its right answer."""
    rule, formats, kind = combo
    item = world.draw(rng, kind, rule, formats, test=True)
    return item.text, world.apply(formats, item.answers[rule])


def prompt(instruction: str | None, demos: Sequence[Pair], text: str) -> Request:
    """A call as the Chat adapter renders it for one text input and one text output."""
    messages = [Message("system", instruction)] if instruction is not None else []
    for given, wanted in demos:
        messages += [Message("user", given), Message("assistant", wanted)]
    return Request((*messages, Message("user", text)), max_tokens=48)


def meta(name: str, inputs: dict[str, str], **options: object) -> Request:
    """A call of one of the package's meta prompts."""
    request = Request((Message("system", meta_system(name)), Message("user", meta_user(name, inputs))), max_tokens=64)
    return request.with_options(**options)


class Asker:
    """The model, called many times at once."""

    def __init__(self, lm: Pocket) -> None:
        self.lm = lm
        self.calls = 0

    async def __call__(self, requests: Sequence[Request]) -> list[str]:
        self.calls += len(requests)
        replies = await asyncio.gather(*(self.lm(request) for request in requests))
        return [reply.text.strip() for reply in replies]


# --------------------------------------------------------------------------- the table


async def answer_lines(ask: Asker, rng: Random, side: list[Combo], n: int) -> dict[str, Tally]:
    """Vague with 0-12 demos and precise without any."""
    out: dict[str, Tally] = {}
    for shots in (0, 1, 2, 4, 8, 12):
        rows = []
        for _ in range(n):
            combo = rng.choice(side)
            rows.append(
                (
                    prompt(
                        rng.choice(world.HELD_OUT_VAGUE), [pair(rng, combo) for _ in range(shots)], (asked := pair(rng, combo))[0]
                    ),
                    asked[1],
                )
            )
        out[f"vague, {shots} demos"] = await _score(ask, rows)
    wordings: dict[str, Callable[[Combo], str]] = {
        "canonical wording": lambda c: world.canonical(c[0], c[1]),
        "a wording of training": lambda c: world.precise(rng, c[0], c[2], c[1]),
        "rule in a new wording": lambda c: world.held_out_precise(rng, c[0], c[1], new_formats=False),
        "formats in new wordings": lambda c: world.held_out_precise(rng, c[0], c[1], new_rule=False),
        "both in new wordings": lambda c: world.held_out_precise(rng, c[0], c[1]),
    }
    for name, say in wordings.items():
        rows = []
        for _ in range(n):
            combo = rng.choice(side)
            asked = pair(rng, combo)
            rows.append((prompt(say(combo), (), asked[0]), asked[1]))
        out[f"precise, 0 demos, {name}"] = await _score(ask, rows)
    return out


async def _score(ask: Asker, rows: list[tuple[Request, str]]) -> Tally:
    tally = Tally()
    replies = await ask([request for request, _ in rows])
    for reply, (_, wanted) in zip(replies, rows, strict=True):
        tally.add(ok=reply == wanted)
    return tally


async def meta_lines(ask: Asker, rng: Random, side: list[Combo], n: int) -> dict[str, Tally]:
    """Critique, rewrite and induce, as texts that must be exactly right."""
    rows: dict[str, list[tuple[Request, str]]] = {
        "critique": [],
        "rewrite, clean feedback": [],
        "rewrite, noisy feedback": [],
        "induce, 3 examples": [],
        "induce, 6 examples": [],
    }
    for _ in range(n):
        rule, formats, kind = combo = rng.choice(side)
        text, wanted = pair(rng, combo)
        state, said_rule, _said_formats = rng.choice(
            [(rng.choice(world.HELD_OUT_VAGUE), None, ()), (world.canonical(rule, ()), rule, ())]
        )
        output = world.SHRUG if said_rule is None else _plain(wanted, formats)
        inputs = {"instruction": state, "input": text, "output": output, "feedback": f"expected: {wanted}"}
        rows["critique"].append((meta("critique", inputs), world.critique(rule, formats)))
        good = world.critique(rule, formats)
        bad = world.critique(tasks.other_rule(rng, rule, kind), tasks.other_formats(rng, formats))
        for name, lines in (("clean", f"- {good} (x6)"), ("noisy", f"- {good} (x5)\n- {bad} (x2)\n- {world.critique(rule, ())}")):
            rows[f"rewrite, {name} feedback"].append(
                (meta("rewrite", {"role": "instruction", "text": state, "feedback": lines}), world.canonical(rule, formats))
            )
        for count in (3, 6):
            shown = examples_text([pair(rng, combo) for _ in range(count)])
            rows[f"induce, {count} examples"].append((meta("induce", {"examples": shown}), world.canonical(rule, formats)))
    return {name: await _score(ask, found) for name, found in rows.items()}


def _plain(answer: str, formats: tuple[str, ...]) -> str:
    frame = world.apply(formats, "\x00").split("\x00")
    return answer.removeprefix(frame[0]).removesuffix(frame[1])


async def label_lines(ask: Asker, rng: Random, n: int) -> dict[str, Tally]:
    """Arbitrary labels from demos: exact keys, held-out words of a category, held-out tickets of a topic."""
    out: dict[str, Tally] = {}
    for shots in (1, 2, 3, 4):
        rows = []
        for _ in range(n):
            names = rng.sample([c for c in w.CATEGORIES if any(input_is_held_out(f"label:{x}") for x in w.CATEGORIES[c])], 4)
            labels = dict(zip(names, rng.sample(tasks._LABEL_WORDS, 4), strict=True))
            shown = [
                (rng.choice([x for x in w.CATEGORIES[c] if not input_is_held_out(f"label:{x}")]), labels[c])
                for c in names
                for _ in range(shots)
            ]
            rng.shuffle(shown)
            asked = rng.choice(names)
            word = rng.choice([x for x in w.CATEGORIES[asked] if input_is_held_out(f"label:{x}")])
            rows.append((prompt("Give the label.", shown, word), labels[asked]))
        out[f"class -> label of 4, {shots} demos a class (chance 25)"] = await _score(ask, rows)
    for size in (2, 4):
        rows = []
        for _ in range(n):
            names = rng.sample(tuple(w.TOPICS), size)
            labels = dict(zip(names, rng.sample(tasks._LABEL_WORDS, size), strict=True))
            shown = [(_ticket(rng, topic), labels[topic]) for topic in names for _ in range(2)]
            rng.shuffle(shown)
            asked = rng.choice(names)
            rows.append((prompt("Give the label.", shown, _ticket(rng, asked)), labels[asked]))
        out[f"ticket -> label of {size}, 2 demos a class (chance {100 // size})"] = await _score(ask, rows)
    return out


def _ticket(rng: Random, topic: str) -> str:
    while True:
        item = world.KINDS["ticket"](rng)
        if item.answers["topic"] == topic and input_is_held_out(item.text):
            return item.text


# --------------------------------------------------------------------------- the loop


@dataclass
class Loop:
    """One run of gated critique -> rewrite, with what it did."""

    combo: Combo
    start: float
    test: float
    calls: int
    n: int
    path: list[tuple[str, float]] = field(default_factory=list)


async def loop(
    ask: Asker, rng: Random, combo: Combo, *, rounds: int = 3, train: int = 60, gate: int = 40, test: int = 200
) -> Loop:
    """Vague -> critique of failing rows -> counted feedback -> rewrite -> kept only if strictly better on the gate rows."""
    begin = ask.calls
    rows, gate_rows, test_rows = ([pair(rng, combo) for _ in range(size)] for size in (train, gate, test))

    async def accuracy(instruction: str, on: list[Pair]) -> float:
        replies = await ask([prompt(instruction, (), text) for text, _ in on])
        return sum(reply == wanted for reply, (_, wanted) in zip(replies, on, strict=True)) / len(on)

    current = "Handle the ticket." if combo[2] == "ticket" else "Do the task."
    score = await accuracy(current, gate_rows)
    found = Loop(combo, await accuracy(current, test_rows), 0.0, 0, test, [(current, score)])
    for number in range(rounds):
        batch = rows[number * 20 : number * 20 + 20]
        replies = await ask([prompt(current, (), text) for text, _ in batch])
        failing = [(text, wanted, reply) for (text, wanted), reply in zip(batch, replies, strict=True) if reply != wanted]
        if not failing:
            break
        said = await ask(
            [
                meta("critique", {"instruction": current, "input": t, "output": o, "feedback": f"expected: {e}"})
                for t, e, o in failing
            ]
        )
        counts = Counter(line for line in said if line not in ("ok", "not mine"))
        lines = "\n".join(
            f"- {line}" + (f" (x{c})" if c > 1 else "") for line, c in sorted(counts.items(), key=lambda p: (-p[1], p[0]))[:8]
        )
        if not lines:
            continue
        inputs = {"role": "instruction", "text": current, "feedback": lines}
        drafts = [meta("rewrite", inputs), *(meta("rewrite", inputs, temperature=0.8, seed=number, sample=k) for k in range(3))]
        for candidate in dict.fromkeys(await ask(drafts)):
            reached = await accuracy(candidate, gate_rows)
            if reached > score:
                current, score = candidate, reached
                found.path.append((candidate, reached))
    found.test = await accuracy(current, test_rows)
    found.calls = ask.calls - begin - 2 * test
    return found


SHOWN: tuple[Combo, ...] = (
    ("item", ("brackets",), "ticket"),
    ("city", ("stars",), "ticket"),
)


async def everything(folder: Path | None, n: int, loops: int, seed: int) -> dict[str, object]:
    started = time.perf_counter()
    ask, rng = Asker(Pocket(folder)), Random(seed)
    sides = {"held out": combos(held_out=True), "seen": combos(held_out=False)}
    table = {
        name: {**await answer_lines(ask, rng, side, n), **await meta_lines(ask, rng, side, n)} for name, side in sides.items()
    }
    labels = await label_lines(ask, rng, n)
    by_rule: dict[str, dict[str, Tally]] = {}
    for rule in world.RULE_NAMES:
        side = [c for c in sides["held out"] if c[0] == rule] or None
        if side:
            few, zero = [], []
            for _ in range(max(40, n // 4)):
                combo = rng.choice(side)
                asked = pair(rng, combo)
                few.append((prompt("Do the work.", [pair(rng, combo) for _ in range(4)], asked[0]), asked[1]))
                zero.append((prompt(world.canonical(combo[0], combo[1]), (), asked[0]), asked[1]))
            by_rule[rule] = {"4 demos": await _score(ask, few), "precise": await _score(ask, zero)}
    runs = [await loop(ask, rng, combo) for combo in (*SHOWN, *rng.sample(sides["held out"], loops))]
    return {
        "table": table,
        "labels": labels,
        "by_rule": by_rule,
        "loops": runs,
        "calls": ask.calls,
        "seconds": time.perf_counter() - started,
        "identity": ask.lm.identity,
    }


def markdown(found: dict[str, object], n: int) -> str:
    """The tables, ready for the card."""
    table: dict[str, dict[str, Tally]] = found["table"]  # type: ignore[assignment]
    lines = [f"| exact match %, n = {n} a cell | held-out combinations | seen combinations |", "|---|---|---|"]
    lines += [f"| {name} | {tally.text()} | {table['seen'][name].text()} |" for name, tally in table["held out"].items()]
    lines += ["", f"| arbitrary labels, n = {n} a cell | exact match % |", "|---|---|"]
    lines += [f"| {name} | {tally.text()} |" for name, tally in found["labels"].items()]  # type: ignore[attr-defined]
    lines += ["", "| rule (held-out formats) | vague + 4 demos | precise, 0 demos |", "|---|---|---|"]
    lines += [f"| {name} | {pair_['4 demos'].text()} | {pair_['precise'].text()} |" for name, pair_ in found["by_rule"].items()]  # type: ignore[attr-defined]
    lines += ["", "| gated critique -> rewrite, 3 rounds | vague | after | calls | kept instruction |", "|---|---|---|---|---|"]
    for run in found["loops"]:  # type: ignore[attr-defined]
        tally = Tally(round(run.test * run.n), run.n)
        lines.append(
            f"| {run.combo[0]} ({run.combo[2]}), {' + '.join(run.combo[1])} | {100 * run.start:.0f} | {tally.text()} | {run.calls} | {run.path[-1][0]} |"
        )
    runs = found["loops"]
    ends = [run.test for run in runs]  # type: ignore[attr-defined]
    lines += [
        "",
        f"Loops that end above 80 %: {sum(e > 0.8 for e in ends)} of {len(ends)}; mean {100 * sum(ends) / len(ends):.0f} %.",
    ]
    return "\n".join(lines) + "\n"


def as_json(found: dict[str, object]) -> dict[str, object]:
    def convert(value: object) -> object:
        if isinstance(value, Tally):
            return value.json()
        if isinstance(value, Loop):
            return {
                "rule": value.combo[0],
                "formats": value.combo[1],
                "kind": value.combo[2],
                "start": value.start,
                "test": value.test,
                "n": value.n,
                "calls": value.calls,
                "path": value.path,
            }
        if isinstance(value, dict):
            return {key: convert(item) for key, item in value.items()}
        if isinstance(value, list):
            return [convert(item) for item in value]
        return round(value, 1) if isinstance(value, float) else value

    return convert(found)  # type: ignore[return-value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None, help="model files; the shipped ones if left out")
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--loops", type=int, default=18, help="loops on random held-out combinations, beside the two demo ones")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    args = parser.parse_args()
    found = asyncio.run(everything(args.folder, args.n, args.loops, args.seed))
    text = markdown(found, args.n)
    args.out.with_suffix(".md").write_text(text, encoding="utf-8")
    args.out.with_suffix(".json").write_text(json.dumps(as_json(found), indent=1) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
