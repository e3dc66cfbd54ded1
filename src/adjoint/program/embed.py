"""`Embedder("provider/model")`: texts in, one row of numbers each out, through the same policies as every other call."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.portal import portal
from adjoint.lm.client import together
from adjoint.lm.embed import LocalEmbeddings, ServedEmbeddings, unpacked
from adjoint.lm.prices import Price
from adjoint.lm.types import Message, Request
from adjoint.program.context import context, policies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.lm.base import BaseLM
    from adjoint.lm.embed import Function, Vectors
    from adjoint.lm.http import Timeouts


class Embedder:
    """`Embedder("openai/text-embedding-3-small")`, or `Embedder(function)` with a function from texts to vectors.

    Called with texts it gives a float32 array of shape (n, d), one row a text in their order; with one text its vector,
    of shape (d,). `batch_size` texts go in one call (>= 1), at most `concurrency` calls at once. `options` go to the
    provider, such as `dimensions=256`. A function may be synchronous, and then runs in a thread, or asynchronous.

    Each text is kept in the ledger by itself (not with `caching=False`, and not what a function says, since nobody knows
    when it changes). A call for a batch counts as one under a budget; `price` is US dollars per million tokens.

    >>> Embedder(lambda texts: [[len(text), 1.0] for text in texts])(["a", "bcd"])
    array([[1., 1.],
           [3., 1.]], dtype=float32)
    """

    def __init__(
        self,
        model: str | Function,
        batch_size: int = 200,
        *,
        caching: bool = True,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | Timeouts | None = None,
        concurrency: int = 8,
        price: float | None = None,
        **options: Any,
    ) -> None:
        if batch_size < 1 or concurrency < 1:
            message = f"batch_size={batch_size} and concurrency={concurrency} must be 1 or more."
            raise UsageError(message)
        self.batch_size, self.caching, self.options = batch_size, caching, options
        told = None if price is None else Price(price, 0.0)
        self.lm: BaseLM
        if isinstance(model, str):
            self.lm = ServedEmbeddings(
                model,
                base_url=base_url,
                api_key=api_key,
                timeout=timeout,
                price=told,
                batch_size=batch_size,
                concurrency=concurrency,
            )
        else:
            self.lm = LocalEmbeddings(model, price=told, batch_size=batch_size, concurrency=concurrency)
        self.name = self.lm.name

    def __repr__(self) -> str:
        return f"Embedder({self.name!r}, batch_size={self.batch_size})"

    def __call__(self, inputs: str | Sequence[str]) -> Vectors:
        return portal.run(self.acall(inputs))

    async def acall(self, inputs: str | Sequence[str]) -> Vectors:
        """The same, to await."""
        if isinstance(inputs, str):
            single: Vectors = (await self.acall([inputs]))[0]
            return single
        texts = list(inputs)
        if not all(isinstance(text, str) for text in texts):
            message = "an embedder takes texts; give a str or a list of str."
            raise UsageError(message)
        if not texts:
            import numpy as np

            return np.zeros((0, 0), np.float32)
        with contextlib.nullcontext() if self.caching else context(cache="off"):
            ask = policies(self.lm)
        # Nothing is generated, which is also what a cap on tokens needs to know.
        requests = [Request((Message("user", text),), max_tokens=0, extra=self.options) for text in texts]
        replies = await portal.here(together([ask(request) for request in requests]))
        return unpacked([reply.text for reply in replies], self.name)
