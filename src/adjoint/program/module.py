"""Modules: ordinary Python over other modules. A program is a module; a candidate is a module with another state."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TextIO

from adjoint.base.errors import UsageError
from adjoint.base.portal import portal
from adjoint.program import dspy_state, observe, saved
from adjoint.program import state as states
from adjoint.program.context import current, named_lm, within
from adjoint.program.events import span
from adjoint.program.parameter import Parameter
from adjoint.program.prediction import Prediction
from adjoint.program.runs import Backtrack, Run
from adjoint.program.structure import Composite, copied, swapped, walk
from adjoint.program.tape import Tape
from adjoint.program.tool_calls import record_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from adjoint.program.state import State


class Module(Composite):
    """Base class of programs. Subclasses write `forward` (or `aforward`, if they await) and call other modules there.

    Parameters and modules are found in the attributes, also inside lists, tuples and dicts, in the order in which they
    were set; their names are dotted paths (`answer.instruction`, `steps.0.demos`).
    """

    callbacks: tuple[Any, ...] = ()
    """Callbacks that hear of the calls of this module, besides those of the context."""

    def __init__(self, callbacks: Sequence[Any] | None = None) -> None:
        if callbacks:
            self.callbacks = tuple(callbacks)

    def forward(self, *args: Any, **inputs: Any) -> Any:
        """What the program does; by default what a `__call__` of its own does, where whoever runs it awaits it instead."""
        if type(self).__call__ is not Module.__call__:
            return self(*args, **inputs)
        message = f"{type(self).__name__} has no forward; write `def forward(self, ...)` or `async def aforward(self, ...)`."
        raise NotImplementedError(message)

    async def aforward(self, *args: Any, **inputs: Any) -> Any:
        """By default `forward` in a thread of its own, since it may wait."""
        return await portal.in_thread(self.forward, *args, **inputs)

    def __call__(self, *args: Any, **inputs: Any) -> Any:
        """Run the program and wait. `forward` runs in this very thread; only LM calls hop to the event loop."""
        if _nearer(self, "aforward", "forward"):
            return portal.run(self.acall(*args, **inputs))
        with span((*current().callbacks, *self.callbacks), "module", self, inputs) as call, _recording(self, inputs) as tape:
            run = Run()
            while True:
                try:
                    with run:
                        call.outputs = _finished(self.forward(*args, **inputs), tape)
                        return call.outputs
                except Backtrack as signal:  # an assertion did not hold
                    run = run.back(signal)

    async def acall(self, *args: Any, **inputs: Any) -> Any:
        """Run the program in asynchronous code."""
        own = Module.aforward.__get__(self) if _nearer(self, "forward", "aforward") else self.aforward
        with span((*current().callbacks, *self.callbacks), "module", self, inputs) as call, _recording(self, inputs) as tape:
            run = Run()
            while True:
                try:
                    with run:
                        call.outputs = _finished(await own(*args, **inputs), tape)
                        return call.outputs
                except Backtrack as signal:  # an assertion did not hold
                    run = run.back(signal)

    def batch(
        self,
        examples: Sequence[Any],
        num_threads: int | None = None,
        max_errors: int | None = None,
        *,
        return_failed_examples: bool = False,
        provide_traceback: bool | None = None,
        disable_progress_bar: bool = False,
        timeout: float | None = None,
        straggler_limit: int = 3,
    ) -> Any:
        """Call this program for each example, many at once: results in order, None where a call failed; see `Parallel`."""
        from adjoint.program.batch import Options, run_all

        del disable_progress_bar, straggler_limit  # DSPy's; nothing is printed, and a slow call is never made twice
        options = Options(num_threads, max_errors, timeout, provide_traceback=bool(provide_traceback))
        found = portal.run(run_all([(self, example) for example in examples], options))
        if not return_failed_examples:
            return found
        return found, *found.apart()

    def __repr__(self) -> str:
        """The predictors by name."""
        return "\n".join(f"{name} = {predictor!r}" for name, predictor in self.named_predictors()) or f"{type(self).__name__}()"

    # Structure ---------------------------------------------------------------------------------------------------

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module (under the empty name) and all modules below it, each once."""
        for name, item in walk(self):
            if isinstance(item, Module):
                yield name, item

    def named_parameters(self) -> Iterator[tuple[str, Parameter[Any]]]:
        """All parameters by dotted name, each once; weights only where some are set, since most LMs have none to set."""
        return ((name, parameter) for name, parameter in self._slots() if parameter.value is not None)

    def _slots(self) -> Iterator[tuple[str, Parameter[Any]]]:
        """All parameters, those too that hold nothing yet."""
        named: set[str] = set()
        for name, item in walk(self):
            if isinstance(item, Parameter):
                if name in named:
                    message = (
                        f"two parameters are called {name!r} (a leading underscore does not count); rename one of the attributes."
                    )
                    raise UsageError(message)
                named.add(name)
                yield name, item

    def parameters(self) -> list[Parameter[Any]]:
        """The trainable parameters, as optimizers take them."""
        return [parameter for _, parameter in self.named_parameters() if parameter.trainable]

    def named_predictors(self) -> list[tuple[str, Any]]:
        """The leaves that call an LM, by name (`self` for a program that is one itself)."""
        return [(name or "self", module) for name, module in self.named_modules() if hasattr(module, "signature")]

    def named_sub_modules(self, type_: type | None = None, skip_compiled: bool = False) -> Iterator[tuple[str, Any]]:  # noqa: FBT001, FBT002
        """`named_modules` under DSPy's names (`self`, `self.answer`), of one type if it is given, without those that are frozen if asked for."""
        for name, module in self.named_modules():
            if (type_ is None or isinstance(module, type_)) and not (skip_compiled and module is not self and module._compiled):
                yield f"self.{name}" if name else "self", module

    def predictors(self) -> list[Any]:
        return [predictor for _, predictor in self.named_predictors()]

    def set_lm(self, lm: Any) -> None:
        """Let every predictor of this program use `lm`, an LM or its name, whatever the context says."""
        for predictor in self.predictors():
            predictor.lm = named_lm(lm) if isinstance(lm, str) else lm

    def get_lm(self) -> Any:
        """The LM that every predictor of this program uses, None if it is the context's; raises if they use several."""
        lms = {id(predictor.lm): predictor.lm for predictor in self.predictors()}
        if len(lms) > 1:
            message = f"the predictors of {type(self).__name__} use {len(lms)} LMs; ask each one: named_predictors() gives them."
            raise UsageError(message)
        return next(iter(lms.values()), None)

    def map_named_predictors(self, func: Callable[[Any], Any]) -> Self:
        """Put `func(predictor)` in the place of every predictor of this program; gives the program itself."""
        made = {id(predictor): func(predictor) for name, predictor in self.named_predictors() if name != "self"}
        swapped(self, made, set())
        return self

    @property
    def history(self) -> list[dict[str, Any]]:
        """What the predictors of this program were answered lately, oldest first, as `lm.history` has it."""
        return observe.history_by(self.predictors())

    def inspect_history(self, n: int = 1, file: TextIO | None = None) -> None:
        """Show the last `n` calls of this process, as `adjoint.inspect_history` does; `prediction.tape` has those of one run."""
        observe.inspect_history(n, file)

    def freeze(self) -> Self:
        """Let every optimizer leave this module alone; gives the module itself."""
        for _, parameter in self.named_parameters():
            parameter.trainable = False
        return self

    def unfreeze(self) -> Self:
        """Let optimizers change all parameters of this module."""
        for _, parameter in self.named_parameters():
            parameter.trainable = True
        return self

    @property
    def _compiled(self) -> bool:
        """Whether the module is frozen, under the name by which DSPy's programs ask for that."""
        trainable = [parameter.trainable for _, parameter in self.named_parameters()]
        return bool(trainable) and not any(trainable)

    @_compiled.setter
    def _compiled(self, frozen: bool) -> None:
        self.freeze() if frozen else self.unfreeze()

    # State -------------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """The values of all parameters as flat JSON."""
        return states.read(self.named_parameters())

    def load_state_dict(self, state: State) -> None:
        """Set parameters; nothing is changed if a name is unknown."""
        states.write(self._slots(), state)

    def dump_state(self) -> dict[str, Any]:
        """The state in DSPy's form: instruction, descriptions of fields and demos of each predictor."""
        return dspy_state.dump(self)

    def load_state(self, state: Mapping[str, Any], *, allow_unsafe_lm_state: bool = False) -> Self:
        """Take up a state in DSPy's form. The LM that it may name is not taken up, whatever is allowed: files say nothing about who is asked."""
        del allow_unsafe_lm_state
        dspy_state.load(self, state)
        return self

    def with_state(self, state: State) -> Self:
        """A structural copy with other parameter values; LMs, tools and everything else are shared."""
        made = self.deepcopy()
        made.load_state_dict(state)
        return made

    def deepcopy(self) -> Self:
        """A copy with modules and parameters of its own; everything else is shared."""
        made: Self = copied(self, {})
        return made

    def reset_copy(self) -> Self:
        """A copy whose demos are empty."""
        made = self.deepcopy()
        for _, parameter in made.named_parameters():
            if parameter.kind == "demos":
                parameter.value = []
        return made

    def save(self, path: str | Path, save_program: bool = False, modules_to_serialize: Any = None) -> None:  # noqa: FBT001, FBT002 - DSPy's arguments
        """Write the state as readable JSON, with a description of what the predictors take and give.

        It names no code, no endpoint and no key, so that `modules_to_serialize` changes nothing. `adjoint.load` gives single
        predictors back from the file alone. With `save_program` the file stands in a directory of that path, where DSPy's
        programs look for it.
        """
        del modules_to_serialize
        saved.write(self, saved.inside(path, make=True) if save_program else path)

    def load(self, path: str | Path, allow_pickle: bool = False, allow_unsafe_lm_state: bool = False) -> None:  # noqa: FBT001, FBT002 - DSPy's
        """Read a state that `save`, or DSPy, has written into this program. Raises `UsageError` if it is no such file.

        What DSPy lets one allow changes nothing: no file is ever unpickled, and none says who is asked.
        """
        del allow_pickle, allow_unsafe_lm_state
        body = saved.read(path)
        if saved.is_dspy(body):
            self.load_state(body)
        else:
            self.load_state_dict(body["state"])


@contextmanager
def _recording(module: Module, inputs: dict[str, Any]) -> Iterator[Tape | None]:
    """Open a tape for the outermost module; inside another module the one that runs goes on (and None is given)."""
    record_tools()
    if current().tape is not None:
        yield None
        return
    tape = Tape(module, inputs)
    with within(tape=tape):
        yield tape


def _finished(result: Any, tape: Tape | None) -> Any:
    """Let a prediction that the program built itself know the tape that it ended."""
    if tape is not None and isinstance(result, Prediction) and result.tape is None:
        result._tape = tape
    return result


def _nearer(module: Module, name: str, other: str) -> bool:
    """Whether the method `name` was written further down the classes than `other`, so that it alone knows what is meant.

    A double that a test puts into the module itself is the furthest down.
    """
    places = itertools.chain((vars(module),), map(vars, type(module).__mro__))
    return other not in next(place for place in places if name in place or other in place)
