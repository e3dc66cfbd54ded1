"""InferRules: bootstrapped demos, and rules that a language model has read out of them, appended to the instruction.

DSPy's `InferRules`. Unlike there the best candidate is returned, not the last, and the student is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.autograd.engine import engine_of
from adjoint.eval.fingerprint import answerer
from adjoint.optim.base import Candidate
from adjoint.optim.desk import Desk, predictors_of
from adjoint.optim.prompts import Rules
from adjoint.optim.propose import taught, usable
from adjoint.optim.strategies.bootstrap import BootstrapFewShot, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.autograd.engine import Engine
    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.optim.base import Memory, Workbench
    from adjoint.program.state import State

_SHOWN = 12
"""Examples from which rules are read; each candidate sees others."""


class InferRules(BootstrapFewShot):
    """`num_candidates` lists of at most `num_rules` rules for every predictor, raced with and without bootstrapped demos.

    All other arguments are those of `BootstrapFewShot`.
    """

    name = "infer-rules"
    searches = True

    def __init__(
        self,
        num_candidates: int = 10,
        num_rules: int = 10,
        num_threads: int | None = None,
        teacher_settings: Mapping[str, Any] | None = None,
        *,
        prompt_model: Engine | None = None,
        compact: bool | None = None,
        **bootstrap: Any,
    ) -> None:
        super().__init__(teacher_settings=teacher_settings, **bootstrap)
        self.num_candidates, self.num_rules, self.num_threads = num_candidates, num_rules, num_threads
        self.prompt_model, self.compact = engine_of(prompt_model), compact

    def settings(self) -> Mapping[str, Json]:
        own = {"num_candidates": self.num_candidates, "num_rules": self.num_rules, "compact": self.compact}
        return {**super().settings(), **own, "prompt_model": answerer(self.prompt_model)}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[Candidate]:
        if memory["asked"]:
            return []
        with_demos = await self.build(Plan(self.max_bootstrapped_demos, self.max_labeled_demos, None), work)
        desk = Desk(work, lm=self.prompt_model, compact=self.compact)
        ruled = await usable(self._ruled(desk, number) for number in range(self.num_candidates))
        shown = {name: value for name, value in with_demos.state.items() if value != work.best[name]}
        both = [Candidate({**state, **shown}, with_demos.note) for state in ruled]
        return [with_demos, *(Candidate(state) for state in ruled), *both]

    async def _ruled(self, desk: Desk, number: int) -> State:
        """The best state with rules appended to every instruction."""
        found = {}
        for name, predictor in predictors_of(desk.work.program).items():
            old = str(desk.work.best[name])
            rules = await self._rules(desk, predictor, old, number)
            found[name] = f"{old}\n{rules}"
        return {**desk.work.best, **found}

    async def _rules(self, desk: Desk, predictor: Any, old: str, number: int) -> str:
        if desk.compact:
            return await desk.induce(predictor, old, sample=number)
        rows = desk.work.rng("rules", number).sample(desk.work.feedback, min(_SHOWN, len(desk.work.feedback)))

        async def ask(left: list[Example]) -> str:
            examples = desk.examples(predictor, left)
            return await desk.write(
                Rules, old, sample=number, said=examples, instruction=old, examples=examples, most=str(self.num_rules)
            )

        return await taught(rows, ask)
