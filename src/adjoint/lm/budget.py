"""Budget: hard caps on calls, tokens, dollars and seconds. What a call may cost is reserved before it is made.

An account counts in memory what one run spends in this process. With a `Book`, which the ledger gives, its caps hold for
all processes and lives of the run: each reservation is one transaction there, and one whose process died stays charged.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

from adjoint.base.errors import AdjointError, BudgetExceeded, LMError, UsageError
from adjoint.lm.base import Wrapper
from adjoint.lm.bounds import DEFAULT_OUTPUT, output_bound, upper_bound
from adjoint.lm.prices import FREE, layers, price_of, priced
from adjoint.lm.types import Estimate, Usage

if TYPE_CHECKING:
    from adjoint.lm.base import BaseLM
    from adjoint.lm.types import Request, Response

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_COUNT = r"\d+(?:_\d+)*"
_REAL = r"\d*\.?\d+"
_BARE = re.compile(_COUNT, re.ASCII)
_PART = re.compile(
    rf"\$(?P<usd>{_REAL})|(?P<count>{_COUNT})\s*(?P<what>calls?|tokens?)|(?P<time>{_REAL})\s*(?P<unit>[smh])", re.ASCII
)
_LOOK = 0.05
"""Seconds between two looks at what other processes of the run have left."""

Settled: TypeAlias = Literal["call", "failed", "lost"]
"""How a call ended: answered, refused (nobody bills that), or in a way that leaves open whether it is billed."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Caps on a run; None means no cap of that kind. Each is >= 0.

    A cap in dollars refuses models whose price is not known; `allow_unpriced` lets them pass, uncounted.

    >>> Budget.parse("2000calls"), Budget.parse("$5 30m")
    (Budget(calls=2000, tokens=None, usd=None, seconds=None), Budget(calls=None, tokens=None, usd=5.0, seconds=1800.0))
    """

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None
    allow_unpriced: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("calls", "tokens", "usd", "seconds"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                message = f"a budget of {value} {name} cannot be; give 0 or more, or None for no cap."
                raise UsageError(message)

    @classmethod
    def parse(cls, text: str | int | Budget | None) -> Budget:
        """Read `"2000calls"`, `"1_000_000 tokens"`, `"$5"`, `"30m"` or several of them; a bare number counts calls."""
        if text is None:
            return cls()
        if isinstance(text, Budget):
            return text
        if isinstance(text, int):
            return cls(calls=text)
        if _BARE.fullmatch(text.strip()):
            return cls(calls=int(text))
        budget = cls()
        if not text.strip() or _PART.sub("", text).strip(" ,+"):
            message = f"cannot read the budget {text!r}; write for example 2000calls, 500000tokens, $5 or 30m."
            raise UsageError(message)
        for part in _PART.finditer(text):
            if part["usd"]:
                budget = replace(budget, usd=float(part["usd"]))
            elif part["count"]:
                key = "calls" if part["what"].startswith("call") else "tokens"
                budget = replace(budget, **{key: int(part["count"])})  # type: ignore[arg-type]
            else:
                budget = replace(budget, seconds=float(part["time"]) * _UNITS[part["unit"]])
        return budget


class Tag(NamedTuple):
    """What a cost belongs to."""

    role: str
    model: str
    step: str


class Refusal(NamedTuple):
    """The cap that a reservation would break; `pending` if calls under way may still leave something of it."""

    cap: str
    pending: bool


class Book(Protocol):
    """Where an account is kept for all processes of a run."""

    async def hold(self, tag: Tag, bound: Usage, budget: Budget, share: float) -> int | Refusal: ...

    def settle(self, number: int, actual: Usage, how: Settled) -> None: ...


class Account:
    """What one run has spent and reserved under its budget. `payer` names the run in the ledger.

    Used from the portal's loop only, so that its sums are exact however many threads and tasks call.
    """

    def __init__(self, budget: Budget | None = None, *, payer: str = "") -> None:
        self.budget = budget or Budget()
        self.payer = payer
        self.spent = Usage()
        self.reserved = Usage()
        self.started = time.monotonic()
        self.share = 1.0
        """The part of every cap that may be spent for now, in [0, 1]; the rest is held back."""
        self.step = ""
        """What the run is doing: costs are told apart by it."""
        self._known_usd = 0.0
        self._paid: dict[Tag, Usage] = {}
        self._replayed: dict[Tag, Usage] = {}
        self._counted: set[str] = set()
        self._waiting: list[asyncio.Future[None]] = []

    def usage_by(self, what: Literal["role", "model", "step"] = "role", *, replayed: bool = True) -> dict[str, Usage]:
        """What was spent by role (task, proposer, critic, judge), by model or by step. `replayed` counts what earlier lives
        of the run have paid too, as `spent` does.
        """
        found: dict[str, Usage] = {}
        for table in (self._paid, self._replayed) if replayed else (self._paid,):
            for tag, usage in table.items():
                name: str = getattr(tag, what)
                found[name] = found.get(name, Usage()) + usage
        return dict(sorted(found.items()))

    def refusal(self, bound: Usage) -> Refusal | None:
        """The cap that would break if this were reserved, in memory."""
        spent, held, budget = self.spent, self.reserved, self.budget
        tokens, tokens_held = spent.input_tokens + spent.output_tokens, held.input_tokens + held.output_tokens
        if _above(spent.calls + held.calls + bound.calls, budget.calls, self.share):
            return Refusal("calls", pending=False)  # a call under way counts as one, however it ends
        if _above(tokens + tokens_held + bound.input_tokens + bound.output_tokens, budget.tokens, self.share):
            return Refusal("tokens", pending=held.calls > 0)
        if budget.usd is not None and self._known_usd >= budget.usd * self.share:
            return Refusal("usd", pending=False)
        if _above(self._known_usd + (held.usd or 0.0) + (bound.usd or 0.0), budget.usd, self.share):
            return Refusal("usd", pending=held.calls > 0)
        return None

    def check_time(self) -> None:
        """Raise `BudgetExceeded` if the time is over."""
        if _above(time.monotonic() - self.started, self.budget.seconds, self.share):
            raise self.exceeded("seconds")

    def exceeded(self, cap: str) -> BudgetExceeded:
        value = getattr(self.budget, cap)
        named = f"${value}" if cap == "usd" else f"{value} {cap}"
        return BudgetExceeded(f"the budget of {named} is spent; everything received is kept. Raise the budget to go on.")

    def reserve(self, bound: Usage) -> None:
        self.reserved += bound

    def settle(self, bound: Usage, actual: Usage, tag: Tag) -> None:
        """Replace a reservation by what the call really cost."""
        self.spent += actual
        self._known_usd += actual.usd or 0.0
        self._paid[tag] = self._paid.get(tag, Usage()) + actual
        self.release(bound)
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    def release(self, bound: Usage) -> None:
        """Give a reservation back that was not used."""
        held = self.reserved
        self.reserved = Usage(
            held.calls - bound.calls,
            held.input_tokens - bound.input_tokens,
            held.output_tokens - bound.output_tokens,
            (held.usd or 0.0) - (bound.usd or 0.0) if held.calls > bound.calls else 0.0,  # no dust of floats stays
        )

    async def settlement(self) -> None:
        """Wait until the next call under way has settled."""
        one: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(one)
        await one

    def replay(self, key: str, usage: Usage, tag: Tag | None = None) -> None:
        """Count a reply that an earlier life of this same run has paid, so that the budget ends where it would have ended."""
        if key not in self._counted:
            self._counted.add(key)
            self.spent += usage
            self._known_usd += usage.usd or 0.0
            tag = tag or Tag("task", "", self.step)
            self._replayed[tag] = self._replayed.get(tag, Usage()) + usage

    def paid(self, key: str) -> None:
        """Note a reply that was paid in this life, so that finding it again is not taken for a replay."""
        self._counted.add(key)


def _above(value: float, cap: float | None, share: float) -> bool:
    return cap is not None and value > cap * share


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
        work = asyncio.ensure_future(book.hold(tag, bound, self.account.budget, self.account.share))
        found: int | Refusal | None = None
        try:
            found = await asyncio.shield(work)
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
        book.settle(number, Usage(), "failed")
