"""`Pocket`: the embedded language model. It runs offline, in this process, on one CPU core.

It was trained from scratch on a small procedural world of English tasks (see CARD.md) and is of use only inside it:
for trying out and testing programs, metrics and optimizers with a model that really reads its prompt.
"""

from __future__ import annotations

import asyncio
import hashlib
import warnings
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from adjoint.base.errors import ContextLengthError
from adjoint.lm.local import refuse_what_means_nothing, seed_of, streamed
from adjoint.lm.types import Response, TokenLogprob, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from adjoint.lm.pocket.decode import Job, Reply
    from adjoint.lm.pocket.model import Model, Prefix
    from adjoint.lm.pocket.tokenizer import Tokenizer
    from adjoint.lm.types import Delta, Request

WEIGHTS = Path(__file__).parent / "weights"
MAX_BATCH = 64
DEFAULT_MAX_TOKENS = 128
_GATHER_SECONDS = 0.001
"""How long the first request of a quiet moment waits for others to join it."""
_SHARED_MIN = 12
"""A prefix of fewer tokens is not worth a cache entry."""
_PREFIX_TOKENS_KEPT = 9000
"""Tokens of prefixes that stay at hand, about 6 KB each; a race over sixteen sets of demos fits."""
_SPELLED_LIMIT = 0.5
_SPELLED_MIN = 12
_CALLED = "the pocket model"


class OutOfVocabularyWarning(UserWarning):
    """A prompt is mostly made of words that the pocket model has never seen."""


@dataclass(frozen=True)
class _Ask:
    """One request on its way: the ids before the last message (sharable), those of the last one, and who waits."""

    prefix: tuple[int, ...]
    job: Job
    future: asyncio.Future[Reply]


@dataclass(frozen=True)
class _Engine:
    """What is loaded on the first call."""

    model: Model
    tokenizer: Tokenizer


class Pocket:
    """The embedded LM. Concurrent calls on one event loop are decoded together; replies do not depend on the company.

    `temperature` None or 0 is greedy; sampling is reproducible: it depends on `seed`, `sample` and the messages, and
    on nothing else. `logprobs` are those of the model at temperature 1. Raises
    `ContextLengthError` if the prompt leaves no room for a reply, `RequestError` for settings it does not know.
    """

    name = "pocket"
    adapter = "compact"
    """How it is asked: in the short form that it was trained on."""

    def __init__(self, folder: Path | str | None = None, *, max_batch: int = MAX_BATCH) -> None:
        self._folder = Path(folder) if folder is not None else WEIGHTS
        self._max_batch = max_batch
        self._prefixes: OrderedDict[tuple[int, ...], Prefix] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: list[_Ask] = []
        self._drain: asyncio.Task[None] | None = None
        self._warned = False

    @cached_property
    def identity(self) -> str:
        """SHA-256 over weights and tokenizer: two models that could answer differently never share cached replies."""
        total = hashlib.sha256()
        for file in ("config.json", "model.safetensors", "tokenizer.json"):
            total.update((self._folder / file).read_bytes())
        return f"pocket@{total.hexdigest()}"

    @cached_property
    def _engine(self) -> _Engine:
        from adjoint.lm.pocket.model import Model
        from adjoint.lm.pocket.tokenizer import Tokenizer

        return _Engine(Model(self._folder), Tokenizer(self._folder / "tokenizer.json"))

    @cached_property
    def _worker(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=1, thread_name_prefix="adjoint-pocket")

    async def __call__(self, request: Request, /) -> Response:
        return await self._reply(request)

    def stream(self, request: Request, /) -> AsyncGenerator[Delta | Response, None]:
        """The reply in pieces while it is decoded, in company as ever; the last item is the complete `Response`."""
        return streamed(request, _CALLED, self._reply)

    async def _reply(self, request: Request, say: Callable[[str], None] | None = None) -> Response:
        loop = asyncio.get_running_loop()
        prefix, job = self._plan(request)
        if loop is not self._loop:
            self._loop, self._queue, self._drain = loop, [], None
        futures: list[asyncio.Future[Reply]] = []
        for number in range(request.n):
            futures.append(loop.create_future())
            self._queue.append(_Ask(prefix, replace(job, seed=seed_of(request, number), say=say), futures[-1]))
        if self._drain is None or self._drain.done():
            self._drain = loop.create_task(self._serve(loop))
        replies = await asyncio.gather(*futures)
        first = replies[0]
        tokens = sum(reply.tokens for reply in replies)
        usage = Usage(calls=1, input_tokens=len(prefix) + len(job.suffix), output_tokens=tokens, usd=0.0)
        scores = tuple(TokenLogprob(*pair) for pair in first.logprobs) if first.logprobs is not None else None
        others = tuple(reply.text for reply in replies[1:])
        return Response(first.text, finish=first.finish, usage=usage, model=self.name, logprobs=scores, others=others)

    def _plan(self, request: Request) -> tuple[tuple[int, ...], Job]:
        """The prompt as (shared ids, own ids with settings); everything that can be refused is refused here."""
        from adjoint.lm.pocket.decode import Job

        refuse_what_means_nothing(request, _CALLED)
        tokenizer, context = self._engine.tokenizer, self._engine.model.context
        ids = tokenizer.turns(request.messages)
        prefix = tokenizer.turns(request.messages[:-1])
        suffix = (*ids[len(prefix) :], tokenizer.reply_mark())
        room = context - len(ids) - 1
        if room < 1:
            message = (
                f"the prompt has {len(ids) + 1} tokens, and the pocket model reads at most {context - 1}: "
                "use fewer or shorter demos, or a larger model."
            )
            raise ContextLengthError(message)
        self._warn_if_spelled(tokenizer, suffix)
        limit = min(DEFAULT_MAX_TOKENS if request.max_tokens is None else request.max_tokens, room)
        job = Job(suffix, limit, request.temperature or 0.0, stop=tuple(request.stop), logprobs=request.logprobs)
        return tuple(prefix), job

    def _warn_if_spelled(self, tokenizer: Tokenizer, suffix: Sequence[int]) -> None:
        if self._warned or len(suffix) < _SPELLED_MIN:
            return
        share = tokenizer.spelled_share(suffix)
        if share > _SPELLED_LIMIT:
            self._warned = True
            message = (
                f"{share:.0%} of this prompt's tokens spell words that the pocket model does not know. It knows some "
                "2,700 English words and is of little use outside them; choose another model for real work."
            )
            warnings.warn(message, OutOfVocabularyWarning, stacklevel=3)

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Takes what is queued, decodes it group by group in the worker thread, until nothing is queued."""
        await asyncio.sleep(_GATHER_SECONDS)
        while self._queue:
            taken = [ask for ask in self._queue[: self._max_batch] if not ask.future.done()]
            self._queue = self._queue[self._max_batch :]
            for asks in self._groups(taken):
                try:
                    replies = await loop.run_in_executor(self._worker, self._decode, asks)
                except Exception as error:  # noqa: BLE001 - whatever it is belongs to those who wait, not to this task
                    for ask in asks:
                        if not ask.future.done():
                            ask.future.set_exception(error)
                    continue
                for ask, reply in zip(asks, replies, strict=True):
                    if not ask.future.done():
                        ask.future.set_result(reply)

    def _groups(self, asks: list[_Ask]) -> list[list[_Ask]]:
        """What is decoded together: first all asks whose prefix is worth sharing, then the others by length."""
        uses = Counter(ask.prefix for ask in asks)
        alone = [ask for ask in asks if not self._shares(ask.prefix, uses)]
        shared = [ask for ask in asks if self._shares(ask.prefix, uses)]
        # Equal prefixes stand together, and prompts of similar length next to each other, so that little is padded.
        order = {prefix: at for at, prefix in enumerate(uses)}
        shared.sort(key=lambda ask: (order[ask.prefix], len(ask.job.suffix)))
        groups = [shared] if shared else []
        alone = sorted(
            (replace(ask, prefix=(), job=replace(ask.job, suffix=ask.prefix + ask.job.suffix)) for ask in alone), key=_length
        )
        while alone:
            # Rows are padded to the longest, so only prompts of similar length go together.
            limit = 1.3 * _length(alone[0]) + 32
            size = sum(_length(ask) <= limit for ask in alone)
            groups.append(alone[:size])
            alone = alone[size:]
        return groups

    def _shares(self, prefix: tuple[int, ...], uses: Counter[tuple[int, ...]]) -> bool:
        """Whether the tokens before the last message are read apart from it, to be used again."""
        return len(prefix) >= _SHARED_MIN and (uses[prefix] > 1 or prefix in self._prefixes or len(uses) == 1)

    def _decode(self, asks: list[_Ask]) -> list[Reply]:
        """Runs in the worker thread, which alone touches the prefix cache's values."""
        from adjoint.lm.pocket.decode import generate

        engine = self._engine
        held: dict[tuple[int, ...], Prefix] = {ask.prefix: self._prefix(ask.prefix) for ask in asks}
        return generate(engine.model, engine.tokenizer, [held[ask.prefix] for ask in asks], [ask.job for ask in asks])

    def _prefix(self, ids: tuple[int, ...]) -> Prefix:
        found = self._prefixes.get(ids)
        if found is None:
            found = self._engine.model.prefix(list(ids))
            if ids:
                self._prefixes[ids] = found
        if ids:
            self._prefixes.move_to_end(ids)
            while sum(map(len, self._prefixes)) > _PREFIX_TOKENS_KEPT and len(self._prefixes) > 1:
                self._prefixes.popitem(last=False)
        return found


def _length(ask: _Ask) -> int:
    return len(ask.job.suffix)
