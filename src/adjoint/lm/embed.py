"""Models that embed, as LMs: each message of a request is a text, and each text of the reply is a vector, packed."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from adjoint.base.errors import LMError, ServerError, UnknownNameError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.lm import guard, wire
from adjoint.lm.client import key_variable
from adjoint.lm.http import Endpoint, Timeouts, address, usable_key
from adjoint.lm.names import PROVIDERS, named, placed
from adjoint.lm.types import Estimate, Response, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from adjoint.lm.prices import Price
    from adjoint.lm.types import Request

    Vectors: TypeAlias = NDArray[np.float32]

PATH = "/embeddings"
Function: TypeAlias = Callable[[list[str]], Any | Awaitable[Any]]


class ServedEmbeddings:
    """The OpenAI-compatible endpoint for embeddings. `batch_size` texts may go in one call, `concurrency` calls at once."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | Timeouts | None = None,
        price: Price | None = None,
        batch_size: int,
        concurrency: int,
    ) -> None:
        provider, self.model = named(model, example="text-embedding-3-small")
        if provider not in PROVIDERS or PROVIDERS[provider].speaks != "openai":
            kind, known = "provider of embeddings", [name for name, found in PROVIDERS.items() if found.speaks == "openai"]
            raise UnknownNameError.of(kind, provider, known)
        base, key = placed(model, provider, base_url, api_key)
        variable = key_variable(provider)
        key = usable_key(key, variable)
        self.name, self.identity = model, f"{model}@{base}{PATH}"
        self.price, self._free = price, key is None or guard.is_loopback(base)
        self.batch_size, self.concurrency = batch_size, concurrency
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url, within = address(base, PATH), Timeouts.of(timeout)
        self._endpoint = Endpoint(url=url, headers=headers, key=key, key_variable=variable, timeouts=within)

    async def __call__(self, request: Request, /) -> Response:
        return await portal.here(self._ask(request))

    async def _ask(self, request: Request) -> Response:
        texts = [message.text for message in request.messages]
        data = await self._endpoint.post({"model": self.model, "input": texts, **request.extra})
        try:
            rows = _rows(wire.objects(data.get("data"), "embeddings"), len(texts))
            tokens = wire.count(wire.mapping(data.get("usage"), "usage").get("prompt_tokens"))
        except wire.Malformed as error:
            message = f"{self._endpoint.url} sent {error}; that is no list of embeddings."
            raise ServerError(message) from error
        guess = sum(map(wire.estimate, texts))
        cost = 0.0 if self._free else None
        usage = Estimate(1, guess, 0, cost) if tokens is None else Usage(1, tokens, 0, cost)
        return _response(rows, len(texts), usage, self._endpoint.url, ServerError)


class LocalEmbeddings:
    """A function from texts to vectors. Nobody knows when it changes, so its vectors are never kept."""

    def __init__(self, function: Function, *, price: Price | None = None, batch_size: int, concurrency: int) -> None:
        self.function = function
        self.name = str(getattr(function, "__name__", type(function).__name__))
        self.price, self.batch_size, self.concurrency = price, batch_size, concurrency

    async def __call__(self, request: Request, /) -> Response:
        texts, who = [message.text for message in request.messages], f"the function {self.name}"
        rows = await foreign(self._call(texts), LMError, who)
        return _response(rows, len(texts), Usage(1, sum(map(wire.estimate, texts)), 0), who, LMError)

    async def _call(self, texts: list[str]) -> Any:
        if inspect.iscoroutinefunction(self.function):
            return await self.function(texts)
        made = await portal.in_thread(self.function, texts)
        return await made if inspect.isawaitable(made) else made


def _rows(items: list[dict[str, Any]], count: int) -> list[Any]:
    """The vectors in the order of their texts. Each says to which it belongs; a server that leaves that out keeps the order."""
    rows = {wire.count(item.get("index", number)): item.get("embedding") for number, item in enumerate(items)}
    if rows.keys() != set(range(count)) or len(items) != count:
        message = f"{len(items)} embeddings that do not belong to the {count} texts one to one"
        raise wire.Malformed(message)
    return [rows[number] for number in range(count)]


def _response(rows: Any, count: int, usage: Usage, who: str, error: type[LMError]) -> Response:
    first, *others = (packed(row) for row in _array(rows, count, who, error))
    return Response(first, usage=usage, others=tuple(others))


def _array(rows: Any, count: int, who: str, kind: type[LMError]) -> Vectors:
    """The rows as one array; anything that is not `count` rows of as many finite numbers is an error."""
    import numpy as np

    try:
        with np.errstate(over="ignore"):  # too large a number becomes infinite, and is refused as such below
            array = np.asarray(rows, dtype=np.float32)
    except (TypeError, ValueError) as error:
        message = f"{who} gave vectors that are no rows of numbers of one length."
        raise kind(message) from error
    if array.ndim != 2 or array.shape[0] != count or array.shape[1] == 0 or not np.isfinite(array).all():
        message = f"{who} gave an array of shape {array.shape} for {count} texts; ({count}, d) with finite numbers is needed."
        raise kind(message)
    return array


def packed(row: NDArray[np.float32]) -> str:
    """A vector as text: base64 of its little-endian 32-bit numbers."""
    return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")


def unpacked(texts: Sequence[str], who: str) -> Vectors:
    """The vectors of such texts as the rows of one array."""
    import numpy as np

    rows = [np.frombuffer(base64.b64decode(text), "<f4") for text in texts]
    if len(sizes := {len(row) for row in rows}) > 1:
        message = f"{who} gave vectors of different lengths: {sorted(sizes)}."
        raise LMError(message)
    return np.stack(rows).astype(np.float32)
