"""Repair: asking again for what a reply lacks, and for nothing that it has said already."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from adjoint.adapters import example
from adjoint.adapters.forms.choice import FORMS
from adjoint.adapters.forms.form import COPIED
from adjoint.adapters.forms.lines import is_reasoning
from adjoint.base.errors import ParseError
from adjoint.lm.types import Message, Part, Response  # noqa: TC001 - examples name it

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.adapters.base import Adapter
    from adjoint.lm.types import Request
    from adjoint.signature.fields import Field
    from adjoint.signature.signature import Signature

_LONGEST = 200
"""Characters of a complaint that are passed on: small models copy longer ones."""
_CIRCLE, _TIMES = 30, 4
"""The last characters of a reply, and how often they stand in one that runs in a circle."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What was read, what is still missing, and the turns that ask for it."""

    found: Mapping[str, Any]
    asked: type[Signature]
    """The outputs of the reply that was not read."""
    signature: type[Signature]
    """Those that are still to be read."""
    turns: tuple[Message, ...]
    """What follows the messages of the call."""

    def request(self, asked: Request) -> Request:
        """The request that asks for the rest. Where no turn of the model is shown, the last message goes on."""
        *earlier, last = asked.messages
        if self.turns[0].role == "user" and last.role == "user":
            return replace(asked, messages=(*earlier, _longer(last, self.turns[0].text)))
        return replace(asked, messages=(*asked.messages, *self.turns))

    def read(self, adapter: Adapter, response: Response, *, supports: frozenset[str]) -> dict[str, Any]:
        """All outputs: those that were found before, and the missing ones out of the reply to that, which may hold the others as well."""
        outputs = tuple(self.signature.output_fields.values())
        try:
            again = FORMS["lines"].read(outputs, response.text, whole=response.finish != "length")
        except ParseError:
            again = self._within(adapter, response, supports)
        return {**self.found, **(again or adapter.parse(self.signature, response, supports=supports))}

    def _within(self, adapter: Adapter, response: Response, supports: frozenset[str]) -> dict[str, Any]:
        """The missing outputs out of a reply that says all of them once more; empty if it does not."""
        if self.asked is self.signature:
            return {}
        try:
            said: Mapping[str, Any] = adapter.parse(self.asked, response, supports=supports)
        except ParseError as error:
            said = error.found
        names = self.signature.output_fields
        return {name: said[name] for name in names} if all(name in said for name in names) else {}


def can_be_repaired(signature: type[Signature], response: Response, error: ParseError) -> bool:
    """Whether it helps to ask for the rest. A reply that was cut off would be again, unless only reasoning used up the room."""
    if response.finish != "length":
        return True
    thought = {name for name, field in signature.output_fields.items() if is_reasoning(field)}
    return bool(error.found) and thought.issuperset(error.found)


def runs_away(response: Response) -> bool:
    """Whether the model said the same again and again until it was cut off, as small ones do: another form breaks the circle.

    >>> runs_away(Response("She is fond of chess, and so chess is her hobby. " * 20, "length"))
    True
    """
    text = response.text
    return response.finish == "length" and len(text) > _LONGEST and text.count(text[-_CIRCLE:]) >= _TIMES


def repair_of(
    signature: type[Signature], response: Response, error: ParseError, before: Mapping[str, Any] | None = None
) -> Repair:
    """How to ask for what a reply lacks: by name and with its type, in a short turn of its own. `before` was found earlier."""
    missing = [field for name, field in signature.output_fields.items() if name not in error.found]
    rest = signature
    for name in error.found:
        rest = rest.delete(name)
    asked = Message("user", _asks(missing, str(error)))
    shown = response.text.strip() and COPIED not in str(error)
    return Repair(
        {**(before or {}), **error.found}, signature, rest, (Message("assistant", response.text), asked) if shown else (asked,)
    )


def _asks(fields: Sequence[Field], complaint: str) -> str:
    """The request for some outputs only.

    >>> from adjoint.signature.signature import Signature
    >>> _asks(list(Signature("q -> age: int").output_fields.values()), "the reply has no age.")
    'That cannot be used: the reply has no age. Now write only the age: an integer.'
    """
    allowed = example.allowed_by(fields[0]) if len(fields) == 1 else []
    if allowed:  # whoever hears a complaint repeats what was refused
        one = "word" if all(len(text.split()) == 1 for text in allowed) else "item"
        return f"Which of these fits best: {', '.join(allowed)}? Reply with one {one} of this list."
    refused = f"That cannot be used: {complaint} " if len(complaint) <= _LONGEST else ""
    return refused + (
        _asks_one(fields[0]) if len(fields) == 1 else f"Now write only this JSON, filled in:\n{example.example(fields)}"
    )


def _asks_one(field: Field) -> str:
    if example.has_parts(field):
        return f"Now write only this JSON, filled in:\n{example.of_field(field)}"
    name, said = field.name.replace("_", " "), example.wanted(field)
    return f"Now write only the {name}: {said}." if said else f"Now write only the {name}."


def _longer(message: Message, text: str) -> Message:
    if isinstance(message.content, str):
        return replace(message, content=f"{message.content}\n\n{text}")
    return replace(message, content=(*message.content, Part("text", text=text)))
