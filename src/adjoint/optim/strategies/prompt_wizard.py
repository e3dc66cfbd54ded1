"""PromptWizard: instructions are restyled, criticised and refined; demos are chosen among what fails and what does not.

Agarwal et al., "PromptWizard: Task-Aware Prompt Optimization Framework" (2024). Its synthetic demos are not made here: a demo
whose answer nobody has checked can teach what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import engine_of
from adjoint.eval.fingerprint import answerer
from adjoint.optim.base import Candidate
from adjoint.optim.demos import demo_names, labeled
from adjoint.optim.desk import Desk, predictors_of
from adjoint.optim.prompts import Persona, Restyle
from adjoint.optim.propose import usable
from adjoint.optim.strategies.reflection import repaired, revised, run
from adjoint.optim.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.base.json import Json
    from adjoint.optim.base import Memory, Workbench
    from adjoint.optim.strategies.reflection import Runs
    from adjoint.program.metric import Metric
    from adjoint.program.state import State

MANNERS = (
    "Let us think step by step.",
    "Which simpler question stands behind this one?",
    "What would make an answer wrong, and how is that avoided?",
    "What does an expert look at first?",
    "What form must the answer have, exactly?",
)
"""Manners of thinking in which an instruction is written anew."""


class PromptWizard(Strategy):
    """`rounds` times, instructions are written anew in `styles` manners and refined after a critique of what fails; then demos.

    A critique sees `batch` rows. The last round adds `few_shot_count` labelled demos, half of them rows that fail, and, with
    `expert_identity`, a persona before the instruction. A `compact` proposer sees rows instead of manners.
    """

    name = "prompt-wizard"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        prompt_model: Engine | None = None,
        rounds: int = 3,
        styles: int = 5,
        batch: int = 25,
        few_shot_count: int = 5,
        expert_identity: bool = True,
        compact: bool | None = None,
    ) -> None:
        super().__init__(metric)
        self.prompt_model, self.compact = engine_of(prompt_model), compact
        self.rounds, self.styles, self.batch = rounds, styles, batch
        self.few_shot_count, self.expert_identity = few_shot_count, expert_identity

    def settings(self) -> Mapping[str, Json]:
        names = ("rounds", "styles", "batch", "few_shot_count", "expert_identity", "compact")
        return {"prompt_model": answerer(self.prompt_model), **{name: getattr(self, name) for name in names}}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[Candidate]:
        if memory["asked"] > self.rounds:
            return []
        desk = Desk(work, lm=self.prompt_model, compact=self.compact)
        runs = await run(work, work.best, work.rng("batch").sample(work.feedback, min(self.batch, len(work.feedback))))
        made = await (self._instructions(desk, runs) if memory["asked"] < self.rounds else self._finished(desk, runs))
        return [Candidate(state) for state in made] or [Candidate(work.best)]

    async def _instructions(self, desk: Desk, runs: Runs) -> list[State]:
        """All instructions in other manners, and all refined after a critique."""
        jobs: list[Any] = [self._restyled(desk, number) for number in range(self.styles)]
        return await usable([*jobs, self._refined(desk, runs)])

    async def _restyled(self, desk: Desk, number: int) -> State:
        sample, found = desk.work.round * self.styles + number, {}
        for name, predictor in predictors_of(desk.work.program).items():
            old = str(desk.work.best[name])
            if desk.compact:
                found[name] = await desk.induce(predictor, old, sample=sample)
            else:
                manner = MANNERS[number % len(MANNERS)]
                found[name] = await desk.write(Restyle, old, sample=sample, instruction=old, manner=manner)
        return {**desk.work.best, **found}

    async def _refined(self, desk: Desk, runs: Runs) -> State | None:
        names, wrong = list(predictors_of(desk.work.program)), _failing(runs)
        if not wrong.rows:
            return None
        if desk.compact:
            return await revised(desk.work, wrong, names, "critique", desk.lm, tried={})
        return {**runs.state, **{name: await repaired(desk, wrong, name, sample=desk.work.round) for name in names}}

    async def _finished(self, desk: Desk, runs: Runs) -> list[State]:
        """The best instructions with demos, with a persona, and with both."""
        demos = self._demos(desk, runs)
        personas = {} if desk.compact or not self.expert_identity else await self._personas(desk)
        best = desk.work.best
        return [{**best, **demos}, {**best, **personas}, {**best, **demos, **personas}]

    def _demos(self, desk: Desk, runs: Runs) -> dict[str, Json]:
        program, rng, wrong = desk.work.program, desk.work.rng("demos"), _failing(runs).rows
        hard = rng.sample(wrong, min((self.few_shot_count + 1) // 2, len(wrong)))
        others = [row for row in desk.work.feedback if row not in hard]
        rows = [*hard, *rng.sample(others, min(self.few_shot_count - len(hard), len(others)))]
        return {name: list[Any](labeled(program, name, predictor, rows)) for name, predictor in demo_names(program)}

    @staticmethod
    async def _personas(desk: Desk) -> dict[str, str]:
        async def one(name: str) -> tuple[str, str]:
            old = str(desk.work.best[name])
            return name, f"{await desk.note(Persona, instruction=old)}\n{old}"

        return dict(await usable(one(name) for name in predictors_of(desk.work.program)))


def _failing(runs: Runs) -> Runs:
    return runs.of([row for row, cell in zip(runs.rows, runs.cells, strict=True) if cell.score is None or cell.score.value < 1.0])
