"""Typed results: what `Answer` in `Predict[Answer](...)` means, for type checkers and when the program runs."""

from __future__ import annotations

import functools
import inspect
import typing
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import SignatureError
from adjoint.program.prediction import Prediction

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from adjoint.signature.signature import Signature

    Result = TypeVar("Result", default=Prediction)
else:
    Result = typing.TypeVar("Result")
"""The type of a result: `Prediction`, unless the program is asked for another."""


def asked_for(module: object) -> Any:
    """What stands in the brackets of `Predict[...]` that made this object; None if nothing does."""
    made_by = vars(module).get("__orig_class__")
    return None if made_by is None else typing.get_args(made_by)[0]


@functools.lru_cache(maxsize=256)
def result_class(asked: Any, signature: type[Signature]) -> type[Prediction]:
    """The class of the predictions: the one asked for if it is one of predictions, else `Prediction`, which has what a protocol wants.

    Raises `SignatureError` if it promises what the signature does not give.
    """
    outputs = signature.output_fields
    for name, type_ in _promised(asked).items():
        if name not in outputs:
            message = f"{asked.__name__} promises {name!r}, which {signature.__name__} does not give; its outputs are {', '.join(outputs)}."
            raise SignatureError(message)
        if type_ not in (Any, object, outputs[name].type):
            message = f"{asked.__name__} promises {name!r} as {type_}, but {signature.__name__} gives {outputs[name].type}."
            raise SignatureError(message)
        if name in vars(asked):
            message = f"{asked.__name__}.{name} has a value in the class, which would hide the output; write only `{name}: ...`."
            raise SignatureError(message)
    return asked if isinstance(asked, type) and issubclass(asked, Prediction) else Prediction


def _promised(asked: Any) -> dict[str, Any]:
    """The public fields that a class or a protocol names, with their types where those are known from outside."""
    own = [base for base in asked.__mro__ if base not in Prediction.__mro__ and base is not typing.Protocol]
    return {name: type_ for base in reversed(own) for name, type_ in _annotated(base).items() if not name.startswith("_")}


def _annotated(cls: type) -> dict[str, Any]:
    try:
        return inspect.get_annotations(cls, eval_str=True)
    except NameError:  # written inside a function, with names of its own
        return dict.fromkeys(inspect.get_annotations(cls), Any)
