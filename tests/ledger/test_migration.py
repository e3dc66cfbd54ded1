"""A file that version 1 has written is brought up to date when it is opened: nothing is lost, and damage stays damage."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import sqlite3

import pytest

from adjoint.base.errors import LedgerError
from adjoint.ledger.doctor import examine
from adjoint.ledger.store import Ledger
from adjoint.program.replies import LedgerReplies

VERSION_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE replies (key TEXT PRIMARY KEY, body TEXT NOT NULL, mark TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY, run TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX events_of_run ON events (run, seq);
INSERT INTO meta VALUES ('version', '1');
"""
KEYS = [f"{number:064x}" for number in range(30)]


def reply(number):
    usage = {"calls": 1, "input_tokens": 10, "output_tokens": number, "usd": 0.001}
    return {
        "lm": "m",
        "payer": "run-1",
        "role": "task",
        "request": {"messages": [{"role": "user", "content": f"question {number} \ud800"}]},
        "response": {"text": f"answer {number}", "usage": usage},
    }


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "ledger.db"
    connection = sqlite3.connect(made)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(VERSION_1)
    with connection:
        for number, key in enumerate(KEYS):
            text = json.dumps(reply(number), sort_keys=True, separators=(",", ":"))
            connection.execute(
                "INSERT INTO replies VALUES (?, ?, ?)", (key, text, hashlib.sha256(text.encode()).hexdigest()[:16])
            )
        connection.execute("UPDATE replies SET body = replace(body, 'answer', 'forged') WHERE key = ?", (KEYS[7],))
        connection.execute("INSERT INTO events VALUES (5, 'run-1', 1.5, 'begin', '{\"n\":1}')")
    connection.close()
    return made


def test_replies_requests_events_and_costs_are_all_there(path):
    ledger = Ledger(path)
    for number, key in enumerate(KEYS):
        if number != 7:
            assert ledger.reply(key)["response"] == reply(number)["response"]
            assert ledger.request(key) == reply(number)["request"]
    assert LedgerReplies(ledger).get(KEYS[3]).response.text == "answer 3"
    assert [(event.seq, event.at, event.body) for event in ledger.events("run-1")] == [(5, 1.5, {"n": 1})]
    assert [(row.calls, row.input_tokens, row.usd) for row in ledger.spend("run-1")] == [(29, 290, pytest.approx(0.029))]
    ledger.append("run-1", "end", {})
    ledger.close()


def test_what_was_damaged_before_is_still_told_as_damaged(path):
    ledger = Ledger(path)
    with pytest.raises(LedgerError, match="damaged"):
        ledger.reply(KEYS[7])
    ledger.close()
    assert examine(path).damaged["replies"] == 1


def opened(path):
    ledger = Ledger(path)
    found = sum(ledger.reply(key) is not None for key in KEYS if key != KEYS[7])
    ledger.close()
    return found


def test_processes_that_open_it_at_the_same_time_bring_it_up_to_date_once(path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(opened, [path] * 3) == [29] * 3
    assert examine(path).version == "2"


def test_a_migration_that_fails_leaves_the_old_file_as_it_was(path):
    connection = sqlite3.connect(path)
    connection.execute("UPDATE events SET kind = x'ff'")
    connection.execute("CREATE TABLE old_events (x)")  # in the way
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError):
        list(Ledger(path).events())
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT value FROM meta").fetchall() == [("1",)]
    assert connection.execute("SELECT count(*) FROM replies").fetchone() == (30,)
    connection.close()
