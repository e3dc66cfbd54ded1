"""SIMBA: rows on which the program is now good and now bad teach most. DSPy's optimizer (2025), "stochastic introspective
mini-batch ascent".

Each step samples several runs of each row of a minibatch and takes the rows by how far their runs lie apart. From each it makes
a candidate: the good run becomes a demo, or what the good run did better than the bad one becomes a rule in the instruction.
Unlike there, a candidate must win a race over rows that no rule was made from, and where all runs are equally bad the feedback
of the metric is learned from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import engine_of
from adjoint.autograd.prompts import Critique
from adjoint.autograd.rules import gradient_of, input_of, output_of
from adjoint.base.json import plain
from adjoint.eval.fingerprint import answerer
from adjoint.exec.local import all_of
from adjoint.optim import demos as demonstrations
from adjoint.optim.base import Candidate
from adjoint.optim.copies import sources_of
from adjoint.optim.frontier import mean
from adjoint.optim.propose import Guard, asked, usable
from adjoint.optim.spelling import accept
from adjoint.optim.strategies import reflection
from adjoint.optim.strategy import Strategy
from adjoint.program.parameter import Gradient

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.eval.cells import Cell
    from adjoint.optim.base import Memory, Trial, Workbench
    from adjoint.optim.copies import Sources
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State
    from adjoint.program.tape import Node

_HOT = 1.0
"""The temperature of the sampled runs; the first run of each row is made as the program is."""
_LOW, _HIGH = 0.1, 0.9
"""A run below the lower quantile of the batch is no demo, and one above the upper is not to be blamed."""
_HARMLESS = {"demo_input_field_maxlen": "demos are shown whole", "teacher_settings": "no teacher is asked"}


@dataclass(frozen=True)
class Bucket:
    """The runs of one row, best first."""

    row: Example
    cells: tuple[Cell, ...]

    @property
    def spread(self) -> tuple[float, float, float]:
        """What makes a row worth learning from: best minus worst run, the best, best minus mean."""
        scores = [cell.score.value for cell in self.cells if cell.score is not None]
        return (scores[0] - scores[-1], scores[0], scores[0] - math.fsum(scores) / len(scores))


class SIMBA(Strategy):
    """Demos and rules from the runs of a minibatch that lie furthest apart (arguments and defaults are DSPy's).

    Each of `max_steps` steps runs `bsize` feedback rows `num_candidates` times, by programs drawn from the best so far by
    softmax of their mean score at `temperature_for_sampling`, and makes `num_candidates` candidates from parents drawn at
    `temperature_for_candidates`. A predictor keeps at most `max_demos` demos (0: rules only). `prompt_model` writes the rules
    (default: the run's proposer). A step costs up to `bsize * num_candidates` runs of the program before any race.
    """

    name = "simba"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        bsize: int = 32,
        num_candidates: int = 6,
        max_steps: int = 8,
        max_demos: int = 4,
        prompt_model: Engine | None = None,
        temperature_for_sampling: float = 0.2,
        temperature_for_candidates: float = 0.2,
        **others: Any,
    ) -> None:
        super().__init__(metric)
        self.bsize, self.num_candidates, self.max_steps, self.max_demos = bsize, num_candidates, max_steps, max_demos
        self.engine = engine_of(prompt_model)
        self.sampling, self.choosing = temperature_for_sampling, temperature_for_candidates
        self.compile_options = accept("SIMBA", others, harmless=_HARMLESS)

    def settings(self) -> Mapping[str, Json]:
        return {
            "sizes": [self.bsize, self.num_candidates, self.max_steps, self.max_demos],
            "temperatures": [self.sampling, self.choosing],
            "engine": answerer(self.engine),
        }

    def init(self, seed_state: State) -> Memory:
        return {"steps": 0, "pool": [dict(seed_state)]}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        new = [dict(trial.state) for trial in trials if trial.scores and trial.state not in memory["pool"]]
        return {"steps": memory["steps"] + 1, "pool": [*memory["pool"], *new]}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State | Candidate]:
        if memory["steps"] >= self.max_steps:
            return []
        pool = self._pool(memory, work)
        rows = reflection.minibatch(work.feedback, self.bsize, memory["steps"], work.seed)
        buckets = await self._buckets(rows, pool, work)
        if not buckets or all(bucket.spread[0] == 0.0 and bucket.spread[1] >= 1.0 for bucket in buckets):
            return [work.best]  # all right, or all broken: nothing to learn from these rows, which is a step all the same
        scores = sorted(cell.score.value for bucket in buckets for cell in bucket.cells if cell.score is not None)
        low, high = scores[int(_LOW * (len(scores) - 1))], scores[int(_HIGH * (len(scores) - 1))]
        made = await usable(
            self._candidate(work, pool, buckets[number % len(buckets)], number, low, high)
            for number in range(self.num_candidates)
        )
        return made or [work.best]

    def _pool(self, memory: Memory, work: Workbench) -> list[tuple[State, float]]:
        """The best programs with their means, and the one that all began with."""
        known = [(state, mean(work.scores(state))) for state in memory["pool"]]
        ranked = sorted(known[1:], key=lambda item: -item[1])[: self.num_candidates]
        return [known[0], *ranked]

    async def _buckets(self, rows: Sequence[Example], pool: Sequence[tuple[State, float]], work: Workbench) -> list[Bucket]:
        """Several runs of each row, by programs drawn by their score; the rows whose runs differ most come first."""
        draws = []
        for sample in range(self.num_candidates):
            draw, heat = work.rng("runs", sample), _HOT if sample else None
            states = [_softmax(pool, self.sampling, draw) for _ in rows]
            jobs = [(_hot(work.program.with_state(state), heat), row) for state, row in zip(states, rows, strict=True)]
            draws.append(work.run_programs(jobs, sample=sample))
        found = await all_of(draws)
        buckets = []
        for place, row in enumerate(rows):
            cells = [cells[place] for cells in found if cells[place].score is not None]
            if cells:
                buckets.append(Bucket(row, tuple(sorted(cells, key=_value, reverse=True))))
        return sorted(buckets, key=lambda bucket: bucket.spread, reverse=True)

    async def _candidate(  # noqa: PLR0917 - one candidate from all that the step knows
        self, work: Workbench, pool: Sequence[tuple[State, float]], bucket: Bucket, number: int, low: float, high: float
    ) -> Candidate | None:
        """A parent with a demo or a rule more, and perhaps some demos less."""
        rng = work.rng("candidate", number)
        parent = self._thinned(_softmax(pool, self.choosing, rng), work, rng)
        good, bad = bucket.cells[0], bucket.cells[-1]
        shows = self.max_demos > 0 and rng.random() < 0.5 and _value(good) > low
        if shows or _value(bad) > high:
            return Candidate(self._with_demo(parent, good), {"why": "demo"}) if self.max_demos else None
        made = await self._with_rule(parent, good, bad, work)
        return None if made is None else Candidate(made, {"why": "rule"})

    def _thinned(self, state: State, work: Workbench, rng: random.Random) -> dict[str, Json]:
        """The state without some of its demos, the same places for every predictor: on average one in `max_demos`."""
        names = [name for name, _ in demonstrations.demo_names(work.program)]
        longest = max((len(demonstrations.demos_in(state, name)) for name in names), default=0)
        if not longest:
            return dict(state)
        dropped = max(_poisson(longest / max(1, self.max_demos), rng), int(longest >= self.max_demos))
        places = set(rng.sample(range(longest), min(dropped, longest)))
        kept = {
            name: [demo for at, demo in enumerate(demonstrations.demos_in(state, name)) if at not in places] for name in names
        }
        return {**state, **kept}

    def _with_demo(self, state: State, good: Cell) -> State:
        """The state with the calls of a good run as a further demo of each predictor."""
        assert good.tape is not None
        assert good.tape.root is not None
        found = demonstrations.recorded(good.tape.root, good.tape)
        added = {
            name: [*demonstrations.demos_in(state, name), calls[-1]][-self.max_demos :]
            for name, calls in found.items()
            if name in state
        }
        return {**state, **{name: plain(shown) for name, shown in added.items()}}

    async def _with_rule(self, state: State, good: Cell, bad: Cell, work: Workbench) -> State | None:
        """The state with a rule added to each instruction that the bad run went wrong by, as compared with the good run."""
        sources, feedback = sources_of(work), _contrast(good, bad)
        nodes = _last_calls(bad, state)
        made = await all_of(self._rule(str(state[name]), node, feedback, sources, work) for name, node in nodes.items())
        added = {name: f"{state[name]}\n{rule}" for name, rule in zip(nodes, made, strict=True) if rule is not None}
        return {**state, **added} if added else None

    async def _rule(self, old: str, node: Node, feedback: str, sources: Sources, work: Workbench) -> str | None:
        """What the instruction of a call should have said; None if it is right, or not to blame."""
        shown = {"instruction": old, "input": input_of(node), "output": output_of(node), "feedback": feedback}

        def accept(reply: str) -> str:
            return Guard().accept(" ".join(reply.split()), old, said=feedback, sources=sources)

        said = await asked(Critique, shown, self.engine or work.proposer_lm, accept=accept)
        return said if gradient_of("instruction", said, Gradient("loss", feedback)).verdict == "change" else None


def _last_calls(cell: Cell, state: State) -> dict[str, Node]:
    """For each instruction that may change: the last call of the run that has read it."""
    assert cell.tape is not None
    assert cell.tape.root is not None
    named = {id(one): name for name, one in cell.tape.root.named_parameters() if one.kind == "text" and one.trainable}
    reads = [(read, node) for node in cell.tape.nodes for read in node.reads if read.name == "instruction"]
    return {named[id(read.parameter)]: node for read, node in reads if named.get(id(read.parameter)) in state}


def _contrast(good: Cell, bad: Cell) -> str:
    """What was said of the bad run, and what the good one answered."""
    assert bad.score is not None
    said = bad.score.feedback
    answer = ", ".join(str(value) for value in good.outputs.values()) if isinstance(good.outputs, dict) else ""
    if _value(good) > _value(bad) and answer not in said:
        said = f"{'expected' if _value(good) >= 1.0 else 'better'}: {answer}\n{said}".strip()
    return said or f"the score was {_value(bad):g} of 1"


def _softmax(pool: Sequence[tuple[State, float]], temperature: float, rng: random.Random) -> State:
    """A program, drawn the more likely the better it is."""
    top = max(mean for _, mean in pool)
    weights = [math.exp((mean - top) / max(temperature, 1e-6)) for _, mean in pool]
    return rng.choices([state for state, _ in pool], weights)[0]


def _poisson(rate: float, rng: random.Random) -> int:
    """A Poisson number by Knuth's product of uniforms."""
    limit, product, count = math.exp(-rate), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def _hot(program: Module, temperature: float | None) -> Module:
    """The program with its predictors at that temperature."""
    if temperature is not None:
        for predictor in program.predictors():
            predictor.config = {**predictor.config, "temperature": temperature}
    return program


def _value(cell: Cell) -> float:
    return 0.0 if cell.score is None else cell.score.value
