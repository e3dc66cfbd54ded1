"""Budget: hard caps on calls, tokens, dollars and seconds; and the account of what a run has spent and reserved under them.

An account counts in memory what one run spends in this process. `lm.spend` pays from it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from adjoint.base.errors import BudgetExceeded, UsageError
from adjoint.base.refusal import Refusal
from adjoint.base.words import count
from adjoint.lm.types import NO_USAGE, Estimate, Usage

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_COUNT = r"\d+(?:_\d+)*"
_REAL = r"\d*\.?\d+"
_BARE = re.compile(_COUNT, re.ASCII)
_PART = re.compile(
    rf"\$(?P<usd>{_REAL})|(?P<count>{_COUNT})\s*(?P<what>calls?|tokens?|examples?)|(?P<time>{_REAL})\s*(?P<unit>[smh])", re.ASCII
)


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
    examples: int | None = field(default=None, repr=False)
    """Rows that weights are trained on, each as often as it is taken up again."""
    allow_unpriced: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("calls", "tokens", "usd", "seconds", "examples"):
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
        message = f"cannot read the budget {text!r}; write for example 2000calls, 500000tokens, $5 or 30m."
        if isinstance(text, bool) or not isinstance(text, int | str):
            raise UsageError(message)
        if isinstance(text, int):
            return cls(calls=text)
        if _BARE.fullmatch(text.strip()):
            return cls(calls=int(text))
        budget = cls()
        if not text.strip() or _PART.sub("", text).strip(" ,+"):
            raise UsageError(message)
        for part in _PART.finditer(text):
            if part["usd"]:
                budget = replace(budget, usd=float(part["usd"]))
            elif part["count"]:
                key = part["what"].removesuffix("s") + "s"
                budget = replace(budget, **{key: int(part["count"])})  # type: ignore[arg-type]
            else:
                budget = replace(budget, seconds=float(part["time"]) * _UNITS[part["unit"]])
        return budget


class Tag(NamedTuple):
    """What a cost belongs to."""

    role: str
    model: str
    step: str


class _Sum:
    """Usage that is added up in place: an account does it several times a call."""

    __slots__ = ("calls", "input_tokens", "kind", "output_tokens", "usd")

    def __init__(self) -> None:
        self.kind: type[Usage] = Usage
        self.calls = self.input_tokens = self.output_tokens = 0
        self.usd: float | None = 0.0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def add(self, usage: Usage) -> None:
        self.calls += usage.calls
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.usd = None if self.usd is None or usage.usd is None else self.usd + usage.usd
        if isinstance(usage, Estimate):
            self.kind = Estimate

    def total(self) -> Usage:
        return self.kind(self.calls, self.input_tokens, self.output_tokens, self.usd)


class Account:
    """What one run has spent and reserved under its budget. `payer` names the run in the ledger.

    Used from the portal's loop only, so that its sums are exact however many threads and tasks call.
    """

    def __init__(self, budget: Budget | None = None, *, payer: str = "") -> None:
        self.budget = budget or Budget()
        self.payer = payer
        self.started = time.monotonic()
        self.examples = 0
        """Rows that weights were trained on."""
        self.share = 1.0
        """The part of every cap that may be spent for now, in [0, 1]; the rest is held back."""
        self.step = ""
        """What the run is doing: costs are told apart by it."""
        self._spent = _Sum()
        self._known_usd = 0.0
        self._held = _Sum()
        self._paid: defaultdict[Tag, _Sum] = defaultdict(_Sum)
        self._replayed: defaultdict[Tag, _Sum] = defaultdict(_Sum)
        self._counted: set[str] = set()
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def spent(self) -> Usage:
        """What the run has cost so far, what earlier lives of it have paid too."""
        return self._spent.total()

    @property
    def reserved(self) -> Usage:
        """The most that the calls under way can cost."""
        return self._held.total()

    def usage_by(self, what: Literal["role", "model", "step"] = "role", *, replayed: bool = True) -> dict[str, Usage]:
        """What was spent by role (task, proposer, critic, judge), by model or by step. `replayed` counts what earlier lives
        of the run have paid too, as `spent` does.
        """
        found: dict[str, Usage] = {}
        for table in (self._paid, self._replayed) if replayed else (self._paid,):
            for tag, usage in table.items():
                name: str = getattr(tag, what)
                found[name] = found.get(name, NO_USAGE) + usage.total()
        return dict(sorted(found.items()))

    def refusal(self, bound: Usage) -> Refusal | None:
        """The cap that would break if this were reserved, in memory."""
        spent, held, budget = self._spent, self._held, self.budget
        if budget.calls is not None and spent.calls + held.calls + bound.calls > budget.calls * self.share:
            return Refusal("calls", pending=False)  # a call under way counts as one, however it ends
        if budget.tokens is not None and spent.tokens + held.tokens + bound.tokens > budget.tokens * self.share:
            return Refusal("tokens", pending=held.calls > 0)
        if budget.usd is None:
            return None
        if self._known_usd >= budget.usd * self.share:
            return Refusal("usd", pending=False)
        if self._known_usd + (held.usd or 0.0) + (bound.usd or 0.0) > budget.usd * self.share:
            return Refusal("usd", pending=held.calls > 0)
        return None

    def check_time(self) -> None:
        """Raise `BudgetExceeded` if the time is over."""
        if _above(time.monotonic() - self.started, self.budget.seconds, self.share):
            raise self.exceeded("seconds")

    def learn(self, rows: int, *, next_rows: int = 0) -> None:
        """Count rows that were trained on. Raise `BudgetExceeded` if the time is over, or if `next_rows` more would be too many."""
        self.examples += rows
        if next_rows and _above(self.examples + next_rows, self.budget.examples, self.share):
            raise self.exceeded("examples")
        self.check_time()

    def exceeded(self, cap: str) -> BudgetExceeded:
        value = getattr(self.budget, cap)
        named = f"${value}" if cap == "usd" else count(value, cap.removesuffix("s"))
        return BudgetExceeded(f"the budget of {named} is spent; everything received is kept. Raise the budget to go on.")

    def reserve(self, bound: Usage) -> None:
        self._held.add(bound)

    def settle(self, bound: Usage, actual: Usage, tag: Tag) -> None:
        """Replace a reservation by what the call really cost."""
        self._spent.add(actual)
        self._known_usd += actual.usd or 0.0
        self._paid[tag].add(actual)
        self.release(bound)
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    def release(self, bound: Usage) -> None:
        """Give a reservation back that was not used."""
        held = self._held
        held.calls -= bound.calls
        held.input_tokens -= bound.input_tokens
        held.output_tokens -= bound.output_tokens
        held.usd = (held.usd or 0.0) - (bound.usd or 0.0) if held.calls else 0.0  # no dust of floats stays

    async def settlement(self) -> None:
        """Wait until the next call under way has settled."""
        one: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(one)
        await one

    def replay(self, key: str, usage: Usage, tag: Tag | None = None) -> None:
        """Count a reply that an earlier life of this same run has paid, so that the budget ends where it would have ended."""
        if key not in self._counted:
            self._counted.add(key)
            self._spent.add(usage)
            self._known_usd += usage.usd or 0.0
            self._replayed[tag or Tag("task", "", self.step)].add(usage)

    def paid(self, key: str) -> None:
        """Note a reply that was paid in this life, so that finding it again is not taken for a replay."""
        self._counted.add(key)


def _above(value: float, cap: float | None, share: float) -> bool:
    return cap is not None and value > cap * share
