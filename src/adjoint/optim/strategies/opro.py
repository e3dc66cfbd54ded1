"""OPRO: a language model sees the best instructions so far with their scores, and some rows, and writes better ones.

Yang et al., "Large Language Models as Optimizers" (2023).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import engine_of
from adjoint.eval.fingerprint import answerer
from adjoint.optim.base import Candidate
from adjoint.optim.desk import Desk, predictors_of
from adjoint.optim.prompts import NextInstruction, fields_text, tried_text
from adjoint.optim.propose import taught, usable
from adjoint.optim.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.optim.base import Memory, Trial, Workbench
    from adjoint.program.metric import Metric
    from adjoint.program.state import State


class OPRO(Strategy):
    """`steps` rounds of `num_candidates` new instructions, of one predictor after the other.

    The proposer is shown the `top` best instructions in ascending order, scores in `buckets` steps, and `exemplars` random
    rows. A `compact` proposer sees rows only.
    """

    name = "opro"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        prompt_model: Engine | None = None,
        num_candidates: int = 8,
        steps: int = 8,
        top: int = 20,
        buckets: int = 100,
        exemplars: int = 3,
        temperature: float = 1.0,
        compact: bool | None = None,
    ) -> None:
        super().__init__(metric)
        self.prompt_model, self.compact, self.temperature = engine_of(prompt_model), compact, temperature
        self.num_candidates, self.steps, self.top = num_candidates, steps, top
        self.buckets, self.exemplars = buckets, exemplars

    def settings(self) -> Mapping[str, Json]:
        names = ("num_candidates", "steps", "top", "buckets", "exemplars", "temperature", "compact")
        return {"prompt_model": answerer(self.prompt_model), **{name: getattr(self, name) for name in names}}

    def init(self, seed_state: State) -> Memory:
        del seed_state
        return {"asked": 0, "tried": {}}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        tried = {name: dict(texts) for name, texts in memory["tried"].items()}
        for trial in trials:
            if trial.mean is not None:
                tried.setdefault(str(trial.note), {})[str(trial.state[str(trial.note)])] = trial.mean
        return {"asked": memory["asked"] + 1, "tried": tried}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[Candidate]:
        predictors = list(predictors_of(work.program).items())
        turn = memory["asked"]
        if not predictors or turn >= self.steps * len(predictors):
            return []
        name, predictor = predictors[turn % len(predictors)]
        desk = Desk(work, lm=self.prompt_model, temperature=self.temperature, compact=self.compact)
        shown = self._shown(work, name, memory["tried"].get(name, {}))
        samples = range(turn * self.num_candidates, (turn + 1) * self.num_candidates)
        made = await usable(self._write(desk, name, predictor, shown, sample) for sample in samples)
        return [Candidate({**work.best, name: text}, name) for text in dict.fromkeys(made)] or [Candidate(work.best, name)]

    def _shown(self, work: Workbench, name: str, tried: Mapping[str, float]) -> list[tuple[str, float]]:
        """The best of what was tried, the one in force among them, with scores in whole buckets."""
        known = list(work.scores(work.best).values())
        scored = {str(work.best[name]): sum(known) / len(known) if known else 0.0, **tried}
        best = sorted(scored.items(), key=lambda one: one[1])[-self.top :]
        return [(text, int(score * self.buckets) / self.buckets) for text, score in best]

    async def _write(self, desk: Desk, name: str, predictor: Any, shown: list[tuple[str, float]], sample: int) -> str:
        old = str(desk.work.best[name])
        if desk.compact:
            return await desk.induce(predictor, old, sample=sample)
        rows = desk.work.rng("exemplars", sample).sample(desk.work.feedback, min(self.exemplars, len(desk.work.feedback)))

        async def ask(left: list[Example]) -> str:
            examples = desk.examples(predictor, left) if left else ""
            told = {"fields": fields_text(predictor.signature), "tried": tried_text(shown), "examples": examples}
            return await desk.write(NextInstruction, old, sample=sample, **told)

        return await taught(rows, ask)
