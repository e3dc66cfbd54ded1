"""Records score matrices of the embedded model: 64 prompts x 1,000 rows on each of four tasks, for the replay.

    python -m benchmarks.replay.record benchmarks/replay/matrices.npz

Half of the prompts of a task are written by the model itself (Induce, from a few rows), half are drawn from its world: vague,
partial, wrong and complete instructions. Each has up to six demonstrations, of which some are wrong. A cell is one exact match.
The digest of the model and all prompts stand in the file.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "training" / "pocket"))

import drawing
import labels
import words
import world

from adjoint.lm.pocket import Pocket
from adjoint.lm.types import Message, Request
from adjoint.modules.predict import Predict
from adjoint.optim.prompts import Induce, examples_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROMPTS, ROWS = 64, 1000
_SHOTS = (0, 0, 1, 2, 3, 4, 6)
_WRONG = 0.2
"""The share of demonstrations with a wrong answer."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Task:
    """`draw` makes a row; `instruct` an instruction; `spoil` a wrong answer to it."""

    name: str
    draw: Callable[[Random], Pair]
    instruct: Callable[[Random], str]
    spoil: Callable[[Random], str]


@dataclass(frozen=True)
class Prompt:
    instruction: str
    demos: tuple[Pair, ...]

    def request(self, text: str) -> Request:
        shown = [message for given, wanted in self.demos for message in (Message("user", given), Message("assistant", wanted))]
        return Request((Message("system", self.instruction), *shown, Message("user", text)), max_tokens=24)


def mixture(name: str, wanted: Sequence[tuple[str, str]], formats: tuple[str, ...]) -> Task:
    """Rows of several kinds, each with a rule of its own, in one form: an instruction names one of the rules, or none."""

    def draw(rng: Random, formats: tuple[str, ...] = formats) -> Pair:
        kind, rule = rng.choice(wanted)
        item = world.draw(rng, kind, rule, formats, test=True)
        return item.text, world.apply(formats, item.answers[rule])

    def instruct(rng: Random) -> str:
        kind, rule = rng.choice(wanted)
        ways: tuple[Callable[[], str], ...] = (
            lambda: drawing.vague(rng),
            lambda: drawing.partial(rng, rule, kind, formats)[0],
            lambda: drawing.wrong(rng, rule, kind, formats)[0],
            lambda: world.held_out_precise(rng, rule, formats),
            lambda: world.precise(rng, rule, kind, formats),
        )
        return rng.choice(ways)()

    return Task(name, draw, instruct, lambda rng: draw(rng, rng.choice(world.COMBINATIONS))[1])


def labelling(name: str, classes: Sequence[str], text_of: Callable[[Random, str], str]) -> Task:
    """Give each class of text its own arbitrary label; an instruction may tell some of them."""
    table = dict(zip(classes, Random(name).sample(labels.LABEL_WORDS, len(classes)), strict=True))

    def draw(rng: Random) -> Pair:
        chosen = rng.choice(classes)
        return text_of(rng, chosen), table[chosen]

    def instruct(rng: Random) -> str:
        told = rng.sample(sorted(table), rng.randrange(len(table)))
        return labels._mapping(rng, {one: table[one] for one in told}) if told else drawing.vague(rng)

    return Task(name, draw, instruct, lambda rng: rng.choice(sorted(table.values())))


def ticket_of(rng: Random, topic: str) -> str:
    while (item := world.draw(rng, "ticket", "topic", (), test=True)).answers["topic"] != topic:
        pass
    return item.text


TASKS = (
    mixture("texts", (("ticket", "item"), ("sentence", "city"), ("review", "sentiment"), ("list", "animal")), ("brackets",)),
    mixture("words", (("plural", "plural"), ("past", "past"), ("opposite", "opposite"), ("kind", "kind")), ("stars",)),
    labelling("topic", sorted(world.w.TOPICS)[:4], ticket_of),
    labelling(
        "class", ("animal", "fruit", "tool", "drink", "sport", "metal"), lambda rng, name: rng.choice(words.CATEGORIES[name])
    ),
)


async def prompts(task: Task, lm: Pocket, rng: Random) -> list[Prompt]:
    """The first half is induced by the model from three rows, the second half is drawn."""

    def demos() -> tuple[Pair, ...]:
        pairs = [task.draw(rng) for _ in range(rng.choice(_SHOTS))]
        return tuple((text, task.spoil(rng)) if rng.random() < _WRONG else (text, answer) for text, answer in pairs)

    induce = Predict(Induce)
    induce.lm = lm
    shown = [examples_text([task.draw(rng) for _ in range(3)]) for _ in range(PROMPTS // 2)]
    written = [(await induce.acall(examples=one))["instruction"] for one in shown]
    return [Prompt(text, demos()) for text in [*written, *(task.instruct(rng) for _ in range(PROMPTS // 2))]]


async def record(task: Task, lm: Pocket, rows: int) -> tuple[np.ndarray, list[Prompt]]:
    """Whether each prompt answers each row right. A prompt's rows are asked together, so that they share its prefix."""
    rng = Random(f"replay {task.name}")
    made, drawn = await prompts(task, lm, rng), [task.draw(rng) for _ in range(rows)]
    table = np.zeros((len(made), rows), dtype=bool)
    for number, prompt in enumerate(made):
        replies = await asyncio.gather(*(lm(prompt.request(text)) for text, _ in drawn))
        table[number] = [reply.text.strip() == wanted for reply, (_, wanted) in zip(replies, drawn, strict=True)]
    return table, made


async def main(path: Path, rows: int = ROWS) -> None:
    lm = Pocket()
    packed, about = {}, {"model": lm.identity, "rows": rows, "prompts": {}}
    for task in TASKS:
        started = time.process_time()
        table, made = await record(task, lm, rows)
        packed[f"task {task.name}"] = np.packbits(table, axis=1)
        about["prompts"][task.name] = [[one.instruction, [list(pair) for pair in one.demos]] for one in made]
        means = sorted(table.mean(axis=1))
        best = " ".join(f"{mean:.3f}" for mean in means[-6:])
        print(
            f"{task.name}: best {best}, median {means[len(means) // 2]:.3f}, {time.process_time() - started:.0f} s of CPU",
            flush=True,
        )
    np.savez_compressed(path, rows=rows, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **packed)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *(int(one) for one in sys.argv[2:])))
