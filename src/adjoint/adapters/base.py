"""What an adapter is: two pure functions, from a typed call to a request and from a response to typed outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.lm.types import Message, Request, Response
    from adjoint.signature.signature import Signature


class Adapter(Protocol):
    """Renders calls and reads replies. Pure: no state, no I/O, no randomness."""

    name: str

    def prefix(self, signature: type[Signature], instruction: str, demos: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
        """The messages that every call with this instruction and these demos begins with."""
        ...

    def turn(self, signature: type[Signature], inputs: Mapping[str, Any]) -> Message:
        """The user message of one call."""
        ...

    def parse(self, signature: type[Signature], response: Response) -> dict[str, Any]:
        """The typed outputs of a reply; raises `ParseError` that says what was expected and what came."""
        ...


def render(
    adapter: Adapter, signature: type[Signature], instruction: str, demos: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]
) -> Request:
    """The whole request of one call: the shared prefix first, so that provider and local prefix caches hit."""
    from adjoint.lm.types import Request

    return Request(messages=(*adapter.prefix(signature, instruction, demos), adapter.turn(signature, inputs)))
