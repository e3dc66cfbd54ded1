"""Replays allocators on known matrices: what they buy, and how wrong they choose.

python -m benchmarks.replay            # writes benchmarks/results/replay.md and .json
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adjoint.eval.intervals import wilson
from adjoint.lm.pocket import Pocket
from adjoint.optim.allocators.frace import FRace
from adjoint.optim.allocators.grid import Grid
from adjoint.optim.allocators.halving import ASHA, Halving
from adjoint.optim.allocators.minibatch import Minibatch
from adjoint.optim.allocators.pareto import Pareto
from adjoint.optim.allocators.racing import Racing
from adjoint.optim.allocators.rungs import Rungs
from adjoint.optim.allocators.ucb import UCB
from benchmarks.replay.oracle import at_once, one_by_one
from benchmarks.replay.stream import Stream, gepa, with_allocator
from benchmarks.replay.worlds import World, nothing_to_find, recorded, recorded_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.replay.oracle import Choice
    from benchmarks.replay.worlds import Table

RESULTS = Path(__file__).parents[1] / "results"
ARMS, ROWS = 64, 1000
POOL: dict[str, Callable[[Table, int], Choice]] = {
    "full grid": partial(at_once, Grid()),
    "minibatch of 35, full every 5 (MIPROv2)": partial(one_by_one, Minibatch()),
    "F-race, alpha 0.2 (CAPO)": partial(at_once, FRace()),
    "UCB, 10 %": partial(at_once, UCB(0.1)),
    "ASHA, one by one": partial(one_by_one, ASHA(), trials=1.0),
    "Pareto with a gate of 3, one by one": partial(one_by_one, Pareto(gate=3), trials=1.0),
    "rungs, one by one": partial(one_by_one, Rungs(), trials=1.0),
    "halving, 5 %": partial(at_once, Halving(0.05)),
    "halving, 6 %": partial(at_once, Halving(0.06)),
    "halving, 10 %": partial(at_once, Halving(0.1)),
    "racing, delta 0.05": partial(at_once, Racing(0.05)),
    "racing, delta 0.2": partial(at_once, Racing(0.2)),
    "racing, delta 0.5": partial(at_once, Racing(0.5)),
}
SWEEP = {
    "as calibrated": World(),
    "near ties": World(spread=0.12),
    "specialists": World(spread=0.2, special=0.6),
    "noisy cells": World(shared=0.6),
    "all equal (A/A)": None,
}
STREAM: dict[str, Callable[[Stream, int, int], None]] = {
    "GEPA's rule, Pareto parents": partial(gepa, pareto=True),
    "GEPA's rule, greedy parent": partial(gepa, pareto=False),
    "rungs 10/30/90 in random order": partial(with_allocator, Rungs((10, 30, 90), (0.0, 0.5, 0.8), promote=3.0, order="random")),
    "rungs, telling rows first": partial(with_allocator, Rungs()),
}


@dataclass(frozen=True)
class Line:
    """What came of one allocator in one kind of world; shares in [0, 1]."""

    world: str
    allocator: str
    worlds: int
    cells: float
    regret: float
    wrong: float
    """How often the chosen row is more than a point worse than the best."""
    below: float
    """How often it is worse than the first row, the baseline."""
    covered: float
    """How often a 95 % interval of the scores bought for the chosen row holds its mean over all rows."""


def tables(name: str, worlds: int) -> Iterator[tuple[int, Table]]:
    """The worlds of that name with their seeds; a recorded one is replayed in other orders of prompts and rows."""
    if name not in SWEEP:
        table = recorded()[f"task {name}"]
        for seed in range(worlds):
            yield seed, np.random.default_rng(seed).permutation(table)
        return
    world = SWEEP[name]
    for seed in range(worlds):
        rng = np.random.default_rng([seed, 1])
        yield seed, nothing_to_find(ARMS, ROWS, rng) if world is None else world.draw(ARMS, ROWS, rng)


def pool(name: str, allocator: str, worlds: int) -> Line:
    """Choose one of 64 prompts."""
    cells, regrets, below, covered = [], [], [], []
    for seed, table in tables(name, worlds):
        choice, means = POOL[allocator](table, seed), table.mean(axis=1)
        cells.append(choice.cells / table.size)
        regrets.append(means.max() - means[choice.arm])
        below.append(means[choice.arm] < means[0])
        covered.append(wilson(sum(choice.scores), len(choice.scores)).holds(means[choice.arm]))
    wrong = np.mean(np.array(regrets) > 0.01 + 1e-9)
    return Line(
        name,
        allocator,
        worlds,
        *(float(np.mean(part)) for part in (cells, regrets)),
        float(wrong),
        float(np.mean(below)),
        float(np.mean(covered)),
    )


def stream(worlds: int, rows: int = 300, goal: float = 0.08, most: int = 12_000) -> dict[str, list[int]]:
    """The cells until a program that is truly `goal` better is held; `most` stands for never."""
    found: dict[str, list[int]] = {}
    for name, search in STREAM.items():
        found[name] = []
        for seed in range(worlds):
            world = Stream(rows, seed, goal)
            search(world, seed, most)
            found[name].append(min(most, world.reached or most))
        print(f"{name}: median {np.median(found[name]):.0f}", flush=True)
    return found


def origin() -> str:
    """From which model the recorded matrices come: the one that ships, or an earlier one."""
    model = recorded_from()
    if model == Pocket().identity:
        return f"The recorded matrices come from the embedded model that ships (`{model[:20]}`)."
    return (
        f"The recorded matrices come from an **earlier** embedded model (`{model[:20]}`) than the one that ships now. They stand here as real\n"
        "score matrices, and say nothing about the present model."
    )


def text(lines: list[Line], reached: dict[str, list[int]], command: str) -> str:
    """The page."""
    out = [
        "# Allocators replayed", "", f"`{command}`; the seeds are 0, 1, ... in every table. 64 prompts x 1,000 rows; a cell is bought once.",
        "P(> 1 pp): the chosen prompt is more than a point worse than the best. Coverage: a 95 % Wilson interval of the scores that were bought",
        "for the chosen prompt holds its mean over all 1,000 rows; below 95 % the allocator's own score is too good to be quoted.",
        "", origin(), "",
    ]  # fmt: skip
    for world in dict.fromkeys(line.world for line in lines):
        own = [line for line in lines if line.world == world]
        out += [
            f"## {world}",
            "",
            f"{own[0].worlds} worlds." if world in SWEEP else f"Recorded; {own[0].worlds} orders.",
            "",
        ]
        out += ["| allocator | cells | mean regret, pp | P(> 1 pp) | P(below baseline) | coverage |", "|---|---|---|---|---|---|"]
        for line in own:
            low, high = wilson(line.wrong * line.worlds, line.worlds)
            out.append(
                f"| {line.allocator} | {100 * line.cells:.1f} % | {100 * line.regret:.2f} | {100 * line.wrong:.1f} % "
                f"[{100 * low:.0f}, {100 * high:.0f}] | {100 * line.below:.1f} % | {100 * line.covered:.0f} % |"
            )
        out.append("")
    out += [
        "## Stream: cells to +8 points, 300 selection rows",
        "",
        f"{len(next(iter(reached.values())))} worlds; 12,000 stands for never.",
        "",
    ]
    out += ["| search | median | quartiles | never |", "|---|---|---|---|"]
    for name, cells in reached.items():
        low, high = np.percentile(cells, [25, 75])
        out.append(f"| {name} | {np.median(cells):.0f} | {low:.0f} to {high:.0f} | {sum(one >= 12_000 for one in cells)} |")
    return "\n".join(out) + "\n"


def main(worlds: int = 60, streams: int = 100) -> None:
    names = {**SWEEP, **{name.removeprefix("task "): None for name in recorded()}}
    lines = []
    for name in names:
        some = worlds if name == "as calibrated" else max(1, worlds // 4)
        lines += [pool(name, allocator, some) for allocator in POOL]
        print(f"{name} done", flush=True)
    reached = stream(streams)
    command = "python -m benchmarks.replay" + ("" if (worlds, streams) == (60, 100) else f" {worlds} {streams}")
    page = text(lines, reached, command)
    (RESULTS / "replay.md").write_text(page, encoding="utf-8")
    found = {"command": command, "pool": [asdict(line) for line in lines], "stream": reached}
    (RESULTS / "replay.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:]))
