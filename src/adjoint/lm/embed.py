"""Embeddings in batches: texts in, one row of numbers each out, from a server or from a function."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from adjoint.base.errors import AuthError, LMError, ServerError, UnknownNameError, UsageError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.lm import guard, wire
from adjoint.lm.client import key_variable
from adjoint.lm.http import Endpoint, address, usable_key
from adjoint.lm.names import PROVIDERS, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[np.float32]

PATH = "/embeddings"
Function: TypeAlias = Callable[[list[str]], Any | Awaitable[Any]]


class Embedder:
    """`Embedder("openai/text-embedding-3-small")`, or `Embedder(function)` with a function from texts to vectors.

    Called with texts it gives a float32 array of shape (n, d), one row a text in their order; with one text its vector,
    of shape (d,). `batch_size` texts go in one call (>= 1), at most `concurrency` calls at once. `options` go to the
    provider, such as `dimensions=256`. A function may be synchronous, and then runs in a thread, or asynchronous.

    >>> Embedder(lambda texts: [[len(text), 1.0] for text in texts])(["a", "bcd"])
    array([[1., 1.],
           [3., 1.]], dtype=float32)
    """

    def __init__(
        self,
        model: str | Function,
        batch_size: int = 200,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float = TIMEOUT,
        concurrency: int = 8,
        **options: Any,
    ) -> None:
        if batch_size < 1 or concurrency < 1:
            message = f"batch_size={batch_size} and concurrency={concurrency} must be 1 or more."
            raise UsageError(message)
        self.batch_size, self.concurrency, self.options = batch_size, concurrency, options
        if isinstance(model, str):
            self.name = model
            self._embed: Callable[[list[str]], Awaitable[Any]] = _Server(model, base_url, api_key, timeout, options)
        else:
            self.name = getattr(model, "__name__", type(model).__name__)
            self._embed = _Local(model, self.name)

    def __repr__(self) -> str:
        return f"Embedder({self.name!r}, batch_size={self.batch_size})"

    def __call__(self, inputs: str | Sequence[str]) -> Vectors:
        return portal.run(self.acall(inputs))

    async def acall(self, inputs: str | Sequence[str]) -> Vectors:
        """The same, to await."""
        if isinstance(inputs, str):
            single: Vectors = (await self.acall([inputs]))[0]
            return single
        import numpy as np

        texts = list(inputs)
        if not all(isinstance(text, str) for text in texts):
            message = "an embedder takes texts; give a str or a list of str."
            raise UsageError(message)
        if not texts:
            return np.zeros((0, 0), np.float32)
        slots = asyncio.Semaphore(self.concurrency)
        batches = [texts[start : start + self.batch_size] for start in range(0, len(texts), self.batch_size)]
        tasks = [asyncio.ensure_future(self._batch(batch, slots)) for batch in batches]
        try:
            found = await asyncio.gather(*tasks)
        finally:
            for task in tasks:  # after one failure the others are not paid for
                task.cancel()
        sizes = {rows.shape[1] for rows in found}
        if len(sizes) > 1:
            message = f"{self.name} gave vectors of different lengths: {sorted(sizes)}."
            raise ServerError(message)
        return np.concatenate(found)

    async def _batch(self, texts: list[str], slots: asyncio.Semaphore) -> Vectors:
        async with slots:
            rows = await self._embed(texts)
        return _array(rows, len(texts), self.name)


class _Server:
    """The OpenAI-compatible endpoint for embeddings."""

    def __init__(self, model: str, base_url: str | None, api_key: str | None, timeout: float, options: dict[str, Any]) -> None:
        name, _, self.model = model.partition("/")
        provider = PROVIDERS.get(name)
        if provider is None or provider.speaks != "openai":
            known = [known for known, found in PROVIDERS.items() if found.speaks == "openai"]
            kind = "provider of embeddings"
            raise UnknownNameError.of(kind, name, known)
        if not self.model:
            message = f"{model!r} names no model; write provider/model, for example openai/text-embedding-3-small."
            raise UsageError(message)
        variable = key_variable(name)
        key = usable_key(api_key or os.environ.get(variable), variable)
        url = address(base_url or os.environ.get(f"{name.upper()}_BASE_URL") or provider.base_url, PATH)
        if provider.needs_key and key is None and not guard.is_loopback(url):
            message = f"no {variable} for {model}: set it, or give a function instead of a name."
            raise AuthError(message)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._endpoint = Endpoint(url=url, headers=headers, key=key, key_variable=variable, timeout=timeout)
        self._options = options

    async def __call__(self, texts: list[str]) -> list[Any]:
        data = await portal.here(self._endpoint.post({"model": self.model, "input": texts, **self._options}))
        try:
            items = wire.objects(data.get("data"), "embeddings")
        except wire.Malformed as error:
            message = f"{self._endpoint.url} sent {error}; that is no list of embeddings."
            raise ServerError(message) from error
        # Each says which text it belongs to; a server that leaves that out keeps the order.
        rows = {wire.count(item.get("index", number)): item.get("embedding") for number, item in enumerate(items)}
        if rows.keys() != set(range(len(texts))) or len(items) != len(texts):
            message = (
                f"{self._endpoint.url} sent {len(items)} embeddings that do not belong to the {len(texts)} texts one to one."
            )
            raise ServerError(message)
        return [rows[number] for number in range(len(texts))]


class _Local:
    """A function of the user's."""

    def __init__(self, function: Function, name: str) -> None:
        self.function, self.name = function, name

    async def __call__(self, texts: list[str]) -> Any:
        return await foreign(self._call(texts), LMError, f"the function {self.name}")

    async def _call(self, texts: list[str]) -> Any:
        if inspect.iscoroutinefunction(self.function):
            return await self.function(texts)
        made = await portal.in_thread(self.function, texts)
        return await made if inspect.isawaitable(made) else made


def _array(rows: Any, count: int, name: str) -> Vectors:
    """The rows as one array; anything that is not `count` rows of as many finite numbers is an error."""
    import numpy as np

    try:
        with np.errstate(over="ignore"):  # too large a number becomes infinite, and is refused as such below
            array = np.asarray(rows, dtype=np.float32)
    except (TypeError, ValueError) as error:
        message = f"{name} gave vectors that are no rows of numbers of one length."
        raise ServerError(message) from error
    if array.ndim != 2 or array.shape[0] != count or array.shape[1] == 0 or not np.isfinite(array).all():
        message = f"{name} gave an array of shape {array.shape} for {count} texts; ({count}, d) with finite numbers is needed."
        raise ServerError(message)
    return array
