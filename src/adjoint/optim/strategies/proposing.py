"""Proposers of the user's own: functions that write new texts from what came of runs, in the form that GEPA's users know."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import ProgramError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.optim.knobs import require
from adjoint.optim.spelling import one_of
from adjoint.optim.strategies.reflection import calls_of
from adjoint.program.context import context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from adjoint.lm.base import BaseLM
    from adjoint.optim.strategies.reflection import Runs
    from adjoint.program.state import State


async def written(
    proposer: Callable[..., Any], state: State, told: Mapping[str, Runs], texts: Sequence[str], lm: BaseLM | None
) -> State:
    """The state with the texts that `proposer(candidate, reflective_dataset, components_to_update)` gives, by name.

    `told` has the runs from which each text that is due may learn; `lm` answers the programs that the proposer calls, None is
    the context's. Whatever it raises becomes a `ProgramError`; a name that was not due is refused (`UsageError`).
    """
    shown = {
        "candidate": {name: state[name] for name in texts},
        "reflective_dataset": {name: records_of(runs, name) for name, runs in told.items()},
        "components_to_update": list(told),
    }
    with context(role="proposer", tape=None, **({} if lm is None else {"lm": lm})):
        own_call = getattr(proposer, "__call__", None)  # noqa: B004 - whether it is asynchronous is asked, not whether it is there
        waits = inspect.iscoroutinefunction(proposer) or inspect.iscoroutinefunction(own_call)
        call = proposer(**shown) if waits else portal.in_thread(proposer, **shown)
        made = await foreign(call, ProgramError, "the instruction proposer")
    require("instruction_proposer", "result", made, "Mapping")
    for name in made:
        one_of("a text written by instruction_proposer", name, told)
    return {**state, **{name: str(text) for name, text in made.items()}}


def records_of(runs: Runs, name: str) -> list[dict[str, Any]]:
    """The calls that used a text, as GEPA's reflective data set shows them."""
    return [{"Inputs": given, "Generated Outputs": said, "Feedback": feedback} for given, said, feedback in calls_of(runs, name)]
