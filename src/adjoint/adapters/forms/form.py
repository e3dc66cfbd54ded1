"""What a form of a reply is: asking, reminding, writing and reading in one place, so that they cannot drift apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from adjoint.base.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from adjoint.adapters.pieces import Reader
    from adjoint.signature.fields import Field


class Form(ABC):
    """A form of replies. It has no state, and its law is that `read` gives back what `write` was given."""

    name: ClassVar[str]

    @abstractmethod
    def describe(self, outputs: Sequence[Field]) -> str:
        """What the system message says of the form; empty if nothing needs to be said."""

    def remind(self, outputs: Sequence[Field]) -> str:
        """What stands behind the inputs, where small models heed it most; empty if nothing needs to be said."""
        del outputs
        return ""

    @abstractmethod
    def write(self, outputs: Sequence[Field], given: Mapping[str, Any]) -> str:
        """The outputs as a model that follows the form writes them. Fields may be absent, as in demos."""

    @abstractmethod
    def read(self, outputs: Sequence[Field], text: str, *, whole: bool = True) -> dict[str, Any]:
        """The typed outputs of a reply; a text that was cut off is not `whole`.

        Raises `ParseError` that carries what could be read (`found`) and what is wrong with the rest (`problems`).
        """

    @abstractmethod
    def reader(self, outputs: Sequence[Field]) -> Reader:
        """What cuts a reply into its outputs while it is being written."""


COPIED = "repeats the form instead of filling it in."
"""What is wrong with a value that the form itself has in its place."""


def copied(what: str, text: str) -> ParseError:
    """The error of a reply in which an output is a copy of the form."""
    return ParseError(f"{what} {COPIED}", raw=text)


def collect(outputs: Sequence[Field], text: str, read: Callable[[Field], Any]) -> dict[str, Any]:
    """What `read` makes of each output; one `ParseError` for all of those that it cannot read."""
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in outputs:
        try:
            found[field.name] = read(field)
        except ParseError as error:
            problems[field.name] = str(error)
    if problems:
        raise ParseError(" ".join(dict.fromkeys(problems.values())), raw=text, found=found, problems=problems)
    return found


def lacking(field: Field, what: str, text: str) -> Any:
    """The default of an output that a reply leaves out; without one the reply cannot be used."""
    if not field.required:
        return field.fallback
    message = f"the reply has no {what}."
    raise ParseError(message, raw=text)
