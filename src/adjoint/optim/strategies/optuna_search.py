"""Demo search by Optuna: which of the bootstrapped demos every predictor is shown.

DSPy's `BootstrapFewShotWithOptuna`, which shows each predictor one demo and seeds nothing; here it is a set of them, and the
search is that of the run's seed.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from adjoint.optim.base import Candidate
from adjoint.optim.demos import demo_names, key_of
from adjoint.optim.knobs import require
from adjoint.optim.strategies.bootstrap import BootstrapFewShot
from adjoint.optim.tpe import Seen, recalled, sampler_of, suggest, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.optim.base import Memory, Trial, Workbench
    from adjoint.optim.tpe import Sampler
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State

_NONE = 1
"""The first option of every slot is to stay empty."""


class BootstrapFewShotWithOptuna(BootstrapFewShot):
    """A teacher's good runs give a pool of demos; `num_candidate_programs` choices of `max_demos` of them are tried.

    Optuna proposes them (`pip install 'adjoint[optuna]'`), `per_round` at once; `sampler="tpe"` does without it.
    """

    name = "bootstrap-optuna"
    searches = True

    def __init__(  # noqa: PLR0917 - DSPy's order of arguments
        self,
        metric: Metric | None = None,
        teacher_settings: Mapping[str, Any] | None = None,
        max_bootstrapped_demos: int = 4,
        max_labeled_demos: int = 16,
        max_rounds: int = 1,
        num_candidate_programs: int = 16,
        num_threads: int | None = None,
        *,
        max_demos: int | None = None,
        per_round: int = 4,
        sampler: Sampler = "optuna",
        **options: Any,
    ) -> None:
        sizes: dict[str, Any] = {
            "max_bootstrapped_demos": max_bootstrapped_demos,
            "max_labeled_demos": max_labeled_demos,
            "max_rounds": max_rounds,
        }
        super().__init__(metric, teacher_settings=teacher_settings, **{**sizes, **options})
        self.num_candidate_programs, self.num_threads, self.per_round = num_candidate_programs, num_threads, per_round
        self.max_demos, self.sampler = max_demos, sampler_of(sampler)

    def settings(self) -> Mapping[str, Json]:
        names = ("num_candidate_programs", "max_demos", "per_round", "sampler")
        return {**super().settings(), **{name: getattr(self, name) for name in names}}

    def init(self, seed_state: State) -> Memory:
        del seed_state
        return {"asked": 0, "pools": {}, "seen": []}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        notes: list[Any] = [trial.note for trial in trials]
        pools = next((note["pools"] for note in notes if "pools" in note), memory["pools"])
        return {"asked": memory["asked"] + 1, "pools": pools, "seen": [*memory["seen"], *told(trials)]}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[Candidate]:
        pools = memory["pools"] or await self._pools(work)
        first = {} if memory["pools"] else {"pools": pools}
        slots = [name for name in pools for _ in range(self._slots())]
        sizes = [len(pools[name]) + _NONE for name in slots]
        seen = recalled(memory["seen"])
        found: list[Candidate] = []
        for number in range(min(self.per_round, self.num_candidate_programs - len(seen)) if slots else 0):
            choices = suggest(sizes, seen, work.rng("choices", number), self.sampler)
            if choices is None:
                break
            found.append(Candidate(self._state(work, pools, slots, choices), {**first, "choices": list(choices)}))
            seen.append(Seen(choices, 0.0, 0))
            first = {}
        return found

    def _slots(self) -> int:
        return self.max_bootstrapped_demos if self.max_demos is None else self.max_demos

    async def _pools(self, work: Workbench) -> dict[str, Any]:
        """Demos of all rows that pass, by name of the demos parameter."""
        rows = list(work.feedback)
        return {name: found for name, found in (await self.traces(rows, len(rows), work)).demos.items() if found}

    @staticmethod
    def _state(work: Workbench, pools: Mapping[str, Any], slots: Sequence[str], choices: Sequence[int]) -> State:
        state: dict[str, Any] = dict(work.program.state_dict())
        for name, _ in demo_names(work.program):
            chosen = [pools[name][at - _NONE] for slot, at in zip(slots, choices, strict=True) if slot == name and at >= _NONE]
            state[name] = list({key_of(demo): demo for demo in chosen}.values())
        return state

    def compile(self, student: Module, *, trainset: Sequence[Example], max_demos: int | None = None, **options: Any) -> Module:
        """DSPy's spelling; `max_demos` caps the demos of each predictor."""
        own = copy.copy(self)
        require("BootstrapFewShotWithOptuna.compile", "max_demos", max_demos, "int | None")
        own.max_demos = self.max_demos if max_demos is None else max_demos
        return super(BootstrapFewShotWithOptuna, own).compile(student, trainset=trainset, **options)
