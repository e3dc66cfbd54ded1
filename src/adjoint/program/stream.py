"""Streams: whoever listens hears the pieces of a reply as they are written, behind all policies of the gate."""

from __future__ import annotations

from contextlib import aclosing, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from adjoint.base.errors import LMError
from adjoint.lm.base import Wrapper
from adjoint.lm.types import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from adjoint.adapters.base import Adapter
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request
    from adjoint.signature.signature import Signature


class Reading(Protocol):
    """Hears the reply of one call of a predictor."""

    def add(self, text: str) -> None:
        """A piece of the reply."""

    def end(self, outputs: Mapping[str, Any]) -> None:
        """The outputs, once the reply has been read."""


listener: ContextVar[Callable[[Any, Adapter, type[Signature], frozenset[str]], Reading] | None] = ContextVar(
    "adjoint_listener", default=None
)
"""Gives a reading for each call of a predictor, where somebody streams."""
heard: ContextVar[Callable[[str], None] | None] = ContextVar("adjoint_heard", default=None)
"""Gets each piece of text of the reply that is being written for this task."""


class Streamed(Wrapper):
    """Asks for the reply in pieces. One that breaks off after a piece was heard is not asked again: it cannot be unsaid."""

    async def __call__(self, request: Request) -> Response:
        say, began = heard.get(), False
        try:
            client: Any = getattr(self.inner, "client", self.inner)
            async with aclosing(client.stream(request)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Response):
                        return piece
                    if piece.text and say is not None:
                        began = True
                        say(piece.text)
        except LMError as error:
            if not (began and error.retryable):
                raise
            message = f"the reply of {self.name} broke off after a part of it was shown: {error}"
            raise LMError(message, maybe_billed=True) from error
        message = f"{self.name} ended its stream without a reply."
        raise LMError(message, maybe_billed=True)


def tapped(lm: BaseLM) -> BaseLM:
    """The LM, asked for pieces if somebody listens and it can write them."""
    client = getattr(lm, "client", lm)
    return Streamed(lm) if heard.get() is not None and hasattr(client, "stream") else lm


_UNHEARD = nullcontext()


def hearing(reading: Reading | None) -> AbstractContextManager[None]:
    """Let a reading, if there is one, hear the replies that are asked for inside the block."""
    return _UNHEARD if reading is None else _heard_by(reading)


@contextmanager
def _heard_by(reading: Reading) -> Iterator[None]:
    token = heard.set(reading.add)
    try:
        yield
    finally:
        heard.reset(token)
