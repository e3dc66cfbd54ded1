"""COPRO: coordinate ascent on instructions. One predictor after the other gets the best of a breadth of new instructions.

Yang et al., "Large Language Models as Optimizers" (2023), is where showing earlier attempts with their scores comes from.
Unlike DSPy's, the search is not spent on output prefixes, which no adapter renders, and what has lost is not run again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import engine_of
from adjoint.eval.fingerprint import answerer
from adjoint.optim.base import Candidate
from adjoint.optim.desk import Desk, predictors_of
from adjoint.optim.prompts import FirstInstruction, NextInstruction, fields_text, tried_text
from adjoint.optim.propose import usable
from adjoint.optim.spelling import unused
from adjoint.optim.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.base.json import Json
    from adjoint.optim.base import Memory, Trial, Workbench
    from adjoint.program.metric import Metric
    from adjoint.program.state import State


class COPRO(Strategy):
    """`depth` times, each predictor's instruction is replaced by the best of `breadth` - 1 new ones, if one is better.

    The first new ones are made from the instruction alone, later ones from all that were tried with their scores. A
    `compact` proposer sees a few rows instead.
    """

    name = "copro"

    def __init__(  # noqa: PLR0917 - DSPy's order of arguments
        self,
        prompt_model: Engine | None = None,
        metric: Metric | None = None,
        breadth: int = 10,
        depth: int = 3,
        init_temperature: float = 1.4,
        track_stats: bool = False,  # noqa: FBT001, FBT002 - DSPy's
        *,
        compact: bool | None = None,
    ) -> None:
        super().__init__(metric)
        unused(track_stats=track_stats)
        self.prompt_model, self.compact = engine_of(prompt_model), compact
        self.breadth, self.depth, self.init_temperature = breadth, depth, init_temperature

    def settings(self) -> Mapping[str, Json]:
        return {
            "prompt_model": answerer(self.prompt_model),
            "breadth": self.breadth,
            "depth": self.depth,
            "init_temperature": self.init_temperature,
            "compact": self.compact,
        }

    def init(self, seed_state: State) -> Memory:
        del seed_state
        return {"asked": 0, "tried": []}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        scored: list[Any] = [
            [str(trial.note), str(trial.state[str(trial.note)]), trial.mean] for trial in trials if trial.mean is not None
        ]
        return {"asked": memory["asked"] + 1, "tried": [*memory["tried"], *scored]}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[Candidate]:
        predictors = list(predictors_of(work.program).items())
        turn = memory["asked"]
        if not predictors or turn >= self.depth * len(predictors):
            return []
        name, predictor = predictors[turn % len(predictors)]
        tried = [(text, score) for owner, text, score in memory["tried"] if owner == name]
        desk = Desk(work, lm=self.prompt_model, temperature=self.init_temperature, compact=self.compact)
        made = await usable(
            self._write(desk, name, predictor, tried, turn * self.breadth + number) for number in range(self.breadth - 1)
        )
        return [Candidate({**work.best, name: text}, name) for text in dict.fromkeys(made)] or [Candidate(work.best, name)]

    @staticmethod
    async def _write(desk: Desk, name: str, predictor: Any, tried: list[tuple[str, float]], sample: int) -> str:
        old, fields = str(desk.work.best[name]), fields_text(predictor.signature)
        if desk.compact:
            return await desk.induce(predictor, old, sample=sample)
        if not tried:
            return await desk.write(FirstInstruction, old, sample=sample, fields=fields, instruction=old)
        return await desk.write(NextInstruction, old, sample=sample, fields=fields, tried=tried_text(tried))


SignatureOptimizer = COPRO
"""DSPy's earlier name."""
