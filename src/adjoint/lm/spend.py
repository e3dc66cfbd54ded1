"""Spend: the policy that pays. What a call may cost is reserved before it is made, and what it did cost is settled after.

With a `Book`, which the ledger gives, the caps of an account hold for all processes and lives of the run: each reservation
is one transaction there, and one whose process died stays charged.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from adjoint.base.errors import AdjointError, BudgetExceeded, LMError
from adjoint.base.refusal import Refusal
from adjoint.lm.base import Wrapper
from adjoint.lm.bounds import DEFAULT_OUTPUT, output_bound, upper_bound
from adjoint.lm.budget import Tag
from adjoint.lm.prices import FREE, layers, price_of, priced
from adjoint.lm.types import NO_USAGE, Estimate, Usage

if TYPE_CHECKING:
    from adjoint.lm.base import BaseLM
    from adjoint.lm.budget import Account, Budget
    from adjoint.lm.types import Request, Response

_LOOK = 0.05
"""Seconds between two looks at what other processes of the run have left."""

Settled: TypeAlias = Literal["call", "failed", "lost"]
"""How a call ended: answered, refused (nobody bills that), or in a way that leaves open whether it is billed."""


class Book(Protocol):
    """Where an account is kept for all processes of a run. What `hold` gives ends as it should even for a caller that is cancelled."""

    def hold(self, tag: Tag, bound: Usage, budget: Budget, share: float) -> asyncio.Future[int | Refusal]: ...

    def settle(self, number: int, actual: Usage, how: Settled) -> None: ...


def bounded(request: Request, budget: Budget, lm: BaseLM) -> Request:
    """The request with `max_tokens`, where a cap on tokens or dollars needs a limit on the reply and the request has none."""
    capped = budget.tokens is not None or (budget.usd is not None and price_of(lm) != FREE)
    return request.with_options(max_tokens=DEFAULT_OUTPUT) if capped and output_bound(request) is None else request


class Spend(Wrapper):
    """Reserves the most that a call can cost before it is made, and settles afterwards what it did cost.

    An answer costs what it says, a refusal its calls without tokens. A call that was cut off (cancelled, timed out, the
    connection broke) may be billed, so it costs its bound: spend is never under-reported.
    """

    def __init__(self, inner: BaseLM, account: Account, *, book: Book | None = None, role: str = "task") -> None:
        super().__init__(inner)
        self.account, self.book, self.role = account, book, role
        self.price = price_of(inner)
        self._one_by_one = any(getattr(layer, "many", True) is False for layer in layers(inner))

    async def __call__(self, request: Request) -> Response:
        request = bounded(request, self.account.budget, self)
        bound = upper_bound(request, self.price, calls=max(1, request.n) if self._one_by_one else 1)
        tag = Tag(self.role, self.name, self.account.step)
        number = await self._reserve(tag, bound)
        how: Settled = "lost"
        actual = bound
        try:
            response = await self.inner(request)
            how, actual = "call", self._cost(response.usage, bound)
        except AdjointError as error:
            if not (isinstance(error, LMError) and error.maybe_billed):
                how, actual = "failed", Usage(calls=bound.calls)
            raise
        finally:
            self.account.settle(bound, actual, tag)
            if self.book is not None:
                self.book.settle(number, actual, how)
        return response if actual is response.usage else replace(response, usage=actual)

    def _cost(self, usage: Usage, bound: Usage) -> Usage:
        """What an answer costs. Under a cap on what nobody has counted it costs its bound: an estimate may be too small."""
        budget = self.account.budget
        if isinstance(usage, Estimate) and (budget.tokens is not None or budget.usd is not None):
            return replace(
                bound, usd=None if self.price is None and usage.usd is None else max(bound.usd or 0.0, usage.usd or 0.0)
            )
        return priced(usage, self.price)

    async def _reserve(self, tag: Tag, bound: Usage) -> int:
        """Reserve, and while calls are under way wait for what they leave: they were reserved at the most they can cost."""
        self._check_price()
        while True:
            self.account.check_time()
            found = self.account.refusal(bound) if self.book is None else await self._hold(self.book, tag, bound)
            if not isinstance(found, Refusal):
                if self.book is None:
                    self.account.reserve(bound)
                return found or 0
            if found.cap == "calls" or not found.pending:
                raise self.account.exceeded(found.cap)
            await self._wait()

    async def _hold(self, book: Book, tag: Tag, bound: Usage) -> int | Refusal:
        """Reserve in the book, and count it in memory too. A caller that is cancelled meanwhile leaves nothing behind."""
        self.account.reserve(bound)
        work = book.hold(tag, bound, self.account.budget, self.account.share)
        found: int | Refusal | None = None
        try:
            found = await work
        except asyncio.CancelledError:
            work.add_done_callback(lambda done: _drop(book, done))
            raise
        finally:
            if found is None or isinstance(found, Refusal):
                self.account.release(bound)
        return found

    async def _wait(self) -> None:
        """Until a call of this process has settled, or it is time to look whether another process has left something."""
        if self.book is None:
            await self.account.settlement()
            return
        try:
            async with asyncio.timeout(_LOOK):
                await self.account.settlement()
        except TimeoutError:
            return

    def _check_price(self) -> None:
        budget = self.account.budget
        if budget.usd is None or budget.allow_unpriced or self.price is not None:
            return
        message = (
            f"a cap in dollars needs a price for the model {self.name}, and none is known: give LM(..., price=(input, output)) in "
            "dollars per million tokens, name a table with ADJOINT_PRICES, cap calls or tokens, or say Budget(allow_unpriced=True)."
        )
        raise BudgetExceeded(message)


def _drop(book: Book, done: asyncio.Future[int | Refusal]) -> None:
    """Give back what was reserved for a call that will not be made."""
    if not done.cancelled() and done.exception() is None and not isinstance(number := done.result(), Refusal):
        book.settle(number, NO_USAGE, "failed")
