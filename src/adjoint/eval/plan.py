"""The plan: the most that an evaluation or an optimisation can cost, known before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.json import canonical, plain
from adjoint.base.words import count
from adjoint.data.splits import distinct
from adjoint.lm.bounds import DEFAULT_OUTPUT, input_bound
from adjoint.lm.budget import Budget
from adjoint.lm.prices import price_of
from adjoint.modules.predict import MOST_REQUESTS
from adjoint.program.context import active_lm, context, current
from adjoint.program.lm import request_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.base.json import Json
    from adjoint.data.records import Example
    from adjoint.lm.base import BaseLM
    from adjoint.program.module import Module

_BYTES_A_TOKEN = 16
"""The longest tokens of natural text: what one predictor has written is what the next one reads."""


@dataclass(frozen=True)
class Plan:
    """The most that will be spent. None: nothing limits it; for dollars also: the price of some model is not known.

    `usd` and `tokens` are bounds by bytes and so far above what is usual. `notes` say what the bound stands on.
    """

    calls: int | None
    tokens: int | None
    usd: float | None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        calls = "no limit on calls" if self.calls is None else f"at most {count(self.calls, 'call')}"
        tokens = "" if self.tokens is None else f", {self.tokens} tokens"
        usd = "" if self.usd is None else f", ${self.usd:.2f}"
        return "\n".join([f"{calls}{tokens}{usd}", *self.notes])

    def to_dict(self) -> dict[str, Json]:
        return {"calls": self.calls, "tokens": self.tokens, "usd": self.usd, "notes": list(self.notes)}


def plan(
    program: Module,
    data: Sequence[Example],
    *,
    lm: BaseLM | str | None = None,
    budget: Budget | str | int | None = None,
    optimizer: object | None = None,
    calls_per_row: int | None = None,
    judge_calls: int = 0,
) -> Plan:
    """The upper bound of `evaluate` (or, with an `optimizer`, of `optimize`) on these rows, without asking anything.

    A program is taken to call each of its predictors once a row, with two more requests where a reply cannot be read; one with
    loops says `calls_per_row`, and a metric that asks a judge says `judge_calls`. A search is limited by its budget only.
    """
    rows = distinct(data)
    if not rows:
        message = "there is nothing to plan: the data has no rows."
        raise UsageError(message)
    caps = Budget.parse(budget)
    with context(**({} if lm is None else {"lm": lm})):
        once = Plan(None, None, None) if optimizer is not None else _evaluation(program, rows, calls_per_row, judge_calls)
    notes = once.notes if optimizer is None else ("a search spends what its budget allows; the same replies are paid once",)
    return Plan(_least(once.calls, caps.calls), _least(once.tokens, caps.tokens), _least(once.usd, caps.usd), notes)


def _evaluation(program: Module, rows: Sequence[Example], calls_per_row: int | None, judge_calls: int) -> Plan:
    predictors, attempts = program.predictors(), current().retry.attempts
    turns = (MOST_REQUESTS * max(1, len(predictors)) if calls_per_row is None else calls_per_row) + judge_calls
    data = max(len(canonical(plain(row.inputs().toDict()))) for row in rows)
    lms = [predictor.lm or active_lm() for predictor in predictors] or [active_lm()]
    output = max((int(predictor.config.get("max_tokens") or DEFAULT_OUTPUT) for predictor in predictors), default=DEFAULT_OUTPUT)
    prompts = max((_prompt(predictor) for predictor in predictors), default=0)
    read = prompts + data + turns * output * _BYTES_A_TOKEN
    calls = len(rows) * turns * attempts
    prices = [price_of(one) for one in lms]
    dearest = [price.usd(read, output) for price in prices if price is not None]
    usd = max(dearest) * calls if len(dearest) == len(prices) else None
    notes = [
        f"{count(len(rows), 'row')} x {count(turns, 'call')} a row x {count(attempts, 'attempt')}, were every attempt but the last to fail"
    ]
    if usd is None:
        notes.append("the price of a model is not known: give LM(..., price=(input, output)) or ADJOINT_PRICES")
    return Plan(calls, calls * (read + output), usd, tuple(notes))


def _prompt(predictor: Any) -> int:
    """Bytes of a predictor's prompt without its inputs: instruction, fields and demos as they would be written."""
    described = canonical(plain({**dict(predictor.state_dict()), "signature": repr(predictor.signature)}))
    return 2 * len(described) + input_bound(request_of((), {})) + 1024


def _least(bound: float | None, cap: float | None) -> Any:
    return cap if bound is None else bound if cap is None else min(bound, cap)
