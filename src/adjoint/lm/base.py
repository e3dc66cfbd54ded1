"""The one seam to language models: an async method from a request to a response, and wrappers that are models too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from adjoint.lm.types import Request, Response


@runtime_checkable
class BaseLM(Protocol):
    """Anything with a name and one async method.

    An LM may also have `identity: str`, which says exactly who answers (provider, model, endpoint, weights). Only
    replies of an LM with an identity are kept and used again; without one every request is asked anew. And it may have
    `supports: frozenset[str]`, of "schema" (replies that match `Request.schema`), "tools" (`Request.tools`) and
    "reasoning" (`Response.reasoning`): what is not named there is asked for in the prompt instead. `adapter` is the adapter that the LM
    is asked with where the context has none; "compact" is said by the embedded model, which has learned short forms of its own.
    """

    name: str

    async def __call__(self, request: Request, /) -> Response:
        """Answer, or raise an `LMError`."""
        ...


def identity_of(lm: BaseLM) -> str | None:
    """Who answers, or None if the LM does not say so."""
    identity = getattr(lm, "identity", None)
    return identity if isinstance(identity, str) else None


NATIVE = frozenset({"reasoning", "schema", "tools"})
"""Everything that an LM may support."""


def supports_of(lm: object) -> frozenset[str]:
    """What the LM can do by itself; nothing if it does not say so."""
    supports = getattr(lm, "supports", None)
    return supports if isinstance(supports, frozenset) else frozenset()


class Wrapper:
    """An LM around an LM: one policy each. Subclasses implement `__call__` and otherwise look like the inner LM."""

    def __init__(self, inner: BaseLM) -> None:
        self.inner = inner
        self.name = inner.name
        self.identity = identity_of(inner)
        self.supports = supports_of(inner)
        self.adapter = getattr(inner, "adapter", None)

    def __call__(self, request: Request, /) -> Coroutine[Any, Any, Response]:
        return self.inner(request)
