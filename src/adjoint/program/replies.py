"""The ledger behind the policies: the one place where LM records become rows and rows become LM records."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any

from adjoint.base.process import alive
from adjoint.base.secrets import redact
from adjoint.ledger import accounts
from adjoint.ledger.leases import KEPT, MINE
from adjoint.lm.cache import Reply
from adjoint.lm.types import Response

if TYPE_CHECKING:
    from adjoint.base.lasting import Lasting
    from adjoint.base.refusal import Refusal
    from adjoint.ledger.store import Ledger
    from adjoint.lm.budget import Budget, Tag
    from adjoint.lm.spend import Settled
    from adjoint.lm.types import Usage

BEAT = 5.0
"""Seconds between two signs of life of a process that holds leases."""
SILENCE = 60.0
"""Seconds without a sign after which an owner is taken for dead, even if its process seems to be there."""
_FIRST_LOOK, _LAST_LOOK = 0.005, 0.25
"""Seconds between two looks at a question that another process asks: they grow from the first to the last."""


class LedgerReplies:
    """Implements `lm.cache.ReplyStore` and `lm.cache.Leases` on a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._leases = 0
        self._timer: asyncio.TimerHandle | None = None

    def get(self, key: str) -> Reply | None:
        row = self.ledger.reply(key)
        return (
            None if row is None else Reply(key, row["lm"], row["payer"], row["role"], None, Response.from_dict(row["response"]))
        )

    def put(self, reply: Reply) -> Lasting[None]:
        body: dict[str, Any] = {"lm": reply.lm, "payer": reply.payer, "role": reply.role, "response": reply.response.as_dict()}
        self._leases = max(0, self._leases - 1)  # it ends with the commit
        return self.ledger.keep_soon(reply.key, body, reply.request, anew=reply.anew)

    async def claim(self, key: str) -> bool:
        while True:
            outcome = await self.ledger.claim(key)
            if outcome == MINE:
                self._leases += 1
                self._keep_beating()
                return True
            if outcome == KEPT:
                return False
            await self._watch(key)

    def release(self, key: str) -> None:
        self._leases = max(0, self._leases - 1)
        self.ledger.release(key)

    async def _watch(self, key: str) -> None:
        """Wait until the question is answered, given up, or its owner is dead or has been silent for too long.

        Silence is measured by this process's own monotonic clock, so jumps of the wall clock change nothing.
        """
        heard, sign, pause = time.monotonic(), None, _FIRST_LOOK
        while True:
            await asyncio.sleep(pause)
            pause = min(_LAST_LOOK, pause * 1.5)
            lease = self.ledger.lease(key)
            if lease.kept or lease.owner is None or alive(lease.owner) is False:
                return
            if (lease.owner, lease.beat) != sign:
                heard, sign = time.monotonic(), (lease.owner, lease.beat)
            elif time.monotonic() - heard > SILENCE:
                await self.ledger.take(key, lease.owner)
                return

    def _keep_beating(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BEAT, self._beat)

    def _beat(self) -> None:
        self._timer = None
        if self._leases:
            self.ledger.beat()
            self._keep_beating()


class LedgerBook:
    """Implements `lm.spend.Book` on a ledger, for one run."""

    def __init__(self, ledger: Ledger, run: str) -> None:
        self.ledger, self.run = ledger, run

    def hold(self, tag: Tag, bound: Usage, budget: Budget, share: float) -> Lasting[int | Refusal]:
        caps = accounts.Caps(_part(budget.calls, share), _part(budget.tokens, share), _part(_nano(budget.usd), share))
        about = (self.run, tag.role, redact(tag.model), tag.step)
        return self.ledger.hold(about, _amount(bound), caps)

    def settle(self, number: int, actual: Usage, how: Settled) -> None:
        self.ledger.settle(number, _amount(actual), how)


def _part(cap: int | None, share: float) -> float | None:
    return None if cap is None else cap * share


def _nano(usd: float | None) -> int | None:
    """Dollars as whole nano-dollars, rounded up: a cost is never written smaller than it is."""
    return None if usd is None else math.ceil(round(usd * 1e9, 3))


def _amount(usage: Usage) -> accounts.Amount:
    return usage.calls, usage.input_tokens, usage.output_tokens, _nano(usage.usd)
