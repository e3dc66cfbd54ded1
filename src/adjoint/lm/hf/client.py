"""`HF`: a local checkpoint as a language model, through transformers. It needs the extra `hf`."""

from __future__ import annotations

import asyncio
import importlib.util
from functools import cached_property
from typing import TYPE_CHECKING

from adjoint.base.deps import need
from adjoint.lm.hf import checkpoint
from adjoint.lm.hf.engine import Ask, engine
from adjoint.lm.local import refuse_what_means_nothing, streamed
from adjoint.lm.types import Response, TokenLogprob, Usage
from adjoint.lm.weights import ADAPTER

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from adjoint.lm.hf.engine import Engine
    from adjoint.lm.types import Delta, Request


class HF:
    """A decoder or an encoder-decoder (T5) from a directory or from the hub; `hf/pocket` is the embedded checkpoint.

    Concurrent calls are answered in one batch, and no reply depends on its company. `temperature` None or 0 is greedy;
    sampling depends on `seed`, `sample` and the messages, and on nothing else. `logprobs` are those at temperature 1. The
    option `adapter` names weights (see `adjoint.lm.weights`) that answer this one call; the base stays in memory. `device`
    and `dtype` are torch's words; by default CUDA, then MPS, then the CPU, in 16 bits on the first two. Loads on first use.

    Raises `MissingExtraError` without the extra, `UsageError` for a directory that holds no checkpoint,
    `ContextLengthError` if the prompt leaves no room for a reply, `RequestError` for settings it does not know.
    """

    supports = frozenset({"schema"})

    def __init__(self, model: str, *, device: str | None = None, dtype: str | None = None) -> None:
        for module in ("torch", "transformers", "peft"):
            if importlib.util.find_spec(module) is None:
                need(module, extra="hf", why="local models")
        self.model, self.name = model, f"hf/{model}"
        self._device, self._dtype = device, dtype

    def __repr__(self) -> str:
        return f"HF({self.model!r})"

    @cached_property
    def folder(self) -> Path:
        """Where the checkpoint lies; one of the hub is downloaded first."""
        return checkpoint.folder_of(self.model)

    @cached_property
    def identity(self) -> str:
        """What the checkpoint holds and how it is computed: two that could answer differently share no kept replies."""
        how = "".join(f"/{part}" for part in (self._device, self._dtype) if part)
        return f"hf@{checkpoint.fingerprint(self.folder)}{how}"

    @cached_property
    def engine(self) -> Engine:
        """The model in memory, shared by all clients of this checkpoint."""
        return engine(self.folder, self._device, self._dtype)

    async def __call__(self, request: Request, /) -> Response:
        return await self._reply(request)

    def stream(self, request: Request, /) -> AsyncGenerator[Delta | Response, None]:
        """The reply in pieces while it is decoded, in company as ever; the last item is the complete `Response`."""
        return streamed(request, self.name, self._reply)

    async def _reply(self, request: Request, say: Callable[[str], None] | None = None) -> Response:
        refuse_what_means_nothing(request, self.name, options=(ADAPTER,))
        asks = [Ask(request, number, say) for number in range(request.n)]
        self.engine.answer(asks)
        first, *others = await asyncio.gather(*(asyncio.wrap_future(ask.future) for ask in asks))
        usage = Usage(calls=1, input_tokens=first.asked, output_tokens=sum(len(reply.ids) for reply in (first, *others)), usd=0.0)
        scores = None if first.logprobs is None else tuple(TokenLogprob(*pair) for pair in first.logprobs)
        texts = tuple(reply.text for reply in others)
        return Response(first.text, finish=first.finish, usage=usage, model=self.name, logprobs=scores, others=texts)
