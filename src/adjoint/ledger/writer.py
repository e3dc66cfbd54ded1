"""The one writer of a process: a thread that commits what waits, all of it together, while the event loop goes on."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from adjoint.base.errors import AdjointError, LedgerError
from adjoint.base.lasting import Lasting
from adjoint.base.portal import running_loop
from adjoint.ledger.rows import BROKEN

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

T = TypeVar("T")
R = TypeVar("R")

_GRACE = 5.0
"""Seconds that the last commits of a process may take."""


@dataclass(eq=False, slots=True)
class Job(Generic[T]):
    """Something to do with the database inside the next transaction, and what came of it.

    `durable` jobs are on the disk before they end; others only survive the process. A job that refuses raises an
    `AdjointError` before it has written anything.
    """

    act: Callable[[sqlite3.Connection], T]
    durable: bool
    future: Lasting[T] | None = None
    done: threading.Event | None = None
    result: T | None = None
    error: AdjointError | None = None


class Writer:
    """Takes jobs from any thread and any loop. Jobs of one turn of a loop share one commit, in the order of their calls."""

    def __init__(self, name: str, connect: Callable[[], sqlite3.Connection]) -> None:
        self.name = name
        self.connection: sqlite3.Connection | None = None
        self._connect = connect
        self._lock = threading.Lock()
        self._queue: SimpleQueue[list[Job[Any]] | None] = SimpleQueue()
        self._turns: dict[asyncio.AbstractEventLoop, list[Job[Any]]] = {}
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._synchronous = ""
        self._inherited: sqlite3.Connection | None = None
        self._known: dict[Callable[[], Any], Any] = {}

    def soon(self, act: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> Lasting[T]:
        """Do it in the next commit; whoever wants to know awaits what this gives."""
        loop = asyncio.get_running_loop()
        future: Lasting[T] = Lasting(loop=loop)
        self._in_turn(loop, Job(act, durable, future))
        return future

    def run(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Do it in the next commit and wait in this thread."""
        done = threading.Event()
        job = Job(act, durable=True, done=done)
        self._flush(running_loop())
        self._submit([job])
        done.wait()
        if job.error is not None:
            raise job.error
        return cast("T", job.result)

    def post(self, act: Callable[[sqlite3.Connection], object]) -> None:
        """Do it in the next commit; nobody waits. Whoever waits for a later job of the same loop waits for this one too."""
        loop = running_loop()
        job = Job(act, durable=True)
        if loop is None:
            self._submit([job])
        else:
            self._in_turn(loop, job)

    def once(self, look: Callable[[], R]) -> R:
        """For jobs: what `look` gives, which all jobs of a commit share."""
        if look not in self._known:
            self._known[look] = look()
        found: R = self._known[look]
        return found

    def close(self) -> None:
        """Commit what waits and end the thread."""
        thread = self._thread
        if thread is None or self._pid != os.getpid():
            return
        for loop in list(self._turns):
            self._flush(loop)
        self._queue.put(None)
        thread.join(_GRACE)
        self._thread = None

    def _in_turn(self, loop: asyncio.AbstractEventLoop, job: Job[Any]) -> None:
        turn = self._turns.get(loop)
        if turn is None:
            self._turns[loop] = [job]
            loop.call_soon(self._flush, loop)
        else:
            turn.append(job)

    def _flush(self, loop: asyncio.AbstractEventLoop | None) -> None:
        jobs = self._turns.pop(loop, None) if loop is not None else None
        if jobs:
            self._submit(jobs)

    def _submit(self, jobs: list[Job[Any]]) -> None:
        with self._lock:
            if self._thread is None or self._pid != os.getpid() or not self._thread.is_alive():
                if self._pid not in (0, os.getpid()):
                    self._set_aside()
                self._pid = os.getpid()
                self._thread = threading.Thread(target=self._work, name="adjoint-ledger", daemon=True)
                self._thread.start()
        self._queue.put(jobs)

    def _set_aside(self) -> None:
        """After a fork: what waits and the connection are the parent's, and closing it here could break its locks."""
        self._queue, self._inherited, self.connection = SimpleQueue(), self.connection, None

    def _work(self) -> None:
        queue, jobs = self._queue, list[Job[Any]]()
        try:
            while (waiting := queue.get()) is not None:
                jobs = list(waiting)
                ended = False
                while not queue.empty():
                    more = queue.get()
                    if more is None:
                        ended = True
                        break
                    jobs += more
                self._commit(jobs)
                _tell(jobs)
                jobs = []
                if ended:
                    break
        finally:
            for job in jobs:
                job.error = LedgerError(f"the writer of the {self.name} stopped before this was written.")
            _tell(jobs)
            if self.connection is not None:
                self.connection.close()
                self.connection = None

    def _commit(self, jobs: list[Job[Any]]) -> None:
        try:
            connection = self._ready("FULL" if any(job.durable for job in jobs) else "NORMAL")
            try:
                connection.execute("BEGIN IMMEDIATE")
                self._known.clear()
                for job in jobs:
                    try:
                        job.result = job.act(connection)
                    except AdjointError as refusal:
                        job.error = refusal
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except LedgerError as error:
            _fail(jobs, str(error))
        except (*BROKEN, OSError) as error:
            _fail(jobs, f"the {self.name} cannot be used ({error}); name another with ADJOINT_LEDGER or --ledger.")

    def _ready(self, synchronous: str) -> sqlite3.Connection:
        if self.connection is None:
            self.connection, self._synchronous = self._connect(), ""
        if synchronous != self._synchronous:
            self.connection.execute(f"PRAGMA synchronous={synchronous}")
            self._synchronous = synchronous
        return self.connection


def _fail(jobs: list[Job[Any]], message: str) -> None:
    for job in jobs:
        job.error = LedgerError(message)


def _tell(jobs: list[Job[Any]]) -> None:
    """Wake those who wait: threads one by one, each loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[Job[Any]]] = {}
    for job in jobs:
        if job.done is not None:
            job.done.set()
        if job.future is not None:
            loops.setdefault(job.future.get_loop(), []).append(job)
    for loop, those in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, those)


def _resolve(jobs: list[Job[Any]]) -> None:
    for job in jobs:
        future = job.future
        if future is None:
            continue
        if job.error is None:
            future.set_result(job.result)
        else:
            future.set_exception(job.error)
