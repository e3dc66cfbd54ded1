"""One call per question on a whole machine: leases, their dead owners, ids that come back and clocks that jump."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter

import pytest
from tests.lm.workers import calls, finish, start

from adjoint.base import process
from adjoint.ledger.leases import KEPT, MINE
from adjoint.ledger.store import Ledger
from adjoint.lm.cache import Reply
from adjoint.lm.types import Message, Request, Response
from adjoint.program import replies
from adjoint.program.replies import LedgerReplies

EVERYBODY = """
    async def main():
        keys = [f"q{i}" for i in range(int(sys.argv[1]))]
        random.shuffle(keys)
        at_once = asyncio.Semaphore(64)
        async def one(key):
            async with at_once:
                return (await send(ask(key), Counting(0.005))).text
        found = await asyncio.gather(*(one(key) for key in keys))
        assert found == ["x"] * len(keys)

    portal.run(main())
"""


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


def hold(ledger, key, owner):
    ledger._writer.run(lambda connection: connection.execute("INSERT OR REPLACE INTO leases VALUES (?, ?)", (key, owner)))


def reply(key):
    return Reply(key, "m", "", "task", Request((Message("user", "q"),)).written(), Response("x"))


def elsewhere():
    boot, host, space = process.me().split("/")[0].split(":")
    return f"{boot}:{host}-other:{space}/7/8"


def test_many_processes_ask_each_question_once(tmp_path):
    finish([start(tmp_path, EVERYBODY, 200) for _ in range(4)])
    asked = Counter(key for _, key, _ in calls(tmp_path))
    assert len(asked) == 200
    assert set(asked.values()) == {1}
    ledger = Ledger(tmp_path / "ledger.db")
    assert ledger._writer.run(lambda connection: connection.execute("SELECT count(*) FROM leases").fetchone()) == (0,)
    ledger.close()


def test_what_a_killed_process_was_asking_is_asked_by_those_who_wait(tmp_path):
    hanging = start(tmp_path, 'portal.run(send(ask("q"), Counting(60)))')
    end = time.monotonic() + 15
    while not calls(tmp_path) and time.monotonic() < end:
        time.sleep(0.01)
    waiting = start(tmp_path, 'print(portal.run(send(ask("q"), Counting(0))).text)')
    time.sleep(0.5)
    assert len(calls(tmp_path)) == 1
    hanging.send_signal(signal.SIGKILL)
    hanging.communicate()
    assert finish([waiting]) == ["x\n"]
    assert len(calls(tmp_path)) == 2


def test_a_lease_is_taken_once_and_ends_with_its_reply(ledger):
    async def story():
        first = await ledger.claim("k")
        await LedgerReplies(ledger).put(reply("k"))
        return first, await ledger.claim("k")

    assert asyncio.run(story()) == (MINE, KEPT)


def test_a_process_that_has_another_start_or_boot_than_the_owner_is_not_the_owner():
    machine, pid, begun = process.me().split("/")
    assert process.alive(process.me()) is True
    assert process.alive(f"{machine}/{pid}/{int(begun) + 1}") is False, "the id came back"
    assert process.alive(f"other-boot:{machine.split(':', 1)[1]}/{pid}/{begun}") is False, "the machine was started anew"
    assert process.alive(elsewhere()) is None, "nobody can tell from here"
    for wrong in ("", "x", "a/b", "a/b/c", "::/1/2", f"{machine}/x/y"):
        assert process.alive(wrong) is not True


def test_a_thousand_ids_that_came_back_never_keep_a_question_from_being_asked(ledger):
    machine, pid, begun = process.me().split("/")

    async def story():
        for number in range(1000):
            hold(ledger, f"k{number}", f"{machine}/{pid}/{int(begun) - 1 - number}") if number % 50 == 0 else None
            assert await ledger.claim(f"k{number}") == MINE

    asyncio.run(story())


def test_a_silent_owner_elsewhere_loses_its_lease_and_a_beating_one_keeps_it(ledger, monkeypatch):
    monkeypatch.setattr(replies, "SILENCE", 0.4)
    owner = elsewhere()

    async def story():
        hold(ledger, "k", owner)
        claim = asyncio.ensure_future(LedgerReplies(ledger).claim("k"))
        for _ in range(8):
            await asyncio.sleep(0.1)
            ledger._writer.run(
                lambda connection: connection.execute(
                    "INSERT INTO owners VALUES (?, 1) ON CONFLICT (owner) DO UPDATE SET beat = beat + 1", (owner,)
                )
            )
        kept = not claim.done()
        return kept, await asyncio.wait_for(claim, 5)

    assert asyncio.run(story()) == (True, True)


def test_jumps_of_the_wall_clock_change_nothing(ledger, monkeypatch):
    monkeypatch.setattr(replies, "SILENCE", 30.0)
    jumps = iter(range(10**9, 10**12, 86_400 * 365))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))

    async def story():
        hold(ledger, "k", process.me() + "0")  # dead: another start
        assert await LedgerReplies(ledger).claim("k")
        hold(ledger, "other", elsewhere())
        claim = asyncio.ensure_future(LedgerReplies(ledger).claim("other"))
        await asyncio.sleep(0.3)
        waits = not claim.done()
        claim.cancel()
        await asyncio.gather(claim, return_exceptions=True)
        return waits

    assert asyncio.run(story())


def test_a_failed_call_gives_its_lease_back(tmp_path):
    code = """
        class Broken(Counting):
            async def __call__(self, request):
                raise adjoint.base.errors.RequestError("no")

        async def main():
            for lm in (Broken(0), Counting(0)):
                try:
                    print((await send(ask("q"), lm)).text)
                except AdjointError as error:
                    print(error)

        portal.run(main())
    """
    assert finish([start(tmp_path, code)]) == ["no\nx\n"]
