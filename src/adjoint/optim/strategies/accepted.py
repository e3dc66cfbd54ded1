"""Arguments that DSPy's users write: what has no meaning here is accepted where that is harmless, and refused where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from adjoint.base.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

T = TypeVar("T")
_OF_COMPILE = ("seed", "num_threads")


def one_of(name: str, value: T, allowed: Collection[Any]) -> T:
    """The value, if it is one of those allowed.

    >>> one_of("auto", "light", ("light", "heavy"))
    'light'
    """
    if value not in allowed:
        message = f"{name}={value!r} is not known; {', '.join(map(repr, allowed))} are."
        raise UsageError(message)
    return value


def accept(
    optimizer: str, given: Mapping[str, Any], *, harmless: Collection[str] = (), refused: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Those of the arguments that `compile` takes. Others must be `harmless`, or `refused` and without a wish.

    `refused` says of an argument what to do instead; None and False are no wish and are accepted.

    >>> accept("GEPA", {"seed": 3, "num_threads": 8, "log_dir": "logs"}, harmless=["log_dir"])
    {'seed': 3, 'num_threads': 8}
    """
    reasons = refused or {}
    for name, value in given.items():
        if name in reasons and value is not None and value is not False:
            message = f"{optimizer}({name}={value!r}) is not offered: {reasons[name]}."
            raise UsageError(message)
        if name not in (*harmless, *reasons, *_OF_COMPILE):
            raise UnknownNameError.of("argument", name, [*harmless, *reasons, *_OF_COMPILE])
    return {name: given[name] for name in _OF_COMPILE if given.get(name) is not None}
