"""Budget: hard caps on calls, tokens, dollars and seconds. What a call may cost is reserved before it is made."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.lm.base import Wrapper
from adjoint.lm.types import Usage

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
_DEFAULT_OUTPUT = 1024
"""Tokens reserved for a reply whose request names no `max_tokens`; the settlement corrects it."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Caps on a run; None means no cap of that kind. Each is >= 0.

    >>> Budget.parse("2000calls"), Budget.parse("$5 30m")
    (Budget(calls=2000, tokens=None, usd=None, seconds=None), Budget(calls=None, tokens=None, usd=5.0, seconds=1800.0))
    """

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None

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
                budget = replace(budget, **{key: int(part["count"])})
            else:
                budget = replace(budget, seconds=float(part["time"]) * _UNITS[part["unit"]])
        return budget


class Account:
    """What one run has spent and reserved under its budget. `payer` names the run in the ledger."""

    def __init__(self, budget: Budget | None = None, *, payer: str = "") -> None:
        self.budget = budget or Budget()
        self.payer = payer
        self.spent = Usage()
        self.reserved = Usage()
        self.started = time.monotonic()
        self.share = 1.0
        """The part of every cap that may be spent for now, in [0, 1]; the rest is held back."""
        self._counted: set[str] = set()
        self._waiting: list[asyncio.Future[None]] = []

    def reserve(self, request: Request) -> Usage:
        """Set aside the most that this request can cost, or raise `BudgetExceeded`."""
        bound = upper_bound(request)
        total = self.spent + self.reserved + bound
        checks = (
            ("calls", total.calls, self.budget.calls),
            ("tokens", total.input_tokens + total.output_tokens, self.budget.tokens),
            ("seconds", time.monotonic() - self.started, self.budget.seconds),
        )
        for name, value, cap in checks:
            if cap is not None and value > cap * self.share:
                message = f"the budget of {cap} {name} is spent; everything received is kept. Raise the budget to go on."
                raise BudgetExceeded(message)
        self._check_money()
        self.reserved += bound
        return bound

    def settle(self, bound: Usage, actual: Usage) -> None:
        """Replace a reservation by what the call really cost."""
        self.spent += actual
        self.release(bound)

    def release(self, bound: Usage) -> None:
        self.reserved = Usage(
            self.reserved.calls - bound.calls,
            self.reserved.input_tokens - bound.input_tokens,
            self.reserved.output_tokens - bound.output_tokens,
        )
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def settlement(self) -> None:
        """Wait until the next call under way has settled."""
        one: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(one)
        await one

    def replay(self, key: str, usage: Usage) -> None:
        """Count a reply that an earlier life of this same run has paid, so that the budget ends where it would have ended."""
        if key not in self._counted:
            self._counted.add(key)
            self.spent += usage

    def paid(self, key: str) -> None:
        """Note a reply that was paid in this life, so that finding it again is not taken for a replay."""
        self._counted.add(key)

    def _check_money(self) -> None:
        if self.budget.usd is None:
            return
        if self.spent.usd is None:
            message = "a cap in dollars needs a price for the model; cap calls or tokens instead."
            raise BudgetExceeded(message)
        if self.spent.usd >= self.budget.usd * self.share:
            message = f"the budget of ${self.budget.usd} is spent; everything received is kept. Raise the budget to go on."
            raise BudgetExceeded(message)


def upper_bound(request: Request) -> Usage:
    """A bound on the cost of a request: byte-level tokenizers make at most one token of a UTF-8 byte."""
    size = sum(len(message.text.encode("utf-8", "surrogatepass")) + 8 for message in request.messages)
    return Usage(1, size, _DEFAULT_OUTPUT if request.max_tokens is None else request.max_tokens)


class Spend(Wrapper):
    """Reserves before a call and settles after it; a failed call is settled as one call without tokens."""

    def __init__(self, inner: BaseLM, account: Account) -> None:
        super().__init__(inner)
        self.account = account

    async def __call__(self, request: Request) -> Response:
        bound = await self._reserve(request)
        actual = Usage(calls=1)
        try:
            response = await self.inner(request)
            actual = response.usage
        finally:
            self.account.settle(bound, actual)
        return response

    async def _reserve(self, request: Request) -> Usage:
        """Reserve, and while calls are under way wait for what they leave: they were reserved at the most they can cost."""
        while True:
            try:
                return self.account.reserve(request)
            except BudgetExceeded:
                if not self.account.reserved.calls:
                    raise
            await self.account.settlement()
