"""State: all parameters of a program as flat JSON; its digest names a candidate."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.base.json import Json, digest, plain
from adjoint.lm.weights import ADAPTER, MODEL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from adjoint.program.parameter import Parameter

State: TypeAlias = Mapping[str, Json]


def read(parameters: Iterable[tuple[str, Parameter[Any]]]) -> dict[str, Json]:
    """The values of the parameters as JSON."""
    return {name: plain(parameter.value) for name, parameter in parameters}


def write(parameters: Iterable[tuple[str, Parameter[Any]]], state: State) -> None:
    """Set the values named in `state`; all names and kinds are checked before anything is changed."""
    known = dict(parameters)
    for name in state:
        if name not in known:
            raise UnknownNameError.of("parameter", name, known)
    for name, value in state.items():
        _check(name, known[name].kind, value)
    for name, value in state.items():
        known[name].value = copy.deepcopy(value)


def _check(name: str, kind: str, value: Any) -> None:
    fits = {
        "text": isinstance(value, str),
        "demos": isinstance(value, list) and all(isinstance(demo, Mapping) for demo in value),
        "number": isinstance(value, int | float),
        "weights": value is None or (isinstance(value, Mapping) and [*value] in ([ADAPTER], [MODEL])),
    }
    if not fits.get(kind, True):
        wanted = {
            "text": "a text",
            "demos": "a list of objects",
            "number": "a number",
            "weights": "an object with adapter or model",
        }[kind]
        message = f"the parameter {name!r} is {wanted}, not {value!r}."
        raise UsageError(message)


def name_of(state: State) -> str:
    """The name of a candidate: 12 characters of the digest of its state."""
    return digest(dict(state), length=12)
