"""Held-out accuracy of the shipped files, asked through the package's own LM class. Writes a table and JSON.

Every input below is on the held-out side of the split, demos included. "held out" combinations of rule and formats were
never answered, criticised, revised or induced in training; "seen" ones were, with other inputs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import drawing
import labels as lb
import mixture
import optimiser
import splits
import words as w
import world
from render import meta_system, meta_user
from splits import combo_is_held_out, input_is_held_out

from adjoint.lm.pocket import Pocket
from adjoint.lm.types import Message, Request
from adjoint.optim.prompts import examples_text, runs_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HERE = Path(__file__).parent
PARTS = ("answers", "meta", "labels", "families", "rules", "loops")
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

    @property
    def share(self) -> float:
        return self.right / self.n

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
    """All (rule, formats, kind) of one side."""
    return [
        (rule, formats, kind)
        for rule in world.RULE_NAMES
        for kind in dict.fromkeys(world.RULES[rule][0])
        for formats in world.COMBINATIONS
        if formats and combo_is_held_out(rule, formats) == held_out and _has_held_out(rule, kind)
    ]


@functools.cache
def _rules_with_held_out() -> frozenset[str]:
    return frozenset(combo[0] for combo in combos(held_out=True))


@functools.cache
def _has_held_out(rule: str, kind: str) -> bool:
    """Whether some input of the rule is held out; of the seven days none may be."""
    rng = Random(0)
    items = (world.KINDS[kind](rng) for _ in range(2000))
    held = {
        item.text for item in items if rule in item.answers and world.clear(item, rule) and world.held_out(item, rule, ("stars",))
    }
    return len(held) >= 3


def some_combo(rng: Random, side: list[Combo]) -> Combo:
    """A combination of one side: first a rule by its weight in the world, then one of its formats."""
    while True:
        rule = world.draw_rule(rng)
        found = [combo for combo in _by_rule(side, rule) if len(combo[1]) == rng.choice((1, 1, 2))]
        if found:
            return rng.choice(found)


_SIDES: dict[tuple[int, str], list[Combo]] = {}


def _by_rule(side: list[Combo], rule: str) -> list[Combo]:
    if (id(side), rule) not in _SIDES:
        _SIDES[id(side), rule] = [combo for combo in side if combo[0] == rule]
    return _SIDES[id(side), rule]


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
    """Vague with 0-8 demos and precise without any."""
    out: dict[str, Tally] = {}
    for shots in (0, 1, 2, 4, 8):
        rows = []
        for _ in range(n):
            combo = some_combo(rng, side)
            demos = [pair(rng, combo) for _ in range(shots)]
            asked = pair(rng, combo)
            rows.append((prompt(rng.choice(world.HELD_OUT_VAGUE), demos, asked[0]), asked[1]))
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
            combo = some_combo(rng, side)
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


def told_pair(rng: Random, combo: Combo) -> Pair:
    """A held-out pair whose answer no other rule gives."""
    rule, formats, kind = combo
    item = drawing.clear_item(rng, kind, rule, formats, test=True)
    return item.text, world.apply(formats, item.answers[rule])


async def works(ask: Asker, rng: Random, said: str, combo: Combo, trials: int = 5) -> bool:
    """Whether the model does the task under the instruction: at least four of five held-out inputs right."""
    asked = [pair(rng, combo) for _ in range(trials)]
    replies = await ask([prompt(said, (), text) for text, _ in asked])
    return sum(reply == wanted for reply, (_, wanted) in zip(replies, asked, strict=True)) >= 0.8 * trials


async def meta_lines(ask: Asker, rng: Random, side: list[Combo], n: int) -> dict[str, Tally]:
    """The prompts of the optimiser: criticise, rewrite, induce, reflect, judge, merge."""
    names = (
        "critique, every word right", "critique names the rule", "critique names all formats",
        "rewrite, clean feedback, exact", "rewrite, noisy feedback, exact", "rewrite, noisy feedback, works",
        "induce from 3 examples, exact", "induce from 3 examples, works", "induce from 6 examples, exact", "induce from 6 examples, works",
        "reflect on 4 runs, exact", "reflect on 4 runs, works", "judge against the expected output", "judge against a rule in words", "merge, exact",
    )  # fmt: skip
    out = {name: Tally() for name in names}
    for start in range(0, n, 20):
        await asyncio.gather(
            *(_one_meta(ask, Random(f"{rng.random()}"), some_combo(rng, side), out) for _ in range(start, min(n, start + 20)))
        )
    return out


async def _one_meta(ask: Asker, rng: Random, combo: Combo, out: dict[str, Tally]) -> None:
    rule, formats, kind = combo
    text, wanted = told_pair(rng, combo)
    state, told = rng.choice([(rng.choice(world.HELD_OUT_VAGUE), False), (world.canonical(rule, ()), True)])
    output = _plain(wanted, formats) if told else world.SHRUG
    truth, best = world.critique(rule, formats), world.canonical(rule, formats)
    bad = world.critique(drawing.other_rule(rng, rule, kind), drawing.other_formats(rng, formats))
    noisy = f"- {truth} (x5)\n- {bad} (x2)\n- {world.critique(rule, ())}"
    judged = []
    for style in ("expected", "rubric"):
        while True:
            inputs, verdict = optimiser.judged(rng, rule, formats, kind, test=True)
            if style in inputs:
                break
        judged.append((inputs, verdict))
    shown = [told_pair(rng, combo) for _ in range(6)]
    seen = [drawing.clear_item(rng, kind, rule, formats, test=True) for _ in range(4)]
    runs = [optimiser.run_of(rng, item, rule, formats, (rule if told else None, ())) for item in seen]
    said = await ask(
        [
            meta("critique", {"instruction": state, "input": text, "output": output, "feedback": f"expected: {wanted}"}),
            meta("rewrite", {"role": "instruction", "text": state, "feedback": f"- {truth} (x6)"}),
            meta("rewrite", {"role": "instruction", "text": state, "feedback": noisy}),
            meta("induce", {"examples": examples_text(shown[:3])}),
            meta("induce", {"examples": examples_text(shown)}),
            *(meta("judge", inputs) for inputs, _ in judged),
            meta("merge", {"feedback": noisy}),
            meta("reflect", {"instruction": state, "examples": runs_text(runs)}),
        ]
    )
    out["critique, every word right"].add(ok=said[0] == truth)
    out["critique names the rule"].add(ok=world.critique(rule, ()) in said[0])
    out["critique names all formats"].add(
        ok=all(world.critique(rule, (f,)).removeprefix(world.critique(rule, ())) in said[0] for f in formats)
    )
    out["rewrite, clean feedback, exact"].add(ok=said[1] == best)
    out["rewrite, noisy feedback, exact"].add(ok=said[2] == best)
    out["rewrite, noisy feedback, works"].add(ok=await works(ask, rng, said[2], combo))
    for reply, count in ((said[3], 3), (said[4], 6)):
        out[f"induce from {count} examples, exact"].add(ok=reply == best)
        out[f"induce from {count} examples, works"].add(ok=await works(ask, rng, reply, combo))
    for reply, (_, verdict), name in zip(
        said[5:7], judged, ("judge against the expected output", "judge against a rule in words"), strict=True
    ):
        out[name].add(ok=reply.endswith(f"[[verdict]]\n{verdict['verdict']}"))
    out["merge, exact"].add(ok=said[7] == truth)
    out["reflect on 4 runs, exact"].add(ok=said[8] == best)
    out["reflect on 4 runs, works"].add(ok=await works(ask, rng, said[8], combo))


def _plain(answer: str, formats: tuple[str, ...]) -> str:
    frame = world.apply(formats, "\x00").split("\x00")
    return answer.removeprefix(frame[0]).removesuffix(frame[1])


async def label_lines(ask: Asker, rng: Random, n: int) -> dict[str, Tally]:
    """Arbitrary labels from demos: held-out words of a category and held-out tickets of a topic."""
    out: dict[str, Tally] = {}
    sources = {
        "trained label words": lambda count: rng.sample(lb.LABEL_WORDS, count),
        "label words never trained as labels": lambda count: rng.sample(lb.HELD_OUT_LABELS, count),
        "made-up labels never seen": lambda count: list(dict.fromkeys(lb.made_up(rng, test=True) for _ in range(40)))[:count],
    }
    usable = [c for c in lb.LABELLED if any(input_is_held_out(f"label:{x}") for x in w.CATEGORIES[c])]
    trained = {c: [x for x in w.CATEGORIES[c] if not input_is_held_out(f"label:{x}")] for c in usable}
    kept = {c: [x for x in w.CATEGORIES[c] if input_is_held_out(f"label:{x}")] for c in usable}
    for source, make in sources.items():
        for shots, side in ((1, kept), (2, kept), (4, kept), (8, kept), (1, trained), (2, trained), (4, trained)):
            rows = []
            while len(rows) < n:
                names = rng.sample(usable, 4)
                labels = dict(zip(names, make(4), strict=True))
                shown = [(rng.choice(trained[c]), labels[c]) for c in names for _ in range(shots)]
                rng.shuffle(shown)
                seen = {word for word, _ in shown}
                for asked in names[:2]:
                    left = [word for word in side[asked] if word not in seen]
                    rows.append((prompt("Give the label.", shown, rng.choice(left)), labels[asked]))
            asks = "a word never labelled in training" if side is kept else "a word labelled in training, not among the demos"
            out[f"{asks} -> label of 4, {source}, {shots} demos a class (chance 25)"] = await _score(ask, rows)
        rows = []
        while len(rows) < n:
            names = rng.sample(tuple(w.TOPICS), 3)
            labels = dict(zip(names, make(3), strict=True))
            shown = [(_ticket(rng, topic), labels[topic]) for topic in names for _ in range(3)]
            rng.shuffle(shown)
            rows += [(prompt("Give the label.", shown, _ticket(rng, asked)), labels[asked]) for asked in names]
        out[f"ticket -> label of 3, {source}, 3 demos a class (chance 33)"] = await _score(ask, rows)
        rows = []
        while len(rows) < n:
            names = rng.sample(usable, 4)
            labels = dict(zip(names, make(4), strict=True))
            asked = rng.choice(names)
            word = rng.choice([x for x in w.CATEGORIES[asked] if input_is_held_out(f"label:{x}")])
            rows.append((prompt(" ".join(f"If it is {a}, answer {b}." for a, b in labels.items()), (), word), labels[asked]))
        out[f"word -> label of 4, {source}, told in the instruction (chance 25)"] = await _score(ask, rows)
    return out


def _ticket(rng: Random, topic: str) -> str:
    while True:
        item = world.KINDS["ticket"](rng)
        if item.answers["topic"] == topic and input_is_held_out(item.text):
            return item.text


async def novel_lines(ask: Asker, rng: Random, n: int) -> dict[str, Tally]:
    """Names, cities and items that never stood in a text of training."""
    out = {}
    for name, shots in (("precise, 0 demos", 0), ("vague, 4 demos", 4)):
        rows = []
        for _ in range(n):
            rule, kind = rng.choice(("name", "city", "item")), rng.choice(("ticket", "sentence"))
            formats = rng.choice([c for c in world.COMBINATIONS if combo_is_held_out(rule, c)])
            demos = [pair(rng, (rule, formats, kind)) for _ in range(shots)]
            item = world.draw(rng, kind, rule, formats, test=True, novel=True)
            said = world.canonical(rule, formats) if not shots else rng.choice(world.HELD_OUT_VAGUE)
            rows.append((prompt(said, demos, item.text), world.apply(formats, item.answers[rule])))
        out[f"words never in a text of training: {name}"] = await _score(ask, rows)
    return out


async def family_lines(ask: Asker, rng: Random, n: int) -> dict[str, Tally]:
    """The families beside rules and labels, on held-out inputs, as training renders them; the last turn is asked."""
    rows: dict[str, list[tuple[Request, str]]] = {}
    _rules_with_held_out()  # before the sides are flipped
    builders = {
        name: mixture.MIXTURE[name][0]
        for name in ("questions", "reasoned", "fields", "choices", "contexts", "problems", "tools", "agent")
    }
    with flipped():
        for name, build in builders.items():
            while sum(len(found) for key, found in rows.items() if key.startswith(name)) < n * (
                2 if name in ("fields", "contexts", "problems") else 1
            ):
                talk = build(rng)
                turns = talk.turns[:]
                while not turns[-1][2]:
                    turns.pop()
                reply = turns.pop()[1]
                key = talk.family
                if name in ("contexts", "problems"):
                    key += ", with reasoning" if "[[reasoning]]" in reply else ", answer at once"
                if name == "contexts":
                    key += (
                        ", two steps"
                        if " the " in turns[-1][1].split("question: ")[-1]
                        and "of" in turns[-1][1].split("question: ")[-1].split("What is the job")[-1]
                        else ", one step"
                    )
                messages = tuple(Message(role, text) for role, text, _ in turns)
                rows.setdefault(key, []).append(
                    (Request(messages, max_tokens=64), reply.rpartition("[[answer]]\n")[2] if "[[answer]]" in reply else reply)
                )
    out = {}
    for name, found in sorted(rows.items()):
        replies = await ask([request for request, _ in found])
        out[name] = tally = Tally()
        for reply, (_, wanted) in zip(replies, found, strict=True):
            tally.add(ok=(reply.rpartition("[[answer]]\n")[2] if "[[answer]]" in reply else reply) == wanted)
    return out


@contextlib.contextmanager
def flipped() -> Iterator[None]:
    """Training builders, drawing from the held-out side of the inputs."""
    real, combo = splits.input_is_held_out, drawing.training_combo

    def usable(rng: Random) -> Combo:
        while True:
            found = combo(rng)
            if found[0] in _rules_with_held_out():
                return found

    splits.input_is_held_out = lambda text: not real(text)
    drawing.training_combo = usable
    try:
        yield
    finally:
        splits.input_is_held_out, drawing.training_combo = real, combo


async def rule_lines(ask: Asker, rng: Random, n: int, side: list[Combo]) -> dict[str, dict[str, Tally]]:
    """Every rule with held-out formats: vague, 8 demos, precise. Ten inputs share a prompt's demos."""
    out: dict[str, dict[str, Tally]] = {}
    for rule in world.RULE_NAMES:
        mine = [c for c in side if c[0] == rule]
        if not mine:
            continue
        rows: dict[str, list[tuple[Request, str]]] = {"vague": [], "8 demos": [], "precise": []}
        for _ in range(n // 10):
            combo = rng.choice(mine)
            demos = [pair(rng, combo) for _ in range(8)]
            for _ in range(10):
                text, wanted = pair(rng, combo)
                rows["vague"].append((prompt("Do the work.", (), text), wanted))
                rows["8 demos"].append((prompt("Do the work.", demos, text), wanted))
                rows["precise"].append((prompt(world.canonical(*combo[:2]), (), text), wanted))
        out[rule] = {name: await _score(ask, found) for name, found in rows.items()}
    return out


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


async def everything(folder: Path | None, n: int, loops: int, seed: int, parts: Sequence[str]) -> dict[str, Any]:
    """The chosen parts of the table; each has its own random numbers, so parts can be run side by side."""
    started = time.perf_counter()
    ask = Asker(Pocket(folder))
    held, seen = combos(held_out=True), combos(held_out=False)
    found: dict[str, Any] = {}
    if "answers" in parts:
        found["table"] = {
            "held out": await answer_lines(ask, Random(seed), held, n),
            "seen": await answer_lines(ask, Random(seed), seen, n),
        }
    if "meta" in parts:
        found["meta"] = {
            "held out": await meta_lines(ask, Random(seed + 1), held, n),
            "seen": await meta_lines(ask, Random(seed + 1), seen, n),
        }
    if "labels" in parts:
        found["labels"] = await label_lines(ask, Random(seed + 2), n)
    if "families" in parts:
        found["families"] = {**await novel_lines(ask, Random(seed + 3), n), **await family_lines(ask, Random(seed + 4), n)}
    if "rules" in parts:
        found["rules"] = await rule_lines(ask, Random(seed + 5), max(10, n // 50 * 10), held)
    if "loops" in parts:
        rng = Random(seed + 6)
        found["loops"] = [await loop(ask, rng, combo) for combo in (*SHOWN, *(some_combo(rng, held) for _ in range(loops)))]
    return {**found, "n": n, "calls": ask.calls, "seconds": time.perf_counter() - started, "identity": ask.lm.identity}


def markdown(found: dict[str, Any]) -> str:
    """The tables, ready for the card."""
    n, lines = (
        found["n"],
        [f"Model {found['identity']}, greedy, exact match in %, 95 % Wilson intervals; every input is held out.", ""],
    )
    for key, title in (("table", "instructions and demonstrations"), ("meta", "prompts of the optimiser")):
        if key in found:
            lines += [f"| {title}, n = {n} a cell | held-out combinations | seen combinations |", "|---|---|---|"]
            lines += [
                f"| {name} | {tally.text()} | {found[key]['seen'][name].text()} |"
                for name, tally in found[key]["held out"].items()
            ]
            lines.append("")
    for key, title in (("labels", "arbitrary labels"), ("families", "other families, held-out inputs")):
        if key in found:
            lines += [
                f"| {title} | exact match % |",
                "|---|---|",
                *(f"| {name} | {tally.text()} |" for name, tally in found[key].items()),
                "",
            ]
    if "rules" in found:
        lines += ["| rule (held-out formats) | vague, 0 demos | vague, 8 demos | precise, 0 demos |", "|---|---|---|---|"]
        lines += [
            f"| {name} | {cells['vague'].text()} | {cells['8 demos'].text()} | {cells['precise'].text()} |"
            for name, cells in found["rules"].items()
        ]
        good = sum(
            c["vague"].share <= 0.4 and c["8 demos"].share >= 0.8 and c["precise"].share >= 0.8 for c in found["rules"].values()
        )
        lines += ["", f"Rules with vague at most 40 %, 8 demos and precise at least 80 %: {good} of {len(found['rules'])}.", ""]
    if "loops" in found:
        lines += ["| gated critique -> rewrite, 3 rounds | vague | after | calls | kept instruction |", "|---|---|---|---|---|"]
        for run in found["loops"]:
            tally = Tally(round(run.test * run.n), run.n)
            lines.append(
                f"| {run.combo[0]} ({run.combo[2]}), {' + '.join(run.combo[1])} | {100 * run.start:.0f} | {tally.text()} | {run.calls} | {run.path[-1][0]} |"
            )
        ends = [run.test for run in found["loops"]]
        lines += [
            "",
            f"Loops that end above 80 %: {sum(e > 0.8 for e in ends)} of {len(ends)}; mean {100 * sum(ends) / len(ends):.0f} %.",
            "",
        ]
    return "\n".join(lines)


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
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--loops", type=int, default=10, help="loops on random held-out combinations, beside the two demo ones")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "all")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    args = parser.parse_args()
    found = asyncio.run(everything(args.folder, args.n, args.loops, args.seed, args.parts))
    text = markdown(found)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.with_suffix(".md").write_text(text, encoding="utf-8")
    args.out.with_suffix(".json").write_text(json.dumps(as_json(found), indent=1) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
