"""A6 fault soup: a provider that fails in every way it can loses no call, swaps no answer and raises nothing without a type."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from tests.acceptance import kit

import adjoint
from adjoint.base.errors import LMError
from adjoint.base.portal import portal
from adjoint.lm.retry import RetryPolicy
from adjoint.lm.types import Message, Request
from adjoint.program.context import context, send
from adjoint.testing import FakeProvider
from adjoint.testing.faults import FAULTS

TIMEOUT = 3.0
SHARE = 0.2
RARE = {
    "huge": 0.05,
    "hang": 0.3,
    "stream_stall": 0.1,
    "slow_body": 0.3,
    "429": 0.1,
    "429-date": 0.1,
    "429-reset": 0.1,
    "429-stale": 0.1,
}
"""Faults that cost the machine much, or a client its time-out, or that slow the whole endpoint down: they come less often."""
SAID = ("refusal", "length", "null_content")
"""What the model itself says: a reply, and no fault of the way."""


def mix(names, share):
    weights = {name: RARE.get(name, 1.0) for name in names}
    return {name: share * weight / sum(weights.values()) for name, weight in weights.items()}


def soup(figures, count, seed):
    """Calls through the gate: each ends with the right text, with what the model said instead, or with an error of the tree."""
    kinds = [name for name in FAULTS if name != "swapped"]
    outcomes, swapped, untyped = Counter(), [], []
    with FakeProvider(mix=mix(kinds, SHARE), seed=seed) as provider:
        lm = adjoint.LM("openai/fake", base_url=provider.base_url, api_key="any", timeout=TIMEOUT, concurrency=64)

        async def one(number):
            try:
                reply = await send(Request((Message("user", f"echo {number}."),)), lm)
            except LMError as error:
                outcomes[type(error).__name__] += 1
                return
            except Exception as error:  # noqa: BLE001 - that nothing else comes is what is tested
                untyped.append(repr(error))
                return
            right, half = f"echo {number}.", f"echo {number}."[: len(f"echo {number}.") // 2]
            said = {right: "answer", half: "length", "": "null_content", "I cannot help with that.": "refusal"}
            name = said.get(reply.text, "swapped")
            outcomes[name] += 1
            if name == "swapped" or (name == "length") != (reply.finish == "length"):
                swapped.append((number, reply.text))

        async def everything():
            await asyncio.gather(*map(one, range(count)))

        began = time.monotonic()
        with context(ledger="soup.db", retry=RetryPolicy(longest=0.2)):
            portal.run(everything())
        spent, requests = time.monotonic() - began, provider.requests
    figures.show("load", f"{count} calls, {SHARE:.0%} faults of {len(kinds)} kinds, {requests} requests, {spent:.1f} s")
    figures.show("outcomes", dict(outcomes.most_common()))
    lost = count - outcomes.total() - len(untyped)
    figures.hold("no call is lost", true=lost == 0, seen=lost)
    figures.hold("no answer is that of another question", true=not swapped, seen=swapped[:3] or 0)
    figures.hold("no error is without a type", true=not untyped, seen=untyped[:3] or 0)
    kept = kit.cells_of("soup.db", "SELECT count(*) FROM replies")[0][0]
    good = sum(outcomes[name] for name in ("answer", *SAID))
    figures.hold("what was answered is kept, failures are not", true=kept == good, seen=f"{kept} of {good}")


def scores(figures, count, seed):
    """An evaluation in the soup: its score is that of clean water, and its errors are counted apart."""
    rows = [adjoint.Example(q=f"word{n}", answer=f"word{n}" if n % 4 else "another").with_inputs("q") for n in range(count)]
    kinds = [name for name in FAULTS if name not in ("401", "swapped", "huge", "hang", "stream_stall", "slow_body")]
    reports = []
    for faults in ({}, mix(kinds, SHARE)):
        with FakeProvider(mix=faults, seed=seed) as provider, context(ledger=None, retry=RetryPolicy(longest=0.2)):
            lm = adjoint.LM("openai/fake", base_url=provider.base_url, api_key="any", timeout=TIMEOUT)
            reports.append(adjoint.evaluate(adjoint.Predict("q -> answer"), rows, adjoint.exact_match, lm=lm))
    clean, muddy = reports
    right = {cell.example: cell.score.value for cell in clean.cells if cell.score}
    changed = [
        cell.example for cell in muddy.cells if cell.score and cell.score.value != right[cell.example] and cell.error is None
    ]
    figures.show(
        "scores", f"clean {clean.mean:.3f} of {clean.n}, in the soup {muddy.mean:.3f} of {muddy.n} and {muddy.errors} errors"
    )
    figures.hold("the score is within the interval of the clean run", true=clean.low <= muddy.mean <= clean.high)
    figures.hold("rows are scored or errors, none is missing", true=muddy.n + muddy.errors == count, seen=muddy.n + muddy.errors)
    figures.show("rows whose reply was cut or empty and scored differently", len(changed))


def test(figures, place, seed):
    del place
    soup(figures, 400 if figures.short else 10_000, seed)
    scores(figures, 100 if figures.short else 1000, seed)


if __name__ == "__main__":
    kit.main("A6 fault soup", test)
