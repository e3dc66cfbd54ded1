"""States in the form in which DSPy writes them: instructions, descriptions of fields and demos, by predictor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.base.json import plain

if TYPE_CHECKING:
    from adjoint.program.module import Module

_MEMBER = re.compile(r"\[['\"]?(.*?)['\"]?\]")
_ABOUT = "metadata"
_OWN = "self"
_PARTS = {"demos", "signature"}
"""What is taken up of a predictor's state."""


def dump(program: Module) -> dict[str, Any]:
    """The state of each predictor by its name; of a program that is a predictor itself, its state alone."""
    made = {name: _dumped(predictor) for name, predictor in program.named_predictors()}
    return made[_OWN] if list(made) == [_OWN] else made


def load(program: Module, state: Mapping[str, Any]) -> None:
    """Set instructions, descriptions and demos; nothing is changed if a predictor is missing or not known, or its state cannot be read."""
    predictors = dict(program.named_predictors())
    states = {name: said for name, said in state.items() if name != _ABOUT}
    given = {_OWN: states} if list(predictors) == [_OWN] else {_dotted(name): said for name, said in states.items()}
    for name, said in given.items():
        if name not in predictors:
            kind = "predictor"
            raise UnknownNameError.of(kind, name, predictors)
        if not isinstance(said, Mapping) or not said.keys() & _PARTS or not isinstance(said.get("demos", []), list):
            message = f"the state of {name!r} is {said!r:.80}; it needs demos and a signature."
            raise UsageError(message)
    absent = [name for name in predictors if name not in given]
    if absent:
        message = f"the state says nothing of {absent[0]!r}, so it belongs to another program; it has {', '.join(given) or 'no predictor'}."
        raise UsageError(message)
    made = {name: predictors[name].signature.load_state(said.get("signature") or {}) for name, said in given.items()}
    for name, said in given.items():
        predictors[name].signature = made[name]
        predictors[name].demos = [dict(demo) for demo in said.get("demos", [])]


def _dotted(name: str) -> str:
    """A name as it is here: DSPy writes members of lists and dictionaries in brackets.

    >>> _dotted("steps[0].answer['long'].predict")
    'steps.0.answer.long.predict'
    """
    return _MEMBER.sub(r".\1", name)


def _dumped(predictor: Any) -> dict[str, Any]:
    signature = predictor.signature
    lm = None if predictor.lm is None or not hasattr(predictor.lm, "dump_state") else predictor.lm.dump_state()
    return {"traces": [], "train": [], "demos": plain(predictor.demos), "signature": signature.dump_state(), "lm": lm}
