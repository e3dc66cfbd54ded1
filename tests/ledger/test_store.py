"""The ledger: what it has taken survives, what is damaged is told, and nobody else may read it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from adjoint.base.errors import LedgerError
from adjoint.ledger.store import Ledger


@pytest.fixture
def path(tmp_path):
    return tmp_path / "own" / "ledger.db"


@pytest.fixture
def ledger(path):
    opened = Ledger(path)
    yield opened
    opened.close()


def keep(ledger, *replies):
    async def all_at_once():
        await asyncio.gather(*(ledger.keep_reply(key, body) for key, body in replies))

    asyncio.run(all_at_once())


def change(path, statement, *values):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


def python(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)], text=True, **options
    )


def test_a_reply_is_found_under_its_key_and_the_first_one_stays(ledger):
    keep(ledger, ("k", {"text": "first"}))
    keep(ledger, ("k", {"text": "second"}))
    assert ledger.reply("k") == {"text": "first"}
    assert ledger.reply("other") is None


def test_everything_is_there_after_reopening(path, ledger):
    keep(ledger, ("k", {"text": "ü \ud800 \x00"}))
    ledger.append("run", "begin", {"n": 1})
    ledger.extend("run", "cell", [{"n": 2}, {"n": 3}])
    ledger.append("other", "begin", {})
    ledger.close()
    again = Ledger(path)
    assert again.reply("k") == {"text": "ü \ud800 \x00"}
    assert [(event.kind, event.body) for event in again.events("run")] == [
        ("begin", {"n": 1}),
        ("cell", {"n": 2}),
        ("cell", {"n": 3}),
    ]
    assert [event.run for event in again.events(kind="begin")] == ["run", "other"]
    again.close()


def test_only_the_owner_may_read_it(path, ledger):
    ledger.append("run", "begin", {})
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file in path.parent.iterdir():  # the log and its index too
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


@pytest.mark.parametrize(
    "damage", ['{"text":"b"}', '{"text":', "", '{"text": "a"}'], ids=["other text", "cut", "empty", "other form"]
)
def test_a_damaged_reply_is_an_error_that_names_the_file(path, ledger, damage):
    keep(ledger, ("k", {"text": "a"}))
    change(path, "UPDATE replies SET body = ? WHERE key = 'k'", damage)
    with pytest.raises(LedgerError, match="damaged") as caught:
        ledger.reply("k")
    assert str(path) in str(caught.value)


def test_a_damaged_event_is_an_error_that_names_the_file(path, ledger):
    ledger.append("run", "begin", {"n": 1})
    change(path, "UPDATE events SET body = '{\"n\":'")
    with pytest.raises(LedgerError, match=r"event 1 in .*ledger\.db is damaged"):
        list(ledger.events())


def test_events_of_which_one_bears_the_number_of_another_are_an_error_before_any_is_read(path, ledger):
    for run in ("run", "other", "run", "run"):
        ledger.append(run, "cell", {})
    ledger.close()
    change(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    at = data.index(b"other") - 8
    assert data[at : at + 3] == b"\x02\x07\x00", "the number, the size of the header, and the first column, which is the number"
    data[at] = 3
    path.write_bytes(data)
    with pytest.raises(LedgerError, match="their numbers do not rise"):
        next(ledger.events())


def test_a_file_that_is_no_ledger_is_told_and_left_alone(path):
    path.parent.mkdir()
    path.write_text("my notes\n" * 200)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger(path).append("run", "begin", {})
    assert path.read_text().startswith("my notes")


def test_a_ledger_of_another_version_is_refused(path, ledger):
    ledger.append("run", "begin", {})
    ledger.close()
    change(path, "UPDATE meta SET value = '99'")
    with pytest.raises(LedgerError, match="has version 99, this package writes"):
        list(Ledger(path).events())


def test_a_ledger_that_was_made_to_say_that_it_is_old_is_not_brought_up_to_date_again(path, ledger):
    keep(ledger, ("k", {"text": "a"}))
    ledger.close()
    change(path, "UPDATE meta SET value = '1'")
    again = Ledger(path)
    again.append("run", "begin", {})
    assert again.reply("k") == {"text": "a"}


def test_a_path_that_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(LedgerError, match="ADJOINT_LEDGER"):
        Ledger(blocked / "ledger.db").append("run", "begin", {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_an_error_that_names_the_file(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(LedgerError, match=r"ledger\.db cannot be used"):
        Ledger(tmp_path / "own" / "ledger.db").append("run", "begin", {})
    tmp_path.chmod(0o700)


def test_what_has_no_json_form_is_refused_alone_and_nobody_waits_for_ever(ledger):
    async def both():
        return await asyncio.wait_for(
            asyncio.gather(ledger.keep_reply("bad", {"x": float("nan")}), ledger.keep_reply("good", {}), return_exceptions=True),
            5,
        )

    bad, good = asyncio.run(both())
    assert isinstance(bad, LedgerError)
    assert good is None
    assert ledger.reply("good") == {}
    with pytest.raises(LedgerError, match="JSON only"):
        ledger.append("run", "begin", {"x": float("inf")})


def test_replies_of_the_same_moment_share_one_commit(path, ledger):
    ledger.append("run", "begin", {})
    commits = []
    ledger._connection.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)
    keep(ledger, *((f"k{i}", {"n": i}) for i in range(100)))
    assert len(commits) == 1
    assert all(ledger.reply(f"k{i}") == {"n": i} for i in range(100))


def test_a_failed_commit_reaches_everybody_who_waits_for_it(path, ledger):
    ledger.append("run", "begin", {})
    ledger._connection.execute("PRAGMA query_only = ON")

    async def two():
        return await asyncio.gather(ledger.keep_reply("a", {}), ledger.keep_reply("b", {}), return_exceptions=True)

    assert [type(error) for error in asyncio.run(two())] == [LedgerError, LedgerError]


def test_four_processes_open_a_new_ledger_and_write_at_the_same_time(path):
    writer = """
        import asyncio, sys
        from adjoint.ledger.store import Ledger
        ledger, me = Ledger(sys.argv[1]), sys.argv[2]
        for i in range(25):
            ledger.append(me, "cell", {"i": i})
            asyncio.run(ledger.keep_reply(f"{me}-{i}", {"i": i}))
            asyncio.run(ledger.keep_reply(f"shared-{i}", {"by": me}))
        ledger.close()
    """
    processes = [python(writer, path, f"p{n}", stderr=subprocess.PIPE) for n in range(4)]
    assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 4
    ledger = Ledger(path)
    for n in range(4):
        assert [event.body["i"] for event in ledger.events(f"p{n}")] == list(range(25))
        assert all(ledger.reply(f"p{n}-{i}") == {"i": i} for i in range(25))
    assert all(ledger.reply(f"shared-{i}")["by"].startswith("p") for i in range(25))
    ledger.close()


def test_what_a_killed_process_has_seen_is_in_the_ledger(tmp_path, path):
    asker = """
        import os, sys
        import adjoint
        from adjoint.testing import ScriptedLM
        lm = ScriptedLM(lambda request: request.messages[-1].content.upper(), identity="killed")
        with adjoint.context(lm=lm, ledger=sys.argv[1]):
            for i in range(1000):
                print(adjoint.Predict("q -> a")(q=f"q{i}").a, flush=True)
    """
    process = python(asker, path, stdout=subprocess.PIPE)
    seen = [process.stdout.readline().strip() for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    seen += process.communicate()[0].split()
    connection = sqlite3.connect(path)
    kept = {json.loads(body)["response"]["text"] for (body,) in connection.execute("SELECT body FROM replies")}
    connection.close()
    assert len(seen) >= 20
    assert set(seen) <= kept


def test_nothing_is_created_before_the_first_use(tmp_path):
    Ledger(tmp_path / "later" / "ledger.db").close()
    assert not Path(tmp_path / "later").exists()


def test_many_processes_may_make_the_same_new_file_at_once(tmp_path):
    code = "import sys; from adjoint.ledger.store import Ledger; sys.stdin.read(1); Ledger(sys.argv[1]).append('run', 'begin', {'what': 'x'})"
    for number in range(3):
        path = tmp_path / str(number) / "ledger.db"
        processes = [subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE) for _ in range(6)]
        time.sleep(0.5)
        for process in processes:
            process.stdin.close()
        assert [process.wait(30) for process in processes] == [0] * 6
        assert len(list(Ledger(path).events())) == 6
