"""Optimizers at equal budgets on the tasks of the embedded model: held-out scores before and after, calls, seconds, verdicts.

Run: python benchmarks/optimizers.py [--optimizers gepa tgd ...] [--tasks NUMBER ...] [--seeds N] [--budget CALLS]

Each run has a ledger of its own, so nothing that another one has paid for is free. Results are kept in results/optimizers.jsonl,
one line a run; runs that stand there are not made again. The table results/optimizers.md is written from them, losses too.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from pathlib import Path

from tasks import TASKS, feedback

import adjoint
from adjoint.eval.several import compare
from adjoint.optim.registry import OPTIMIZERS

RESULTS = Path(__file__).parent / "results"
TRAIN, TEST = 200, 200
WITHOUT = {
    "bootstrap-finetune",
    "demo-order",
    "distill",
    "ensemble",
    "grpo",
    "models",
    "numbers",
    "preferences",
    "rejection-sampling",
}
"""Optimizers that change what these programs do not have: weights, numbers, several models, demos that stand there already."""
TOGETHER = ("tgd -> bootstrap-rs", "labeled-few-shot -> demo-order")


def made(name):
    """The optimizer with its default settings; Optuna's search is left out, since it is an extra."""
    if name == "mipro":
        return adjoint.MIPROv2(sampler="tpe")
    return adjoint.BootstrapFewShotWithOptuna(sampler="tpe") if name == "bootstrap-optuna" else name


def one(name, task, seed, budget):
    """One run, and both programs on the test rows."""
    program, (train, test) = task.program(), task.rows(TRAIN, TEST)
    with tempfile.TemporaryDirectory() as folder, adjoint.context(lm="pocket", ledger=Path(folder) / "ledger.db"):
        started = time.perf_counter()
        result = adjoint.optimize(program, trainset=train, metric=feedback, optimizer=made(name), budget=budget, seed=seed)
        seconds = time.perf_counter() - started
        before = adjoint.evaluate(program, test, feedback, name="before")
        after = adjoint.evaluate(result.program, test, feedback, name="after")
    against = compare(before, after)
    return {
        "optimizer": name, "task": task.name, "headroom": task.headroom, "seed": seed, "budget": budget,
        "before": [before.mean, before.low, before.high], "after": [after.mean, after.low, after.high], "n": after.n,
        "difference": [against.difference, against.low, against.high], "test": against.verdict,
        "certificate": result.report.verdict, "shipped": result.report.shipped, "calls": result.report.usage.calls,
        "seconds": round(seconds, 1), "stopped": result.report.stopped, "instruction": str(result.state["instruction"]),
        "demos": len(result.state["demos"]),
    }  # fmt: skip


def kept(file):
    """The runs that were made already."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def percent(value):
    return "-" if value is None else f"{100 * value:.0f}"


def interval(triple):
    mean, low, high = triple
    return f"{percent(mean)} [{percent(low)}, {percent(high)}]"


def spread(values):
    """Mean and 95 % interval of the mean over runs (normal, since it only sums up the table of all runs below it)."""
    mean = statistics.fmean(values)
    half = 1.96 * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{100 * mean:+.0f}" + ("" if math.isnan(half) else f" ± {100 * half:.0f}")


def summary(runs):
    """A line for each optimizer, the best first."""
    lines = []
    for name in dict.fromkeys(run["optimizer"] for run in runs):
        own = [run for run in runs if run["optimizer"] == name]
        able, unable = [run for run in own if run["headroom"]], [run for run in own if not run["headroom"]]
        gains = [run["difference"][0] for run in able]
        certified = sum(run["certificate"] == "better" for run in able)
        worse = sum(run["test"] == "worse" for run in own)
        returned = sum(not run["shipped"] for run in unable)
        figures = (
            f"{certified} of {len(able)}",
            spread(gains) if gains else "-",
            f"{returned} of {len(unable)}",
            str(worse),
            f"{statistics.fmean(run['calls'] for run in own):.0f}",
            f"{statistics.fmean(run['seconds'] for run in own):.0f}",
        )
        lines.append((-statistics.fmean(gains) if gains else 0.0, f"| `{name}` | {' | '.join(figures)} |"))
    return [line for _, line in sorted(lines)]


def page(runs):
    budgets, seeds = sorted({run["budget"] for run in runs}), sorted({run["seed"] for run in runs})
    lines = [
        "# Optimizers on the embedded model", "",
        f"`python benchmarks/optimizers.py`: {TRAIN} rows to optimise with, {TEST} untouched ones, at most {budgets} calls a run for search,",
        f"proposals and certificate together, seeds {seeds}. Exact match in %, 95 % intervals. The tasks (`benchmarks/tasks.py`) were used to",
        "tune nothing; they say how these searches behave on a model that can do the task once it is told or shown how, and no more.", "",
        "| optimizer | certified better, tasks with headroom | gain on test rows, points | baseline returned, tasks without | worse on test rows | calls | seconds |",
        "|---|---|---|---|---|---|---|", *summary(runs), "",
        "## All runs", "",
        "| task | optimizer | seed | before | after | difference | on test rows | certificate | calls | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {run['task']} | `{run['optimizer']}` | {run['seed']} | {interval(run['before'])} | {interval(run['after'])} | "
            f"{interval(run['difference'])} | {run['test']} | {run['certificate']} | {run['calls']} | {run['seconds']:.0f} |"
            for run in sorted(runs, key=lambda run: (run["task"], run["optimizer"], run["seed"]))
        ), "",
    ]  # fmt: skip
    return "\n".join(lines)


def main():
    names = [name for name in sorted(OPTIMIZERS) if name not in WITHOUT]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optimizers", nargs="+", default=[*names, *TOGETHER])
    parser.add_argument("--tasks", type=int, nargs="+", default=range(len(TASKS)), help="numbers of tasks")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budget", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=RESULTS / "optimizers")
    given = parser.parse_args()
    given.out.parent.mkdir(exist_ok=True)
    file = given.out.with_suffix(".jsonl")
    runs = kept(file)
    done = {(run["optimizer"], run["task"], run["seed"], run["budget"]) for run in runs}
    for seed in range(given.seeds):
        for task in (TASKS[number] for number in given.tasks):
            for name in given.optimizers:
                if (name, task.name, seed, given.budget) not in done:
                    run = one(name, task, seed, given.budget)
                    runs.append(run)
                    with file.open("a", encoding="utf-8") as lines:
                        lines.write(json.dumps(run) + "\n")
                    print(
                        f"{task.name:<36}{name:<24}{interval(run['before']):>16} -> {interval(run['after']):<16}{run['calls']:>5} calls {run['seconds']:>5} s  {run['certificate']}",
                        flush=True,
                    )
                    given.out.with_suffix(".md").write_text(page(runs), encoding="utf-8")


if __name__ == "__main__":
    main()
