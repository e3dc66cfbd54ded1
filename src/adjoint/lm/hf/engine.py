"""One checkpoint in memory with the thread that works on it: callers at the same time are answered in one batch."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from adjoint.lm.hf.adapters import Adapters
    from adjoint.lm.hf.checkpoint import Checkpoint
    from adjoint.lm.hf.decode import Job, Reply
    from adjoint.lm.types import Request

T = TypeVar("T")

_GATHER, _GATHER_MOST = 0.002, 0.02
"""Seconds without a new request after which a batch begins, and the most that its first one waits."""
_BATCH_ROWS, _BATCH_TOKENS = 128, 1 << 16
"""What goes into one batch at most, counted with padding and with the longest replies: it bounds the cache's memory."""

_engines: WeakValueDictionary[tuple[Path, str | None, str | None], Engine] = WeakValueDictionary()


@dataclass(frozen=True)
class Ask:
    """One reply that somebody waits for: number `number` of a request. `say` gets the pieces of its text."""

    request: Request
    number: int = 0
    say: Callable[[str], None] | None = None
    future: Future[Reply] = field(default_factory=Future)


@dataclass(frozen=True)
class Planned:
    """An ask with its job and the weights that are to answer it."""

    ask: Ask
    job: Job
    adapter: str | None


class Engine:
    """Loads on first use. All work on the model, training too, is done by its one thread, in the order in which it comes."""

    def __init__(self, folder: Path, device: str | None, dtype: str | None) -> None:
        self._folder, self._device, self._dtype = folder, device, dtype
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="adjoint-hf")
        self._asks: deque[Ask] = deque()

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The model; taken in the engine's own thread, since loading takes long."""
        from adjoint.lm.hf.checkpoint import load

        return load(self._folder, device=self._device, dtype=self._dtype)

    @cached_property
    def adapters(self) -> Adapters:
        from adjoint.lm.hf.adapters import Adapters

        return Adapters(self.checkpoint)

    def run(self, work: Callable[[Engine], T]) -> Future[T]:
        """Do something with the model in its thread."""
        return self._worker.submit(work, self)

    def answer(self, asks: Iterable[Ask]) -> None:
        """Let the asks be answered, together with those that come at the same time."""
        self._asks.extend(asks)
        self._worker.submit(self._drain)

    def _drain(self) -> None:
        """Everything that waits; the calls of this that were submitted meanwhile find nothing left."""
        while self._asks:
            self._gather()
            taken = [self._asks.popleft() for _ in range(len(self._asks))]
            planned = [made for ask in taken if (made := self._planned(ask)) is not None]
            for batch in batches(planned):
                try:
                    replies = self._decode(batch)
                except Exception as error:  # noqa: BLE001 - whatever it is belongs to those who wait, not to this thread
                    for one in batch:
                        _settle(one.ask.future, error=error)
                    continue
                for one, reply in zip(batch, replies, strict=True):
                    _settle(one.ask.future, reply)

    def _gather(self) -> None:
        """Wait for company, shortly."""
        started, seen = time.monotonic(), 0
        while seen < len(self._asks) < _BATCH_ROWS and time.monotonic() - started < _GATHER_MOST:
            seen = len(self._asks)
            time.sleep(_GATHER)

    def _planned(self, ask: Ask) -> Planned | None:
        """The ask as a job, None if it was refused or nobody waits for it any more."""
        from adjoint.lm.hf.plan import adapter_of, plan

        if ask.future.cancelled():
            return None
        try:
            job = plan(self.checkpoint, ask.request, ask.number, say=ask.say, gone=ask.future.cancelled)
        except Exception as error:  # noqa: BLE001 - it belongs to the one who asks, not to the batch
            _settle(ask.future, error=error)
            return None
        return Planned(ask, job, adapter_of(ask.request))

    def _decode(self, batch: list[Planned]) -> list[Reply]:
        from adjoint.lm.hf.decode import generate

        model = self.adapters.model(batch[0].adapter)
        return generate(self.checkpoint, [one.job for one in batch], model)


def engine(folder: Path, device: str | None, dtype: str | None) -> Engine:
    """The one engine of this process for a checkpoint, a device and a precision, for as long as somebody holds it."""
    key = (folder, device, dtype)
    found = _engines.get(key)
    if found is None:
        found = _engines[key] = Engine(*key)
    return found


def batches(planned: Iterable[Planned]) -> list[list[Planned]]:
    """What is decoded together: asks of the same weights and of similar length, since rows are padded to the longest."""
    made: list[list[Planned]] = []
    for one in sorted(planned, key=lambda one: (one.adapter or "", len(one.job.ids))):
        if not made or not _joins(made[-1], one):
            made.append([])
        made[-1].append(one)
    return made


def _joins(batch: list[Planned], one: Planned) -> bool:
    size, limit = len(one.job.ids), max(member.job.limit for member in (*batch, one))
    fits = len(batch) < _BATCH_ROWS and (len(batch) + 1) * (size + limit) <= _BATCH_TOKENS
    return fits and batch[0].adapter == one.adapter and size <= 1.5 * len(batch[0].job.ids) + 64


def _settle(future: Future[Reply], reply: Reply | None = None, error: Exception | None = None) -> None:
    """Give an answer to somebody who may have gone meanwhile."""
    if not future.set_running_or_notify_cancel():
        return
    if error is not None:
        future.set_exception(error)
    elif reply is not None:
        future.set_result(reply)
