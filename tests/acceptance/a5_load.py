"""A5 rate limits and load: the capacity of a provider is used, its limits are kept, and no row is lost on the way."""

from __future__ import annotations

import asyncio
import resource
import time
from pathlib import Path

from tests.acceptance import kit

import adjoint
from adjoint.base.errors import AdjointError
from adjoint.base.portal import portal
from adjoint.lm.retry import RetryPolicy
from adjoint.lm.types import Message, Request
from adjoint.program.context import context, send


async def ask(lm, count, at_once):
    """So many questions, so many at once; the number of those that failed."""
    waiting, failed = iter(range(count)), 0

    async def some():
        nonlocal failed
        for number in waiting:
            try:
                await send(Request((Message("user", f"question {number}"),)), lm)
            except AdjointError:
                failed += 1

    await asyncio.gather(*(some() for _ in range(at_once)))
    return failed


def limited(figures, rate, burst, count, at_once):
    """A token bucket: how much of its capacity is used, and how much is refused after the first tenth of the time."""
    with kit.lean_server(rate=rate, burst=burst, latency=0.05) as url:
        lm = adjoint.LM("openai/fake", base_url=url, api_key="any", concurrency=at_once)
        began = time.monotonic()
        with context(ledger=None, retry=RetryPolicy(attempts=50)):
            failed = portal.run(ask(lm, count, at_once))
        spent = time.monotonic() - began
        found = kit.counts(url)
    answered = {int(when): many for when, many in found["answered"].items()}
    refused = {int(when): many for when, many in found["refused"].items()}
    warm = min(answered) + max(4, int(0.4 * spent))
    late = sum(many for when, many in refused.items() if when >= warm)
    share = late / max(1, late + sum(many for when, many in answered.items() if when >= warm))
    used = count / (rate * spent + burst)
    figures.show(
        f"{rate} a second, bursts of {burst}", f"{count} calls, {at_once} tasks, {spent:.1f} s, {sum(refused.values())} refused"
    )
    figures.hold("at least 85 % of the capacity is used", true=used >= 0.85, seen=f"{used:.1%}", timed=True)
    figures.hold("at most 2 % are refused after the warm-up", true=share <= 0.02, seen=f"{share:.2%}", timed=True)
    figures.hold("no row is lost", true=failed == 0 and sum(answered.values()) == count, seen=failed)


def loaded(figures, latency, count, at_once):
    """A slow provider with many requests in flight."""
    with kit.lean_server(latency=latency) as url:
        lm = adjoint.LM("openai/fake", base_url=url, api_key="any", concurrency=at_once)
        with context(ledger=None):
            portal.run(ask(lm, at_once, at_once))
            began, worked = time.monotonic(), time.process_time()
            failed = portal.run(ask(lm, count, at_once))
        spent, busy = time.monotonic() - began, time.process_time() - worked
        most = kit.counts(url)["most_in_flight"]
    used = count / spent / (at_once / latency)
    figures.show(f"{at_once} in flight at {latency} s", f"{count} calls in {spent:.1f} s, {count / spent:.0f} a second")
    figures.hold(f"{at_once} are in flight", true=most == at_once, seen=most)
    figures.hold("at least 85 % of the capacity is used", true=used >= 0.85, seen=f"{used:.1%}", timed=True)
    figures.hold("at most 1 ms of CPU a call", true=busy / count <= 0.001, seen=f"{1e3 * busy / count:.2f} ms", timed=True)
    figures.hold("no row is lost", true=failed == 0, seen=failed)


def growth(figures, count):
    """Memory over many calls that are kept in a ledger."""
    with kit.lean_server() as url:
        lm = adjoint.LM("openai/fake", base_url=url, api_key="any", concurrency=64)
        with context(ledger="growth.db"):
            portal.run(ask(lm, count // 5, 64))
            before = _resident()
            portal.run(ask(adjoint.LM("openai/other", base_url=url, api_key="any", concurrency=64), count, 64))
    grown = (_resident() - before) / 2**20
    figures.show("memory", f"{count} calls, all kept; most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    figures.hold("it grows by at most 50 MB", true=grown <= 50, seen=f"{grown:.1f} MB")


def _resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test(figures, place, seed):
    del place, seed
    if figures.short:
        limited(figures, 150, 20, 800, 64)
        loaded(figures, 0.5, 1024, 256)
        return
    limited(figures, 50, 50, 4000, 64)
    limited(figures, 1000, 100, 20_000, 512)
    loaded(figures, 2.0, 10_240, 512)
    growth(figures, 100_000)


if __name__ == "__main__":
    kit.main("A5 rate limits and load", test)
