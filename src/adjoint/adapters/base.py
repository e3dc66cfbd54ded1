"""What an adapter is: pure functions, from a typed call to a request and from a response to typed outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Message, Request, Response
    from adjoint.signature.signature import Signature

NOTHING: frozenset[str] = frozenset()
"""What an LM supports that says nothing about itself."""


@dataclass(frozen=True, slots=True)
class Step:
    """A further request that must be asked before a reply can be read: whom, what, and how that reply is read."""

    lm: BaseLM
    request: Request
    signature: type[Signature]
    adapter: Adapter
    supports: frozenset[str]


class Adapter(Protocol):
    """Renders calls and reads replies. Pure: no state, no I/O, no randomness.

    `supports` is what the LM can do by itself, of "schema" (replies that match a JSON schema), "tools" (native calls)
    and "reasoning" (thoughts apart from the reply).
    """

    name: str

    def prefix(
        self,
        signature: type[Signature],
        instruction: str,
        demos: Sequence[Mapping[str, Any]],
        *,
        supports: frozenset[str] = NOTHING,
    ) -> tuple[Message, ...]:
        """The messages that every call with this instruction and these demos begins with."""
        ...

    def history(
        self, signature: type[Signature], inputs: Mapping[str, Any], *, supports: frozenset[str] = NOTHING
    ) -> tuple[Message, ...]:
        """The earlier turns that an input of type `History` stands for; mostly none."""
        ...

    def turn(self, signature: type[Signature], inputs: Mapping[str, Any], *, supports: frozenset[str] = NOTHING) -> Message:
        """The user message of one call."""
        ...

    def options(
        self, signature: type[Signature], inputs: Mapping[str, Any], *, supports: frozenset[str] = NOTHING
    ) -> dict[str, Any]:
        """What a request of this call carries besides messages: `schema` and `tools` where the LM takes them."""
        ...

    def parse(
        self, signature: type[Signature], response: Response | str, *, supports: frozenset[str] = NOTHING
    ) -> dict[str, Any]:
        """The typed outputs of a reply, or of its text.

        Raises `ParseError` that says what was expected and what came, and `RefusalError` if the model declined.
        """
        ...

    def then(self, signature: type[Signature], response: Response) -> Step | None:
        """What must be asked next before the reply can be read; None for nearly all adapters."""
        ...


@runtime_checkable
class WholeCalls(Protocol):
    """An adapter that gives all messages of a call at once."""

    def messages(
        self, signature: type[Signature], instruction: str, demos: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]
    ) -> tuple[Message, ...]: ...


def render(
    adapter: Adapter,
    signature: type[Signature],
    instruction: str,
    demos: Sequence[Mapping[str, Any]],
    inputs: Mapping[str, Any],
    *,
    supports: frozenset[str] = NOTHING,
) -> Request:
    """The whole request of one call: the shared prefix first, so that provider and local prefix caches hit."""
    from adjoint.lm.types import Request

    if isinstance(adapter, WholeCalls):
        return Request(messages=adapter.messages(signature, instruction, demos, inputs))
    shared = adapter.prefix(signature, instruction, demos, supports=supports)
    own = (*adapter.history(signature, inputs, supports=supports), adapter.turn(signature, inputs, supports=supports))
    return Request(messages=(*shared, *own), **adapter.options(signature, inputs, supports=supports))
