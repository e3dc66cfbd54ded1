"""Assert and Suggest: conditions inside a forward. A call whose output breaks one is shown it with the reason, and asked again."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any, Literal

from adjoint.adapters.written import write
from adjoint.base.errors import AssertionFailed
from adjoint.data.records import Score
from adjoint.lm.types import Message
from adjoint.program import runs
from adjoint.program.context import current
from adjoint.program.tape import Remark

if TYPE_CHECKING:
    from types import FrameType

    from adjoint.program.module import Module
    from adjoint.program.tape import Node


class SuggestionWarning(UserWarning):
    """A `Suggest` does not hold, however often the call was asked again."""


def Assert(  # noqa: N802 - DSPy's name
    condition: Any, message: str = "", *, target: Module | None = None, max_backtracks: int | None = None
) -> bool:
    """Go on only if `condition` holds.

    If it does not, the forward is run again: all its calls are replayed, but the last one (or the last of `target`) is
    shown its output and `message`, and answers anew. After `max_backtracks` such tries (the context's, 2 by default)
    `AssertionFailed` is raised.
    """
    return _holds(condition, target) or _broken("assert", message, target, max_backtracks)


def Suggest(  # noqa: N802 - DSPy's name
    condition: Any, message: str = "", *, target: Module | None = None, max_backtracks: int | None = None
) -> bool:
    """`Assert` that in the end only warns (`SuggestionWarning`) and goes on. Gives whether the condition holds."""
    return _holds(condition, target) or _broken("suggest", message, target, max_backtracks)


def _holds(condition: Any, target: Module | None) -> bool:
    """Whether the condition holds; if it did not before, the remarks on that are settled."""
    held, here, caller = bool(condition), current(), sys._getframe(2)
    if held and here.tape is not None and here.tape.remarks:
        found = runs.last_call(None if target is None else target.predictors())
        place = None if found is None else (_line(caller), found[2])
        for remark in here.tape.remarks:
            remark.settled = remark.settled or (place is not None and remark.place == place)
    return held


def _line(frame: FrameType) -> tuple[str, int]:
    return frame.f_code.co_filename, frame.f_lineno


def _broken(kind: Literal["assert", "suggest"], message: str, target: Module | None, limit: int | None) -> bool:
    """Go back if that may still help; else say so and, for a suggestion, go on."""
    here, caller = current(), sys._getframe(2)
    most = here.max_backtracks if limit is None else limit
    text = message or f"a condition in {caller.f_code.co_name}, line {caller.f_lineno}, does not hold"
    found = runs.last_call(None if target is None else target.predictors())
    remark = Remark(kind, text, Score(0.0, text), None if found is None else found[1])
    if here.tape is not None:
        here.tape.remarks.append(remark)
    if found is not None and here.tape is not None:
        run, node, key = found
        place = remark.place = (_line(caller), key)
        tried = run.tries.get(place, 0)
        if tried < most:
            run.tries[place] = tried + 1
            remark.again = True
            raise runs.Backtrack(node, _note(node, text, run.note_of(node)), here.tape)
        text = f"{text} (asked again {tried} times)" if tried else text
    if kind == "assert":
        raise AssertionFailed(text)
    warnings.warn(text, SuggestionWarning, stacklevel=3)
    return False


def _note(node: Node, text: str, before: runs.Note | None) -> runs.Note:
    """What the call is shown: its output and the objection, behind those of earlier tries."""
    said = write(dict(node.outputs)) if node.reply is None else node.reply
    turns = (Message("assistant", said), Message("user", f"This does not do: {text}\nAnswer again, in the same form."))
    return runs.Note((*(before.turns if before else ()), *turns))
