"""Cache: a request that was answered is not asked again, and a request in flight is not asked twice, by any process."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from adjoint.base.errors import LedgerError, LMError
from adjoint.lm.base import Wrapper
from adjoint.lm.budget import Tag

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from adjoint.base.lasting import Lasting
    from adjoint.lm.base import BaseLM
    from adjoint.lm.budget import Account
    from adjoint.lm.types import CacheMode, Request, Response


class Reply(NamedTuple):
    """One answered request as it is kept: who paid for it, and in which role.

    `request` is what was asked, as canonical JSON; what is read back comes without it. `anew` puts the reply before an earlier
    one to the same request.
    """

    key: str
    lm: str
    payer: str
    role: str
    request: str | None
    response: Response
    anew: bool = False


class ReplyStore(Protocol):
    """Where replies outlive the process: they are safe when what `put` gives has ended."""

    def get(self, key: str) -> Reply | None: ...

    def put(self, reply: Reply) -> Lasting[None]: ...


class Leases(Protocol):
    """How processes agree on who asks. `claim` waits while another one asks; True: ask, False: the reply is there now."""

    async def claim(self, key: str) -> bool: ...

    def release(self, key: str) -> None: ...


class Replies:
    """The shared state behind all caches of a process: a memory tier, the store, and the flights.

    The memory tier holds the newest `remember` replies, and of these no more than `room` characters.
    Used from the portal's loop only, so it needs no lock.
    """

    def __init__(
        self, store: ReplyStore | None = None, *, leases: Leases | None = None, remember: int = 20_000, room: int = 32 * 2**20
    ) -> None:
        self.store, self.leases = store, leases
        self.flights: dict[str, asyncio.Future[Response]] = {}
        self._memory: OrderedDict[str, Reply] = OrderedDict()
        self._remember, self._room, self._size = remember, room, 0

    def find(self, key: str) -> Reply | None:
        reply = self._memory.get(key)
        if reply is not None:
            self._memory.move_to_end(key)
            return reply
        reply = self.store.get(key) if self.store else None
        return None if reply is None else self.keep(reply)

    def keep(self, reply: Reply) -> Reply:
        """Remember a reply that is safe."""
        kept = reply._replace(request=None)  # it is at hand whenever the reply is asked for
        self._forget(self._memory.pop(reply.key, None))
        self._memory[reply.key] = kept
        self._size += _length(kept)
        while len(self._memory) > self._remember or self._size > self._room:
            self._forget(self._memory.popitem(last=False)[1])
        return kept

    def _forget(self, reply: Reply | None) -> None:
        if reply is not None:
            self._size -= _length(reply)


class Cache(Wrapper):
    """Answers from the replies where it can. Failures are never kept.

    Modes: `on` reads and writes; `off` does neither (and joins no flights); `refresh` asks anew and writes; `only`
    never asks and raises `LMError` on a miss.
    """

    def __init__(self, inner: BaseLM, replies: Replies, *, mode: CacheMode, account: Account | None, role: str) -> None:
        super().__init__(inner)
        self.replies, self.mode, self.account, self.role = replies, mode, account, role

    def __call__(self, request: Request) -> Coroutine[Any, Any, Response]:
        return self.inner(request) if self.mode == "off" or self.identity is None else self._answer(request, self.identity)

    async def _answer(self, request: Request, identity: str) -> Response:
        written = request.written()
        key = request.key(identity, written)
        if self.mode != "refresh":
            found = self.replies.find(key)
            if found is not None:
                return self._hit(found)
            if self.mode == "only":
                message = f"{self.name} has not answered this request before, and cache='only' forbids to ask it."
                raise LMError(message)
        while (flight := self.replies.flights.get(key)) is not None:
            try:
                return (await asyncio.shield(flight)).unpaid()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not flight.cancelled() or (task is not None and task.cancelling()):
                    raise  # it is this caller that was cancelled; if it was the asker, ask in its place
        return await self._ask(key, request, written)

    async def _ask(self, key: str, request: Request, written: str) -> Response:
        """Ask and let equal requests that come meanwhile, here or in another process, wait for the same reply."""
        flight: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.replies.flights[key] = flight
        leased, reply = False, None
        try:
            found = None
            if self.replies.leases is not None and self.mode != "refresh":
                leased = await self.replies.leases.claim(key)
                found = None if leased else self.replies.find(key)
            if found is not None:
                flight.set_result(found.response)
                return self._hit(found)
            response = await self.inner(request)
            if self.account:
                self.account.paid(key)
            payer = self.account.payer if self.account else ""
            reply = Reply(key, self.name, payer, self.role, written, response, anew=self.mode == "refresh")
        except (LMError, LedgerError) as error:
            _fail(flight, error)
            raise
        finally:
            if reply is None:
                self._end(key, flight)
                if leased and self.replies.leases is not None:
                    self.replies.leases.release(key)
        await self._land(reply, flight)
        return response

    async def _land(self, reply: Reply, flight: asyncio.Future[Response]) -> None:
        """Keep a reply. It has arrived and is paid, so a cancelled asker keeps it neither from the ledger nor from those who wait.

        Its flight ends when it is safe, so nobody asks again meanwhile.
        """
        safe = self.replies.store.put(reply) if self.replies.store else None
        try:
            if safe is not None:
                await safe
        finally:
            error = safe.exception() if safe is not None and safe.done() else None
            if error is None:
                self.replies.keep(reply)
                flight.set_result(reply.response)
            else:
                _fail(flight, error)
            self._end(reply.key, flight)

    def _end(self, key: str, flight: asyncio.Future[Response]) -> None:
        """Take the flight off the list. Waiters of one without an outcome (the asker was cancelled, or its own budget
        is spent) are woken to ask themselves.
        """
        del self.replies.flights[key]
        flight.cancel()

    def _hit(self, reply: Reply) -> Response:
        if self.account and self.account.payer and reply.payer == self.account.payer:
            self.account.replay(reply.key, reply.response.usage, Tag(reply.role, reply.lm, self.account.step))
        return reply.response.unpaid()


def _fail(flight: asyncio.Future[Response], error: BaseException) -> None:
    flight.set_exception(error)
    flight.exception()  # marks it as seen: there may be nobody waiting


def _length(reply: Reply) -> int:
    """Characters of a reply."""
    said = reply.response
    return len(said.text) + len(said.reasoning or "") + sum(map(len, said.others))
