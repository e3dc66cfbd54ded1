"""Evolution of prompts: CAPO (instructions with demos, raced at a price for length) and EvoPrompt (GA and DE).

Zehle et al., "CAPO: Cost-Aware Prompt Optimization" (2025); Guo et al., "Connecting Large Language Models with Evolutionary
Algorithms Yields Powerful Prompt Optimizers" (2023).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal

from adjoint.autograd.engine import engine_of
from adjoint.base.json import canonical
from adjoint.eval.fingerprint import answerer
from adjoint.optim.base import Candidate
from adjoint.optim.demos import demo_names, demos_in, key_of, labeled
from adjoint.optim.desk import Desk, predictors_of
from adjoint.optim.prompts import Blend, Differ, Paraphrase
from adjoint.optim.propose import usable
from adjoint.optim.strategy import Strategy

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.base.json import Json
    from adjoint.optim.base import Memory, Trial, Workbench
    from adjoint.optim.demos import Demo
    from adjoint.program.metric import Metric
    from adjoint.program.state import State


class _Evolution(Strategy):
    """Abstract: a population of states with fitness, from which each round breeds new ones."""

    population: int
    steps: int
    prompt_model: Any
    compact: bool | None

    @abstractmethod
    async def _child(self, desk: Desk, people: Sequence[tuple[State, float]], rng: random.Random, number: int) -> State:
        """A new state from the population, best first."""

    @abstractmethod
    def _children(self, memory: Memory) -> int:
        """How many are bred in a round."""

    def _fitness(self, state: State, mean: float, memory: Memory) -> float:
        del state, memory
        return mean

    def init(self, seed_state: State) -> Memory:
        return {"asked": 0, "people": [[dict(seed_state), 0.0]], "seed": dict(seed_state)}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        """The fittest survive. A state that was tried again has its latest fitness."""
        people = {canonical(state): [state, fitness] for state, fitness in memory["people"]}
        for trial in trials:
            if trial.mean is not None:
                people[canonical(dict(trial.state))] = [dict(trial.state), self._fitness(trial.state, trial.mean, memory)]
        ordered = sorted(people.values(), key=lambda one: one[1], reverse=True)
        return {**memory, "asked": memory["asked"] + 1, "people": ordered[: self.population]}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[Candidate]:
        if memory["asked"] > self.steps or not predictors_of(work.program):
            return []
        desk = Desk(work, lm=self.prompt_model, compact=self.compact)
        first = memory["asked"] == 0
        people = [(state, fitness) for state, fitness in memory["people"]]
        count = self.population - 1 if first else self._children(memory)
        jobs = [
            self._founder(desk, work.rng("founder", number), number)
            if first
            else self._child(desk, people, work.rng("child", number), number)
            for number in range(count)
        ]
        made = {canonical(dict(state)): Candidate(state) for state in await usable(jobs)}
        return list(made.values()) or [Candidate(work.best)]

    async def _founder(self, desk: Desk, rng: random.Random, number: int) -> State:
        """One of the first population: the student's instructions in other words, or from rows."""
        del rng
        return {**desk.work.best, **await self._texts(desk, desk.work.best, number)}

    async def _texts(self, desk: Desk, state: State, number: int) -> dict[str, str]:
        """All instructions of a state anew."""
        sample = 1000 * desk.work.round + number
        found = {}
        for name, predictor in predictors_of(desk.work.program).items():
            old = str(state[name])
            if desk.compact:
                found[name] = await desk.induce(predictor, old, sample=sample)
            else:
                found[name] = await desk.write(Paraphrase, old, sample=sample, instruction=old)
        return found

    async def _blended(self, desk: Desk, first: State, second: State, number: int) -> dict[str, str]:
        """The instructions of two parents as one."""
        sample = 1000 * desk.work.round + number
        found = {}
        for name, predictor in predictors_of(desk.work.program).items():
            one, other = str(first[name]), str(second[name])
            if one == other or desk.compact:
                found[name] = one if one == other else await desk.induce(predictor, one, sample=sample)
            else:
                found[name] = await desk.write(Blend, one, sample=sample, said=other, first=one, second=other)
        return found


class CAPO(_Evolution):
    """`population` states of instruction and at most `max_shots` demos; each of `steps` rounds breeds `crossovers` children.

    A child blends the instructions of two parents, draws its demos from both, and then mutates: other words, one demo more,
    one fewer, or another order. Fitness is the score less `length_penalty` times the length relative to the student's.
    `allocator=FRace(...)` of `optimize` is the paper's race; without it candidates race as everywhere.
    """

    name = "capo"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        prompt_model: Engine | None = None,
        population: int = 10,
        steps: int = 6,
        crossovers: int = 4,
        max_shots: int = 5,
        length_penalty: float = 0.05,
        compact: bool | None = None,
    ) -> None:
        super().__init__(metric)
        self.prompt_model, self.compact = engine_of(prompt_model), compact
        self.population, self.steps, self.crossovers = population, steps, crossovers
        self.max_shots, self.length_penalty = max_shots, length_penalty

    def settings(self) -> Mapping[str, Json]:
        names = ("population", "steps", "crossovers", "max_shots", "length_penalty", "compact")
        return {"prompt_model": answerer(self.prompt_model), **{name: getattr(self, name) for name in names}}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        """The price is relative to the longest of the first population."""
        longest = memory.get("longest") or max((_length(trial.state) for trial in trials), default=0)
        return super().tell({**memory, "longest": longest}, trials)

    def _fitness(self, state: State, mean: float, memory: Memory) -> float:
        longest: int = memory["longest"]
        return mean - self.length_penalty * _length(state) / max(1, longest)

    def _children(self, memory: Memory) -> int:
        del memory
        return self.crossovers

    async def _founder(self, desk: Desk, rng: random.Random, number: int) -> State:
        made = await super()._founder(desk, rng, number)
        return {
            **made,
            **{name: rng.sample(pool, min(rng.randint(0, self.max_shots), len(pool))) for name, pool in _pools(desk).items()},
        }

    async def _child(self, desk: Desk, people: Sequence[tuple[State, float]], rng: random.Random, number: int) -> State:
        first, second = (one for one, _ in rng.sample(list(people), 2)) if len(people) > 1 else (people[0][0], people[0][0])
        state = {**first, **await self._blended(desk, first, second, 2 * number)}
        for name, pool in _pools(desk).items():
            both = list({key_of(demo): demo for demo in [*demos_in(first, name), *demos_in(second, name)]}.values())
            size = (len(demos_in(first, name)) + len(demos_in(second, name)) + 1) // 2
            state[name] = self._mutated(rng.sample(both, min(size, len(both))), pool, rng)
        return {**state, **await self._texts(desk, state, 2 * number + 1)}

    def _mutated(self, demos: list[Demo], pool: Sequence[Demo], rng: random.Random) -> list[Any]:
        """One demo more, one fewer, or another order, each as likely."""
        how = rng.choice(("more", "fewer", "order"))
        fresh = [demo for demo in pool if demo not in demos]
        if how == "more" and fresh and len(demos) < self.max_shots:
            return [*demos, rng.choice(fresh)]
        if how == "fewer" and demos:
            gone = rng.randrange(len(demos))
            return [demo for place, demo in enumerate(demos) if place != gone]
        return rng.sample(demos, len(demos))


class EvoPrompt(_Evolution):
    """`steps` generations of `population` instructions. `mode="ga"`: two parents drawn by fitness are blended, then mutated.

    `mode="de"`: what two random ones differ in is changed, put into the best, and blended with a basic one.
    """

    name = "evoprompt"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        prompt_model: Engine | None = None,
        mode: Literal["ga", "de"] = "ga",
        population: int = 10,
        steps: int = 10,
        compact: bool | None = None,
    ) -> None:
        super().__init__(metric)
        self.prompt_model, self.compact, self.mode = engine_of(prompt_model), compact, mode
        self.population, self.steps = population, steps

    def settings(self) -> Mapping[str, Json]:
        names = ("mode", "population", "steps", "compact")
        return {"prompt_model": answerer(self.prompt_model), **{name: getattr(self, name) for name in names}}

    def _children(self, memory: Memory) -> int:
        return len(memory["people"])

    async def _child(self, desk: Desk, people: Sequence[tuple[State, float]], rng: random.Random, number: int) -> State:
        states, weights = [state for state, _ in people], [fitness + 1e-6 for _, fitness in people]
        if self.mode == "ga" or desk.compact or len(states) < 3:
            first, second = rng.choices(states, weights, k=2)
            state = {**first, **await self._blended(desk, second, first, 2 * number)}
            return {**state, **await self._texts(desk, state, 2 * number + 1)}
        basic, (one, other) = states[number % len(states)], rng.sample(states, 2)
        parts = {"first": one, "second": other, "best": states[0], "basic": basic}
        found = {}
        for name in predictors_of(desk.work.program):
            shown = {part: str(state[name]) for part, state in parts.items()}
            sample, said = 1000 * desk.work.round + number, "".join(shown.values())
            found[name] = await desk.write(Differ, shown["basic"], sample=sample, said=said, **shown)
        return {**basic, **found}


def _length(state: State) -> int:
    return len(canonical(dict(state)))


def _pools(desk: Desk) -> dict[str, list[Demo]]:
    """Labelled demos of every predictor that takes some."""
    program = desk.work.program
    return {name: labeled(program, name, predictor, desk.work.feedback) for name, predictor in demo_names(program)}
