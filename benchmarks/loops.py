"""Four ways to a better program on the embedded model, each certified on a holdout and measured on rows of its own.

Run: python benchmarks/loops.py [--seeds 0 1] [--loops bootstrap-rs induce tgd lora] [--out benchmarks/results/loops]

Every loop starts from an instruction that says nothing, learns from 64 rows, chooses on 80, earns its certificate on another 80 and
is then measured on 200 that nothing has seen. LoRA needs the extra `hf`. Writes a table (.md) and all figures (.json).
"""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tasks

import adjoint
from adjoint.ledger.store import Ledger
from adjoint.lm.base import identity_of
from adjoint.optim.strategies.bootstrap import BootstrapFewShotWithRandomSearch
from adjoint.optim.strategies.copro import COPRO
from adjoint.optim.strategies.finetune import BootstrapFinetune
from adjoint.optim.strategies.tgd import TGD

if TYPE_CHECKING:
    from collections.abc import Callable

    from adjoint.optim.base import Optimizer

LEARN, CHOOSE, CERTIFY, TEST = 64, 80, 80, 200
HERE = Path(__file__).parent
LOOPS: dict[str, Callable[[], Optimizer]] = {
    "bootstrap-rs": lambda: BootstrapFewShotWithRandomSearch(max_bootstrapped_demos=4, num_candidate_programs=8),
    "induce": lambda: COPRO(breadth=9, depth=1, init_temperature=0.7),
    "tgd": TGD,
    "lora": lambda: BootstrapFinetune(
        train_kwargs={"rank": 8, "alpha": 16.0, "learning_rate": 3e-3, "steps": 80, "batch_size": 16}
    ),
}
SAYS = {
    "bootstrap-rs": "demos, chosen by random search",
    "induce": "instructions induced from rows, the best chosen (COPRO)",
    "tgd": "critique and rewrite, gated (TGD)",
    "lora": "LoRA of rank 8 on runs with 8 demos that passed",
}
LM = {"lora": "hf/pocket"}


def once(task: tasks.Task, loop: str, seed: int) -> dict[str, Any]:
    """One optimisation, certified, and the test rows before and after."""
    rows, test = task.rows(LEARN + CHOOSE + CERTIFY, TEST)
    start = time.perf_counter()
    with adjoint.context(lm=adjoint.LM(LM.get(loop, "pocket"))):
        program = task.program()
        found = adjoint.optimize(
            program, trainset=rows[:LEARN], valset=rows[LEARN:], metric=tasks.feedback, optimizer=LOOPS[loop](), seed=seed
        )
        before, after = (adjoint.evaluate(each, test, tasks.feedback) for each in (program, found.program))
    report = found.report
    return {
        "task": task.name,
        "formats": list(task.formats),
        "loop": loop,
        "seed": seed,
        "verdict": report.verdict,
        "certificate": None if report.certificate is None else report.certificate.to_dict(),
        "before": [before.mean, before.low, before.high],
        "after": [after.mean, after.low, after.high],
        "errors": before.errors + after.errors,
        "calls": report.usage.calls,
        "seconds": round(time.perf_counter() - start, 1),
        "instruction": found.program.state_dict().get("instruction"),
    }


def table(runs: list[dict[str, Any]], command: str) -> str:
    """Tasks down, loops across: test accuracy after it with its interval, and whether the gain was certified."""
    loops, seeds = list(dict.fromkeys(run["loop"] for run in runs)), sorted({run["seed"] for run in runs})
    lines = [
        f"`{command}`: embedded model {identity_of(adjoint.LM('pocket'))[:19]}, seeds {', '.join(map(str, seeds))}.",
        f"Exact match in % on {TEST} untouched rows with 95 % intervals, seed by seed; `*` certified better on {CERTIFY} holdout rows.",
        "Calls are those of the search that no run before it had paid; seconds are by the clock, the measuring on test rows included.",
        "",
        "| task (held-out format) | before | " + " | ".join(SAYS[loop] for loop in loops) + " |",
        "|---|---|" + "---|" * len(loops),
    ]
    for name in dict.fromkeys(run["task"] for run in runs):
        mine = [run for run in runs if run["task"] == name]
        cells = ["<br>".join(_cell(run) for run in mine if run["loop"] == loop) for loop in loops]
        lines.append(f"| {name} ({' + '.join(mine[0]['formats'])}) | {100 * mine[0]['before'][0]:.0f} | {' | '.join(cells)} |")
    sums = []
    for loop in loops:
        mine = [run for run in runs if run["loop"] == loop]
        certified = sum(run["verdict"] == "better" for run in mine)
        calls, seconds = (sum(run[key] for run in mine) / len(mine) for key in ("calls", "seconds"))
        sums.append(f"{certified} of {len(mine)} certified, {calls:,.0f} calls, {seconds:.0f} s")
    return "\n".join([*lines, f"| certified, calls and seconds a run | | {' | '.join(sums)} |", ""])


def _cell(run: dict[str, Any]) -> str:
    mean, low, high = (100 * value for value in run["after"])
    return f"{mean:.0f} [{low:.0f}, {high:.0f}]{'*' if run['verdict'] == 'better' else ''}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--loops", nargs="+", default=list(LOOPS), choices=list(LOOPS))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "loops")
    args = parser.parse_args()
    logging.getLogger("adjoint").setLevel(logging.ERROR)
    command = shlex.join(["python", "benchmarks/loops.py", *sys.argv[1:]])
    runs: list[dict[str, Any]] = []
    # One ledger for all: what is asked twice is paid once, and nothing is taken from earlier runs.
    with tempfile.TemporaryDirectory() as folder, adjoint.context(ledger=Ledger(Path(folder) / "ledger.db")):
        for task, loop, seed in product((task for task in tasks.TASKS if task.headroom), args.loops, args.seeds):
            runs.append(once(task, loop, seed))
            args.out.with_suffix(".md").write_text(table(runs, command), encoding="utf-8")
            args.out.with_suffix(".json").write_text(
                json.dumps({"command": command, "runs": runs}, indent=1) + "\n", encoding="utf-8"
            )
    print(table(runs, command))


if __name__ == "__main__":
    main()
