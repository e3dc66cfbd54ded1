"""Strategy: the common base of optimizers. It gives them DSPy's front door, `compile`, and the plainest memory."""

from __future__ import annotations

import copy
import inspect
import logging
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.data.records import Example
from adjoint.optim.knobs import checked, require
from adjoint.optim.spelling import run_options
from adjoint.optim.stop import IDLE
from adjoint.program.metric import check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.base.json import Json
    from adjoint.lm.base import BaseLM
    from adjoint.optim.allocate import Allocator
    from adjoint.optim.base import Candidate, Memory, Trial, Workbench
    from adjoint.optim.stop import Stop
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module
    from adjoint.program.state import State

_log = logging.getLogger("adjoint.optimize")


class Strategy:
    """Abstract: subclasses set `name` and write `settings` and `ask`; `init` and `tell` if they remember more than rounds."""

    name: str
    searches: bool = True
    """Whether it proposes several candidates, so that one has to be chosen."""
    idle: str = IDLE
    """Why a search ended in which it has proposed nothing."""
    teacher: Module | None = None
    allocator: Allocator | None = None
    max_cells: int | None = None
    num_threads: int | None = None
    """DSPy's word for the rows at once, where the run does not say."""
    task_model: BaseLM | None = None
    """DSPy's word for the LM of the program, where the run does not say; None is the LM of the context."""
    stop: Stop | None = None
    """Rules that end the search, where the run does not say."""
    compile_options: Mapping[str, Any] = {}
    """Options of `compile` that were given to the constructor, as DSPy's users do (`seed`)."""

    def __init_subclass__(cls, **options: Any) -> None:
        """What a constructor is given is checked before it is kept; what a user's own may be given is for the user to say."""
        super().__init_subclass__(**options)
        if "__init__" in vars(cls) and cls.__module__.partition(".")[0] == __package__.partition(".")[0]:
            cls.__init__ = checked(cls.__init__)  # type: ignore[method-assign]

    @checked
    def __init__(self, metric: Metric | None = None) -> None:
        self.metric = None if metric is None else check(metric)

    def settings(self) -> Mapping[str, Json]:
        raise NotImplementedError

    def init(self, seed_state: State) -> Memory:
        del seed_state
        return {"asked": 0}

    async def ask(self, memory: Memory, work: Workbench) -> Sequence[State | Candidate]:
        raise NotImplementedError

    def tell(self, memory: Memory, trials: Sequence[Trial]) -> Memory:
        del trials
        return {**memory, "asked": memory["asked"] + 1}

    def notes(self, memory: Memory) -> Sequence[str]:
        del memory
        return ()

    def compile(
        self,
        student: Module,
        *,
        trainset: Sequence[Example],
        valset: Sequence[Example] | None = None,
        teacher: Module | None = None,
        **options: Any,
    ) -> Module:
        """DSPy's spelling; the student itself is never changed. `options` are those of `optimize` (`seed`, `budget`, ...) and
        DSPy's (`num_threads`, `eval_kwargs`, ...).

        A strategy that makes one proposal returns it, as DSPy does; one that searches returns the best that it found.
        Neither is certified: use `optimize` to ship only what is shown to be better.
        """
        from adjoint.optim.compile import optimize, propose

        name, own = type(self).__name__, copy.copy(self)
        options = run_options({**self.compile_options, **options}, inspect.signature(optimize).parameters)
        if teacher is not None:
            if "teacher" not in self.settings():
                _log.warning("teacher has no effect here: %s asks none.", name)
            require(name, "teacher", teacher, "Module")
            own.teacher = teacher
        if not self.searches:
            if valset is not None:
                _log.warning("valset has no effect here: %s makes one proposal and chooses nothing.", name)
            return _readable(propose(student, trainset=trainset, metric=self.metric, optimizer=own, **options))
        if self.metric is None:
            message = f"{name} needs a metric: {name}(metric=...)."
            raise UsageError(message)
        given = {"trainset": trainset, "valset": valset, "metric": self.metric, "optimizer": own}
        return _readable(optimize(student, **{**given, "ship": "always", **options}).program)


def _readable(program: Module) -> Module:
    """The program with demos as examples, whose fields DSPy's programs read as attributes too."""
    for predictor in program.predictors():
        predictor.demos = [Example(demo) for demo in predictor.demos]
    return program
