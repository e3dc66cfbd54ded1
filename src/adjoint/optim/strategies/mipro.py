"""MIPROv2: instructions grounded in data, program and demos, and bootstrapped demo sets, combined by a search over choices.

Opsahl-Ong et al., "Optimizing Instructions and Demonstrations for Multi-Stage Language Model Programs" (2024).
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, Literal

from adjoint.autograd.engine import engine_of
from adjoint.base.errors import UsageError
from adjoint.eval.fingerprint import answerer
from adjoint.optim.allocators.grid import Grid
from adjoint.optim.allocators.minibatch import Minibatch
from adjoint.optim.base import Candidate
from adjoint.optim.desk import Desk, predictors_of
from adjoint.optim.grounds import Grounds
from adjoint.optim.knobs import annotations_of, require
from adjoint.optim.propose import usable
from adjoint.optim.spelling import unused
from adjoint.optim.strategies.bootstrap import BootstrapFewShot, Plan
from adjoint.optim.tpe import Seen, recalled, sampler_of, suggest, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from adjoint.autograd.engine import Engine
    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.optim.base import Memory, Trial, Workbench
    from adjoint.optim.tpe import Sampler
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State

_CANDIDATES = {"light": 6, "medium": 12, "heavy": 18}
"""How many demo sets and instructions are made, by `auto`."""


class MIPROv2(BootstrapFewShot):
    """Makes `num_candidates` demo sets and instructions for every predictor, then tries `num_trials` combinations of them.

    `auto` sets both numbers; with `auto=None` they are given. Which combination is next says a tree of Parzen estimators over
    what earlier ones have scored: Optuna's if it is installed (`sampler="optuna"`), else one of our own (`"tpe"`); `per_round`
    combinations are tried at once. With `minibatch`, candidates are tried on random minibatches of selection rows, and now and
    then the best of them on all; else all on all. `allocator=` of `optimize` overrides that.
    """

    name = "mipro"
    searches = True

    def __init__(  # noqa: PLR0917 - DSPy's order of arguments
        self,
        metric: Metric | None = None,
        prompt_model: Engine | None = None,
        task_model: Engine | None = None,
        teacher_settings: Mapping[str, Any] | None = None,
        max_bootstrapped_demos: int = 4,
        max_labeled_demos: int = 4,
        auto: Literal["light", "medium", "heavy"] | None = "light",
        num_candidates: int | None = None,
        num_threads: int | None = None,
        max_errors: int | None = None,
        seed: int = 9,
        init_temperature: float = 1.0,
        verbose: bool = False,  # noqa: FBT001, FBT002 - DSPy's
        track_stats: bool = True,  # noqa: FBT001, FBT002 - DSPy's; statistics are always kept
        log_dir: str | PathLike[str] | None = None,
        metric_threshold: float | None = None,
        *,
        num_trials: int | None = None,
        per_round: int = 4,
        minibatch: bool = True,
        minibatch_size: int = 35,
        minibatch_full_eval_steps: int = 5,
        sampler: Sampler = "auto",
        grounds: Grounds | Mapping[str, Any] | None = None,
        compact: bool | None = None,
    ) -> None:
        sizes = {"max_bootstrapped_demos": max_bootstrapped_demos, "max_labeled_demos": max_labeled_demos}
        super().__init__(metric, metric_threshold, teacher_settings, max_errors=max_errors, **sizes)  # type: ignore[arg-type]
        del track_stats
        unused(verbose=verbose, log_dir=log_dir)
        self.prompt_model, self.task_model, self.num_threads = engine_of(prompt_model), engine_of(task_model), num_threads
        self.auto, self.num_candidates, self.num_trials = auto, num_candidates, num_trials
        self.seed, self.init_temperature, self.per_round = seed, init_temperature, per_round
        self.minibatch, self.minibatch_size, self.minibatch_full_eval_steps = minibatch, minibatch_size, minibatch_full_eval_steps
        self.sampler, self.grounds, self.compact = sampler_of(sampler), Grounds.of(grounds), compact
        self._check()

    def _check(self) -> None:
        if self.auto is not None and self.num_candidates is not None:
            message = f"auto={self.auto!r} sets num_candidates by itself; give auto=None together with num_candidates."
            raise UsageError(message)
        if self.auto is None and self.num_candidates is None:
            message = "with auto=None, num_candidates says how many demo sets and instructions to make."
            raise UsageError(message)
        self.allocator = Minibatch(self.minibatch_size, self.minibatch_full_eval_steps) if self.minibatch else Grid()

    def settings(self) -> Mapping[str, Json]:
        names = ("auto", "num_candidates", "num_trials", "init_temperature", "per_round", "sampler", "compact")
        own = {name: getattr(self, name) for name in names}
        return {**super().settings(), **own, "prompt_model": answerer(self.prompt_model), "grounds": self.grounds.settings()}

    def init(self, seed_state: State) -> Memory:
        del seed_state
        return {"asked": 0, "trials": 0, "pools": {}, "seen": []}

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        notes: list[Any] = [trial.note for trial in trials]
        pools = next((note["pools"] for note in notes if "pools" in note), memory["pools"])
        return {
            "asked": memory["asked"] + 1,
            "trials": memory["trials"] + len(trials),
            "pools": pools,
            "seen": [*memory["seen"], *told(trials)],
        }

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[Candidate]:
        pools = memory["pools"] or await self._pools(work)
        first = {} if memory["pools"] else {"pools": pools}
        sizes = [len(options) for options in pools.values()]
        wanted = min(self.per_round, self._trials(pools) - memory["trials"])
        if wanted <= 0 or math.prod(sizes) == 1:
            return []
        seen = recalled(memory["seen"])
        # The student as it is: all first choices. It is the incumbent, and so needs no trial.
        known = list(work.scores(work.program.state_dict()).values())
        seen.append(Seen((0,) * len(sizes), sum(known) / len(known) if known else 0.0, len(known)))
        found: list[Candidate] = []
        for number in range(wanted):
            choices = suggest(sizes, seen, work.rng("choices", number), self.sampler)
            if choices is None:
                break
            state = {name: options[at] for (name, options), at in zip(pools.items(), choices, strict=True)}
            found.append(Candidate({**work.program.state_dict(), **state}, {**first, "choices": list(choices)}))
            seen.append(Seen(choices, seen[-1].mean, 0))
            first = {}
        return found

    def _trials(self, pools: Mapping[str, Any]) -> int:
        """DSPy's rule: 2 log2 n for each choice, at least 1.5 n."""
        if self.num_trials is not None:
            return self.num_trials
        count = self._count()
        return int(max(2 * len(pools) * math.log2(max(count, 2)), 1.5 * count))

    def _count(self) -> int:
        return _CANDIDATES[self.auto] if self.auto is not None else int(self.num_candidates or 0)

    async def _pools(self, work: Workbench) -> dict[str, Any]:
        """For each instruction and each list of demos what can be chosen; what the student has comes first."""
        sets = [candidate.state for candidate in [await self.build(plan, work) for plan in self.plans(work)]]
        pools: dict[str, Any] = {}
        for name, value in work.best.items():
            made = [state[name] for state in sets if state[name] != value]
            if made:
                pools[name] = [value, *made]
        desk = Desk(work, lm=self.prompt_model, temperature=self.init_temperature, compact=self.compact)
        count = self._count() if not sets else max(1, self._count() // 2)
        for name, predictor in predictors_of(work.program).items():
            shown = [list(state[_demos_of(name)]) for state in sets if isinstance(state.get(_demos_of(name)), list)]  # type: ignore[arg-type]
            texts = await self._instructions(desk, name, predictor, shown, count)
            pools[name] = list(dict.fromkeys([work.best[name], *texts]))
        return {name: options for name, options in pools.items() if len(options) > 1} or {"": [None]}

    async def _instructions(self, desk: Desk, name: str, predictor: Any, shown: Sequence[Any], count: int) -> list[str]:
        if desk.compact:
            return await usable(desk.induce(predictor, str(desk.work.best[name]), sample=number) for number in range(count))
        facts = await self.grounds.facts(desk, name)
        return await usable(
            self.grounds.propose(desk, name, facts, shown[number % len(shown)] if shown else [], number)
            for number in range(count)
        )

    def plans(self, work: Workbench) -> list[Plan]:
        """Labels only, an unshuffled bootstrap, then shuffled ones of random size; none for a search of instructions alone."""
        if not self.max_bootstrapped_demos and not self.max_labeled_demos:
            return []
        fixed = [Plan(0, self.max_labeled_demos, None), Plan(self.max_bootstrapped_demos, self.max_labeled_demos, None)]
        rest = range(max(0, self._count() - 3))
        sizes = [work.rng("size", number).randint(1, max(1, self.max_bootstrapped_demos)) for number in rest]
        return [
            *fixed,
            *(Plan(min(size, self.max_bootstrapped_demos), self.max_labeled_demos, number) for number, size in enumerate(sizes)),
        ]

    def compile(self, student: Module, *, trainset: Sequence[Example], **options: Any) -> Module:
        """DSPy's spelling; its settings of one run (`num_trials`, `minibatch`, `data_aware_proposer`, ...) hold for this run."""
        own = copy.copy(self)
        kinds = annotations_of(MIPROv2)
        for name in _OF_A_RUN:
            if options.get(name) is not None:
                require("MIPROv2.compile", name, options[name], kinds[name])
                setattr(own, name, options[name])
        own.grounds = self.grounds.with_options(options)
        own._check()
        rest = {name: value for name, value in options.items() if name not in _OF_A_RUN and name not in Grounds.OPTIONS}
        return super(MIPROv2, own).compile(student, trainset=trainset, **{"seed": own.seed, **rest})


_OF_A_RUN = (
    "num_trials",
    "max_bootstrapped_demos",
    "max_labeled_demos",
    "seed",
    "minibatch",
    "minibatch_size",
    "minibatch_full_eval_steps",
)
MIPRO = BayesianSignatureOptimizer = MIPROv2
"""Earlier names."""


def _demos_of(instruction: str) -> str:
    return instruction.removesuffix("instruction") + "demos"
