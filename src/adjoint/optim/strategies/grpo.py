"""GRPO: the program samples, the metric rewards, and each predictor's replies are weighed against those to the same call.

Shao et al., "DeepSeekMath" (2024); for programs of several predictors Ziems et al., "Multi-module GRPO" (2025): the calls of
the rollouts of one row are grouped by predictor and by their number within the run.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.optim.base import Candidate
from adjoint.optim.spelling import unused
from adjoint.optim.strategies.finetune import asked, curve
from adjoint.optim.strategy import Strategy
from adjoint.optim.weights import traces
from adjoint.optim.weights.recipe import Recipe
from adjoint.optim.weights.rows import Row
from adjoint.optim.weights.tuner import Begun, Local, tuner_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.eval.cells import Cell
    from adjoint.optim.base import Memory, Trial, Workbench
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State

_FLAT = 1e-6
"""Rewards that differ by less than this teach nothing."""


class GRPO(Strategy):
    """Policy gradients on the weights of the program's LM, with the metric as reward.

    A step runs `num_dspy_examples_per_grpo_step` feedback rows, each `num_rollouts_per_grpo_step` times at `temperature`, and
    makes one update; after every `num_steps_for_val` steps the weights are proposed, and the Study's race says whether they
    are better. It ends after `num_train_steps`. A reply that cannot be read gets `format_failure_score`; runs that failed for
    any other reason count as nothing. `train_kwargs` are settings of a `Recipe` (`beta` is the weight of the KL divergence).
    All predictors of the LM share the weights (`multitask`), and demos are left out (`exclude_demos`).
    """

    name = "grpo"

    def __init__(
        self,
        metric: Metric | None = None,
        multitask: bool = True,  # noqa: FBT001, FBT002 - DSPy's order of arguments
        train_kwargs: Recipe | Mapping[str, Any] | None = None,
        *,
        exclude_demos: bool = True,
        num_threads: int | None = None,
        num_train_steps: int = 100,
        num_dspy_examples_per_grpo_step: int = 4,
        num_rollouts_per_grpo_step: int = 8,
        num_steps_for_val: int = 5,
        temperature: float = 1.0,
        format_failure_score: float = -1.0,
    ) -> None:
        super().__init__(metric)
        unused(num_threads=num_threads)
        if not multitask:
            message = "GRPO trains one set of weights for all predictors; leave out multitask=False."
            raise UsageError(message)
        if num_rollouts_per_grpo_step < 2:
            message = f"num_rollouts_per_grpo_step is {num_rollouts_per_grpo_step}; replies are weighed against each other, so give 2 or more."
            raise UsageError(message)
        given = Recipe.of(train_kwargs)
        if not isinstance(train_kwargs, Recipe) and "beta" not in (train_kwargs or {}):
            given = replace(given, beta=0.0)
        self.recipe = replace(given, method="grpo", steps=1, warmup=0.0, decay=False)
        self.exclude_demos, self.num_train_steps, self.num_steps_for_val = exclude_demos, num_train_steps, num_steps_for_val
        self.examples, self.rollouts = num_dspy_examples_per_grpo_step, num_rollouts_per_grpo_step
        self.temperature, self.format_failure_score = temperature, format_failure_score

    def settings(self) -> Mapping[str, Json]:
        return {
            "recipe": self.recipe.to_dict(),
            "exclude_demos": self.exclude_demos,
            "num_train_steps": self.num_train_steps,
            "num_steps_for_val": self.num_steps_for_val,
            "examples": self.examples,
            "rollouts": self.rollouts,
            "temperature": self.temperature,
            "format_failure_score": self.format_failure_score,
        }

    def init(self, seed_state: State) -> Memory:
        del seed_state
        return {"step": 0, "weights": None, "moments": None}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        """The policy goes on from where it is, whether or not it has won its race."""
        notes = [trial.note for trial in trials if isinstance(trial.note, dict) and "moments" in trial.note]
        return {**memory, "step": memory["step"] + self.num_steps_for_val, **(notes[-1] if notes else {})}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[Candidate]:
        last = min(memory["step"] + self.num_steps_for_val, self.num_train_steps)
        tuner = _tuner(work)
        policy, rewards = (memory["weights"], memory["moments"]), list[float]()
        state = self._state(work, policy[0])
        for step in range(memory["step"], last):
            rows, mean = await self._rollouts(work, state, step)
            rewards += [] if mean is None else [mean]
            if rows:
                policy = await self._update(work, tuner, rows, policy, step)
                state = self._state(work, policy[0])
        if policy[0] is None or last == memory["step"]:
            return []
        return [Candidate(state, {"weights": policy[0], "moments": policy[1], "step": last, "rewards": list[Any](rewards)})]

    def _state(self, work: Workbench, weights: str | None) -> State:
        """The best prompts so far with the policy's weights."""
        state: dict[str, Json] = dict(work.best)
        if weights is not None:
            state |= {traces.weights_name(path): {"adapter": weights} for path in traces.predictors(work.program)}
        if self.exclude_demos:
            state |= {name: [] for name, parameter in work.program.named_parameters() if parameter.kind == "demos"}
        return state

    async def _rollouts(self, work: Workbench, state: State, step: int) -> tuple[list[Row], float | None]:
        """Replies with their advantages, and the mean reward of the step."""
        program = asked(work.program.with_state(state), None, {"temperature": self.temperature})
        rows = work.rng("examples", step).sample(work.feedback, min(self.examples, len(work.feedback)))
        cells: list[list[Cell]] = [[] for _ in rows]
        for number in range(self.rollouts):
            drawn = await work.run_programs([(program, row) for row in rows], sample=step * self.rollouts + number + 1)
            for group, cell in zip(cells, drawn, strict=True):
                group.append(cell)
        rewards = [reward for group in cells for cell in group if (reward := self._reward(cell)) is not None]
        return [row for group in cells for row in self._weighed(program, group)], fmean(rewards) if rewards else None

    def _reward(self, cell: Cell) -> float | None:
        if cell.score is not None:
            return cell.score.value
        return self.format_failure_score if (cell.error or "").startswith("ParseError") else None

    def _weighed(self, program: Module, cells: Sequence[Cell]) -> list[Row]:
        """The calls of one row's rollouts with (reward - mean) / std of their group; a group of equals teaches nothing."""
        groups: dict[tuple[str, int], list[tuple[Row, float]]] = defaultdict(list)
        for cell in cells:
            reward, seen = self._reward(cell), defaultdict[str, int](int)
            if reward is None or cell.tape is None:
                continue
            for path, node in traces.sampled(program, cell.tape):
                groups[path, seen[path]].append((Row(*traces.as_sampled(node)), reward))
                seen[path] += 1
        found = []
        for group in groups.values():
            spread = pstdev(reward for _, reward in group)
            if spread > _FLAT:
                mean = fmean(reward for _, reward in group)
                found += [replace(row, advantage=(reward - mean) / spread) for row, reward in group]
        return found

    async def _update(
        self, work: Workbench, tuner: Local, rows: list[Row], policy: tuple[str | None, str | None], step: int
    ) -> tuple[str, str | None]:
        recipe = replace(self.recipe, batch_size=len(rows), seed=self.recipe.seed + step)
        begun, note = Begun(policy[0], policy[1], None), curve(work, list(traces.predictors(work.program)))
        tuned = await tuner.tune(
            rows, recipe, begun=begun, snapshots=1,
            on_step=lambda made: note(replace(made, number=step + 1, total=self.num_train_steps)),
        )  # fmt: skip
        return tuned.weights[-1]["adapter"], tuned.moments


def _tuner(work: Workbench) -> Local:
    """Who trains the one LM of the program. Raises `UsageError`, before anything is paid, if it cannot be trained here."""
    lms = {id(lm): lm for lm in map(traces.lm_of, traces.predictors(work.program).values())}
    if len(lms) != 1:
        message = f"the predictors of this program use {len(lms)} LMs; GRPO trains one, so give the program one LM."
        raise UsageError(message)
    tuner = tuner_of(next(iter(lms.values())))
    if not isinstance(tuner, Local):
        message = "GRPO needs an LM whose weights are trained in this process: LM('hf/PATH')."
        raise UsageError(message)
    return tuner
