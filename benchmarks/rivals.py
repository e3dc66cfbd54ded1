"""Search against search: DSPy's and GEPA's own, and Adjoint's, on the same rows of the same model behind the same endpoint.

    python benchmarks/rivals.py --seeds 10 --out benchmarks/results/rivals.md

It needs an interpreter with `dspy==3.4.1` and `gepa==0.1.4` beside the package, and a checkout. The embedded model answers as
`adjoint serve pocket` does; every request that reaches it is counted, cached ones do not reach it.

Demo search: DSPy's BootstrapFewShotWithRandomSearch against Adjoint's. DSPy gets an adapter that renders the very messages that
Adjoint's Chat adapter renders, so that only the search differs. Instruction search: GEPA with an adapter that runs the same
program and proposes by the same two prompts, Critique and Rewrite, against Adjoint's GEPA. A seed shuffles the rows and seeds the
search. Adjoint then runs with a third of the calls that the other one has spent, and with all of them (with 16 and 48 candidates in
the demo search). Scores are exact match on rows that no search has seen; what is returned is the best found, as the others do it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import math
import os
import random
import statistics
import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dspy
import gepa
from tasks import TASKS, feedback

import adjoint
from adjoint.autograd.prompts import Critique, Rewrite
from adjoint.base.portal import portal
from adjoint.data.records import id_of
from adjoint.data.splits import Split
from adjoint.eval.quantiles import t_quantile
from adjoint.lm.base import Wrapper
from adjoint.optim.study import Study
from adjoint.program.metric import check
from adjoint.serve import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks import Task

ROWS, TEST = 110, 200
METRIC_CALLS = 500
"""What GEPA may spend on rollouts."""
POCKET = adjoint.LM("pocket")


class Counted(Wrapper):
    """The model behind the endpoint, with the number of requests that reached it."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.calls = 0

    async def __call__(self, request: Any, /) -> Any:
        self.calls += 1  # on the one loop of the server
        return await self.inner(request)


@dataclass
class Series:
    """What one search reached on a task, seed by seed."""

    scores: list[float] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)

    def add(self, score: float, calls: int) -> None:
        self.scores.append(score)
        self.calls.append(calls)


# The others -------------------------------------------------------------------------------------------------------


class SameMessages(dspy.ChatAdapter):
    """DSPy's adapter for one text in and one text out, as Adjoint's Chat adapter renders them."""

    def format(self, signature: Any, demos: list[Any], inputs: dict[str, Any]) -> list[dict[str, Any]]:
        (given,), (wanted,) = signature.input_fields, signature.output_fields
        turns = [({"role": "user", "content": demo[given]}, {"role": "assistant", "content": demo[wanted]}) for demo in demos]
        shown = [message for turn in turns for message in turn]
        return [{"role": "system", "content": signature.instructions}, *shown, {"role": "user", "content": inputs[given]}]

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        (wanted,) = signature.output_fields
        return {wanted: completion.strip()}


def dspy_demos(task: Task, url: str, rows: list[adjoint.Example]) -> list[dict[str, str]]:
    """The demos that DSPy's random search chose."""
    lm = dspy.LM("openai/pocket", api_base=f"{url}/v1", api_key="none", max_tokens=48, temperature=0.0)
    examples = [dspy.Example(text=row.text, answer=row.answer).with_inputs("text") for row in rows]
    with dspy.context(lm=lm, adapter=SameMessages(use_json_adapter_fallback=False)):
        student = dspy.Predict(dspy.Signature("text -> answer", task.program().instruction))
        search = dspy.BootstrapFewShotWithRandomSearch(
            metric=lambda example, made, _=None: made.answer == example.answer,
            max_bootstrapped_demos=4, max_labeled_demos=8, num_candidate_programs=16, num_threads=16,
        )  # fmt: skip
        best = search.compile(student, trainset=examples[: ROWS // 2], valset=examples[ROWS // 2 :])
    return [{"text": demo["text"], "answer": demo["answer"]} for demo in best.demos]


class Rollouts:
    """GEPA's adapter: runs the program, and proposes by Critique and Rewrite."""

    def evaluate(self, batch: list[Any], candidate: dict[str, str], capture_traces: bool = False) -> Any:  # noqa: FBT001, FBT002 - its interface
        program = adjoint.Predict("text -> answer", candidate["instruction"])
        report = adjoint.evaluate(program, batch, feedback)
        cells = {cell.example: cell for cell in report.cells}
        found = [cells[id_of(row)] for row in batch]
        outputs = [(cell.outputs or {}).get("answer", "") for cell in found]
        scores = [0.0 if cell.score is None else cell.score.value for cell in found]
        return gepa.EvaluationBatch(
            outputs=outputs, scores=scores, trajectories=list(zip(batch, found, strict=True)) if capture_traces else None
        )

    def make_reflective_dataset(self, candidate: dict[str, str], made: Any, components: list[str]) -> dict[str, list[Any]]:
        del candidate
        wrong = [
            {"input": row.text, "output": output, "feedback": cell.score.feedback}
            for (row, cell), output, score in zip(made.trajectories, made.outputs, made.scores, strict=True)
            if score < 1 and cell.score is not None
        ]
        return dict.fromkeys(components, wrong)

    def propose_new_texts(self, candidate: dict[str, str], reflective: Any, components: list[str]) -> dict[str, str]:
        (name,) = components
        critics = [adjoint.Predict(Critique)(instruction=candidate[name], **case).critique for case in reflective[name]]
        told = "\n".join(f"- {text}" for text in dict.fromkeys(critics))
        role = "instruction of a step of the program"
        return {name: adjoint.Predict(Rewrite)(role=role, text=candidate[name], feedback=told).improved}


def gepa_instruction(task: Task, rows: list[adjoint.Example], seed: int) -> str:
    """The instruction that GEPA chose."""
    found = gepa.optimize(
        seed_candidate={"instruction": task.program().instruction}, trainset=rows[: ROWS // 2], valset=rows[ROWS // 2 :],
        adapter=Rollouts(), max_metric_calls=METRIC_CALLS, seed=seed, logger=Silent(),
    )  # fmt: skip
    return str(found.best_candidate["instruction"])


class Silent:
    """GEPA's logger that keeps the table readable."""

    def log(self, message: str) -> None:
        del message


# Adjoint ----------------------------------------------------------------------------------------------------------


def adjoint_program(task: Task, rows: list[adjoint.Example], seed: int, kind: str, calls: int, candidates: int) -> adjoint.Module:
    """The best that the search finds; the others hold nothing back for a certificate, so here nothing is either."""
    chosen: Any = {
        "demos": adjoint.BootstrapFewShotWithRandomSearch(
            max_bootstrapped_demos=4, max_labeled_demos=8, num_candidate_programs=candidates
        ),
        "instruction": adjoint.GEPA(reflection="critique"),
    }[kind]
    division = Split(tuple(rows[: ROWS // 2]), tuple(rows[ROWS // 2 :]), ())
    study = Study(task.program(), chosen, check(feedback), division, adjoint.Budget(calls=calls), seed=seed, ship="always")
    return portal.run(study.run()).program


def tested(program: adjoint.Module, rows: list[adjoint.Example]) -> float:
    with adjoint.context(lm=POCKET, ledger=None):
        return adjoint.evaluate(program, rows, feedback).mean


@contextlib.contextmanager
def endpoint() -> Iterator[tuple[Counted, str]]:
    """The model behind a server of its own, in force with a ledger of its own: the counter, and where it can be reached."""
    counted = Counted(POCKET)
    with tempfile.TemporaryDirectory() as folder, Server(lm=counted) as server:
        lm = adjoint.LM("openai/pocket", base_url=f"{server.url}/v1", api_key="none", max_tokens=64, price=(0, 0))
        with adjoint.context(ledger=f"{folder}/ledger.db", lm=lm):
            yield counted, server.url


def run(task: Task, kind: str, seed: int, found: dict[str, Series]) -> None:
    """One seed of one task: the other search, then Adjoint with a third of its calls and with all of them."""
    rows, test = task.rows(ROWS, TEST)
    random.Random(f"{seed} {task.name}").shuffle(rows)
    other = _other(task, kind, rows, test, seed)
    found["other"].add(*other)
    for name, calls, candidates in (("third", max(8, other[1] // 3), 16), ("equal", other[1], 48)):
        with endpoint() as (counted, _):
            program = adjoint_program(task, rows, seed, kind, calls, candidates)
        found[name].add(tested(program, test), counted.calls)


def _other(task: Task, kind: str, rows: list[adjoint.Example], test: list[adjoint.Example], seed: int) -> tuple[float, int]:
    with endpoint() as (counted, url):
        if kind == "demos":
            dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=True)
            program = task.program()
            with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
                program.demos = dspy_demos(task, url, rows)
        else:
            program = adjoint.Predict("text -> answer", gepa_instruction(task, rows, seed))
    return tested(program, test), counted.calls


# The table --------------------------------------------------------------------------------------------------------


def line(run: dict[str, Any]) -> str:
    """A line of the table, from the scores and calls of one kind of search on one task."""
    other = run["other"]
    cells = [run["task"], run["kind"], f"{100 * statistics.mean(other['scores']):.1f} ({statistics.mean(other['calls']):.0f})"]
    for name in ("third", "equal"):
        series = run[name]
        differences = [mine - theirs for mine, theirs in zip(series["scores"], other["scores"], strict=True)]
        low, high = over_seeds(differences)
        cells.append(f"{100 * statistics.mean(series['scores']):.1f} ({statistics.mean(series['calls']):.0f})")
        cells.append(f"{100 * statistics.mean(differences):+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]")
    cells.append(reached(run))
    return f"| {' | '.join(cells)} |"


def reached(run: dict[str, Any]) -> str:
    """In how many seeds the other's score was reached by a third of its calls, and by a third or all of them."""
    seeds = range(len(run["other"]["scores"]))
    third, equal = ([run[name]["scores"][seed] >= run["other"]["scores"][seed] for seed in seeds] for name in ("third", "equal"))
    return f"{sum(third)}, {sum(map(max, third, equal))} of {len(seeds)}"


def over_seeds(differences: list[float]) -> tuple[float, float]:
    """The 95 % t interval of the mean difference over seeds; it says nothing of other tasks, models or rows."""
    n = len(differences)
    if n == 1:
        return math.nan, math.nan
    half = t_quantile(0.975, n - 1) * statistics.stdev(differences) / math.sqrt(n)
    return statistics.mean(differences) - half, statistics.mean(differences) + half


ABOUT = """# Search against search

`python benchmarks/rivals.py --seeds 10 --kinds demos --tasks 0 1 2 3 4 7 --out benchmarks/results/rivals.md`, and the same with `--kinds
instruction`: DSPy 3.4.1's BootstrapFewShotWithRandomSearch and GEPA 0.1.4 against the strategies of the same kind here, on the same rows (55 to
learn from, 55 to choose with, 200 to test on) of the same embedded model behind the same endpoint. Means over the seeds, requests that reached the
model in brackets; 95 % t intervals of the difference over seeds. "A third of the calls" is a cap; often less was needed. The last column counts the
seeds in which Adjoint's score was at least the other's: within a third of its calls, and within a third or all of them.

| task | search | DSPy / GEPA: score (calls) | Adjoint, a third of the calls | difference | Adjoint, equal calls | difference | seeds that reach its score |
|---|---|---|---|---|---|---|---|
"""
CAVEATS = """
In the instruction search both sides send the same two prompts and arrive at the same instruction, so the scores are equal by construction and only
the calls differ: GEPA scores every accepted text on all selection rows, the race stops when it knows. Most of these tasks are solved by one good
criticism or a few right demos, so both searches end near 100; only on the cities and the prices does it matter which demos are found. They say nothing about
harder tasks.
"""


def page(runs: list[dict[str, Any]]) -> str:
    """The whole table; of runs of the same kind on the same task the latest counts."""
    latest = {(run["kind"], run["task"]): run for run in runs}
    return ABOUT + "".join(f"{line(latest[which])}\n" for which in sorted(latest)) + CAVEATS


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=10)
    arguments.add_argument("--tasks", type=int, nargs="*", default=range(len(TASKS)), help="numbers of tasks")
    arguments.add_argument("--kinds", nargs="*", default=("demos", "instruction"))
    arguments.add_argument(
        "--out", type=Path, default=None, help="a .md file for the table; the figures of each seed go beside it as JSON lines"
    )
    given = arguments.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    for kind in given.kinds:
        for task in (TASKS[number] for number in given.tasks):
            found = {name: Series() for name in ("other", "third", "equal")}
            for seed in range(given.seeds):
                run(task, kind, seed, found)
            series = {name: {"scores": one.scores, "calls": one.calls} for name, one in found.items()}
            figures = {"task": task.name, "kind": kind, **series}
            print(line(figures), flush=True)
            if given.out:
                kept = given.out.with_suffix(".jsonl")
                with kept.open("a") as file:
                    file.write(json.dumps(figures) + "\n")
                given.out.write_text(page([json.loads(each) for each in kept.read_text().splitlines()]))


if __name__ == "__main__":
    main()
