"""A2 kill storm: processes that share a ledger are killed at random moments; nothing received is lost or bought twice."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from functools import partial
from pathlib import Path

from tests.acceptance import kit

import adjoint
from adjoint.base.portal import portal
from adjoint.ledger.store import Ledger
from adjoint.lm.budget import Account, Budget
from adjoint.lm.types import Message, Request
from adjoint.program.context import context, send
from adjoint.testing import FakeProvider

AT_ONCE, PROCESSES, LATENCY = 8, 4, 0.02


def storm(place, url, keys, seed):
    """Ask all questions in an order of its own, and note each reply that was seen."""
    lm, order, gate = adjoint.LM("openai/fake", base_url=url, api_key="any"), list(keys), asyncio.Semaphore(AT_ONCE)
    random.Random(seed).shuffle(order)

    async def one(key):
        async with gate:
            reply = await send(Request((Message("user", key),)), lm)
            kit.note(f"{place}/seen.txt", key, reply.text)

    async def everything():
        await asyncio.gather(*map(one, order))

    with context(ledger=f"{place}/ledger.db", account=Account(Budget(calls=10**6), payer="storm")):
        portal.run(everything())


def search(place, url):
    """An optimisation, whose program and state are saved."""
    rows = [adjoint.Example(q=f"word{n}", answer=f"WORD{n}").with_inputs("q") for n in range(48)]
    with context(ledger=f"{place}/ledger.db"):
        lm = adjoint.LM("openai/fake", base_url=url, api_key="any")
        program = adjoint.Predict("q -> answer", "Copy.")
        result = adjoint.optimize(program, trainset=rows, metric=adjoint.exact_match, lm=lm, limit=AT_ONCE, ship="always")
    result.program.save(f"{place}/program.json")
    Path(f"{place}/done").touch()


def answer(messages):
    """Copies the last message; writes capitals where the last letters say so or where examples show it."""
    word = messages[-1]["content"]
    return word.upper() if len(messages) > 6 or word.endswith(("1", "2")) else word


def asked(provider, since=0):
    return [body["messages"][-1]["content"] for body in provider.bodies[since:]]


def kept(place):
    return {bytes(key) for (key,) in kit.cells_of(place / "ledger.db", "SELECT key FROM replies")}


def kill_storm(figures, place, seed, keys, kills):
    place.mkdir()
    draw, forking = random.Random(seed), kit.forking()
    with FakeProvider(answer, latency=LATENCY) as provider:
        lm = adjoint.LM("openai/fake", base_url=provider.base_url, api_key="any")
        stored = {key: bytes.fromhex(Request((Message("user", key),)).key(lm.identity)) for key in keys}

        def begin(number):
            process = forking.Process(target=storm, args=(str(place), provider.base_url, keys, number))
            process.start()
            return process

        processes = [begin(number) for number in range(PROCESSES)]
        moments, again, made = sorted(draw.sample(range(5, len(keys) - 5), kills)), 0, 0
        for number, moment in enumerate(moments):
            while provider.billed - made < moment and any(process.is_alive() for process in processes):
                time.sleep(0.001)
            safe = kept(place)
            since, victim = len(provider.bodies), draw.randrange(PROCESSES)
            processes[victim].kill()
            processes[victim].join()
            processes[victim] = begin(PROCESSES + number)
            again += sum(stored[key] in safe for key in asked(provider, since))
            made = provider.billed - len(kept(place))  # what was billed and lost does not bring the end nearer
        for process in processes:
            process.join(300)
        once = Counter(asked(provider))
        safe, seen = kept(place), kit.noted(place / "seen.txt")
        billed = provider.billed
    ledger = Ledger(place / "ledger.db")
    charged = sum(row.calls for row in ledger.spend())
    texts = {key: ledger.reply(stored[key].hex())["response"]["text"] for key in keys if stored[key] in safe}
    ledger.close()
    codes = [process.exitcode for process in processes]
    figures.hold("every process that was not killed ends well", true=codes == [0] * PROCESSES, seen=codes)
    figures.hold("every question has its reply", true=set(texts) == set(keys), seen=f"{len(texts)} of {len(keys)}")
    figures.hold(
        "every reply is that of its question", true=all(answer([{"content": key}]) == text for key, text in texts.items())
    )
    figures.hold(
        "every reply that a program has seen is in the ledger", true=all(stored[key] in safe for key, _ in seen), seen=len(seen)
    )
    figures.hold("no question whose reply was kept at a kill is asked after it", true=again == 0, seen=again)
    bought_again = billed - len(keys)
    figures.hold(
        f"at most {kills} x {AT_ONCE} replies in flight are bought again", true=bought_again <= kills * AT_ONCE, seen=bought_again
    )
    figures.hold(
        "no question is asked more often than it was killed", true=max(once.values()) <= 1 + kills, seen=max(once.values())
    )
    figures.hold("charged >= billed", true=charged >= billed, seen=f"{charged} >= {billed}")
    said = kit.cells_of(place / "ledger.db", "PRAGMA integrity_check")
    figures.hold("SQLite finds the file whole", true=said == [("ok",)], seen=said)
    left = kit.cells_of(place / "ledger.db", "SELECT count(*) FROM leases")[0][0]
    figures.hold("no lease is left", true=left == 0, seen=left)


def killed_search(figures, place, seed, kills):
    draw, forking = random.Random(seed), kit.forking()
    places = [place / "unbroken", place / "broken"]
    totals = []
    for here, times in zip(places, (0, kills), strict=True):
        here.mkdir()
        with FakeProvider(answer, latency=LATENCY / 4) as provider:
            start = partial(forking.Process, target=search, args=(str(here), provider.base_url))
            for _ in range(times):
                process, goal = start(), provider.billed + draw.randint(1, max(2, totals[0] // kills))
                process.start()
                while process.is_alive() and provider.billed < goal:
                    time.sleep(0.001)
                process.kill()
                process.join()
            process = start()
            process.start()
            process.join(120)
            totals.append(provider.billed)
    programs = [(here / "program.json").read_bytes() for here in places]
    figures.hold(
        "the search that was killed chooses the program of the unbroken one",
        true=programs[0] == programs[1],
        seen=f"{kills} kills",
    )
    extra = totals[1] - totals[0]
    figures.hold(f"it buys at most {kills} x {AT_ONCE} calls more", true=extra <= kills * AT_ONCE, seen=f"{totals[0]} + {extra}")


def test(figures, place, seed):
    count, kills = (200, 6) if figures.short else (2000, 100)
    figures.show("load", f"{PROCESSES} processes, {count} questions, {AT_ONCE} in flight each, {kills} kills")
    kill_storm(figures, place / "storm", seed, [f"question-{n}" for n in range(count)], kills)
    killed_search(figures, place, seed, 2 if figures.short else 20)


if __name__ == "__main__":
    kit.main("A2 kill storm", test)
