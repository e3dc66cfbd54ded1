"""Refine: run a module several times, each try with advice on what went wrong in the one before."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write
from adjoint.base.errors import FATAL, AdjointError
from adjoint.modules.best_of_n import BestOfN
from adjoint.modules.predict import Predict
from adjoint.program.context import context
from adjoint.program.runs import Note, advice
from adjoint.program.tape import Edge
from adjoint.signature.fields import InputField, OutputField
from adjoint.signature.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from adjoint.data.records import Score
    from adjoint.lm.types import Response
    from adjoint.program.module import Module
    from adjoint.program.runs import Run

_LONGEST = 500
"""Characters of advice that is no more than a reply in words."""
_SHOWN = 2000
"""Characters of each input and output that the adviser sees."""


class Advice(Signature):
    """A program was run and its result is not good enough. Give short, concrete advice on how to do better to each step that should change something, by its name. Leave out steps that did well."""

    steps: str = InputField()
    goal: str = InputField()
    reward: str = InputField()
    advice: dict[str, str] = OutputField(desc="from names of steps to advice")


class Refine(BestOfN):
    """`BestOfN` that learns between tries: an LM sees the calls and the reward, and advises each step of the next try.

    The advice stands at the end of the prompt of that step. A reward function that returns `Score(value, feedback)`
    says itself what was wrong.
    """

    def __init__(
        self,
        module: Module,
        N: int,  # noqa: N803 - DSPy's name
        reward_fn: Callable[[dict[str, Any], Any], Any],
        threshold: float,
        fail_count: int | None = None,
    ) -> None:
        super().__init__(module, N, reward_fn, threshold, fail_count)
        self.advise = Predict(Advice).salvaging(_in_words)

    async def aforward(self, **inputs: Any) -> Any:
        token = advice.set(dict(advice.get()))
        try:
            return await super().aforward(**inputs)
        finally:
            advice.reset(token)

    async def _learn(self, run: Run, said: Score) -> None:
        steps = {id(predictor): (name, predictor) for name, predictor in self.module.named_predictors()}
        calls = [node for node in run.nodes if node.op == "predict" and id(node.module) in steps]
        told = [
            f"{steps[id(node.module)][0]}\ninputs: {write(dict(node.inputs))[:_SHOWN]}\noutputs: {write(dict(node.outputs))[:_SHOWN]}"
            for node in calls
        ]
        goal = inspect.getdoc(self.reward_fn) or getattr(self.reward_fn, "__name__", "a higher reward")
        reward = f"{said.value:g}, {self.threshold:g} is wanted" + (f": {said.feedback}" if said.feedback else "")
        try:
            with context(role="critic"):
                found = await self.advise.acall(steps="\n\n".join(told), goal=goal, reward=reward)
        except FATAL:
            raise
        except AdjointError:
            return  # it stands on the tape; the next try goes without
        edges = () if found._node is None else (Edge(found._node, "advice", "declared", 1.0),)
        notes = {
            key: Note(remark=f"Advice after an earlier try: {remark}", edges=edges)
            for key, (name, _) in steps.items()
            if (remark := _advice_for(name, found.advice, len(steps)))
        }
        advice.set({**advice.get(), **notes})


def _in_words(response: Response) -> dict[str, Any]:
    """Advice that names no step."""
    return {"advice": {"": response.text.strip()[:_LONGEST]}}


def _advice_for(name: str, said: dict[str, str], steps: int) -> str:
    """The advice for a step; where there is one step only it needs no name, or may have another."""
    return said.get(name) or (next(iter(said.values())) if steps == 1 and len(said) == 1 else "")
