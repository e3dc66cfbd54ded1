"""The tables of the ledger, their version, and the way from each older version to this one."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from adjoint.base.json import compact
from adjoint.ledger.rows import key_of, mark, pack

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

VERSION = 2

# Only `meta` and what is under "coordination" is ever changed or deleted; everything else is only added to.
_RECORD = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replies (id INTEGER PRIMARY KEY, key BLOB NOT NULL, body TEXT NOT NULL, request BLOB, mark BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS replies_by_key ON replies (key);
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY, run TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, mark BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of_run ON events (run, seq);
CREATE TABLE IF NOT EXISTS spend (
  id INTEGER PRIMARY KEY, run TEXT NOT NULL, role TEXT NOT NULL, model TEXT NOT NULL, step TEXT NOT NULL, kind TEXT NOT NULL,
  calls INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, nano INTEGER, mark BLOB NOT NULL
);
"""
_COORDINATION = """
CREATE TABLE IF NOT EXISTS owners (owner TEXT PRIMARY KEY, beat INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (key BLOB PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
  run TEXT PRIMARY KEY, calls INTEGER NOT NULL, tokens INTEGER NOT NULL, nano INTEGER NOT NULL, unpriced INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS holds (
  id INTEGER PRIMARY KEY, run TEXT NOT NULL, owner TEXT NOT NULL, role TEXT NOT NULL, model TEXT NOT NULL, step TEXT NOT NULL,
  calls INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, nano INTEGER
);
CREATE INDEX IF NOT EXISTS holds_of_run ON holds (run);
"""
_VIEWS = """
CREATE VIEW IF NOT EXISTS runs AS
  SELECT run, json_extract(body, '$.what') AS what, min(at) AS began,
         (SELECT max(ended.at) FROM events AS ended WHERE ended.run = events.run AND ended.kind = 'end') AS ended
  FROM events WHERE kind = 'begin' GROUP BY run;
CREATE VIEW IF NOT EXISTS cells AS
  SELECT seq, run, at, json_extract(body, '$.candidate') AS candidate, json_extract(body, '$.example') AS example,
         json_extract(body, '$.score.value') AS score, json_extract(body, '$.error') AS error, body
  FROM events WHERE kind = 'cell';
CREATE VIEW IF NOT EXISTS candidates AS
  SELECT seq, run, at, json_extract(body, '$.candidate') AS candidate, json_extract(body, '$.round') AS round,
         json_extract(body, '$.state') AS state
  FROM events WHERE kind = 'candidate';
CREATE VIEW IF NOT EXISTS gradients AS SELECT seq, run, at, body FROM events WHERE kind = 'gradient';
CREATE VIEW IF NOT EXISTS decisions AS SELECT seq, run, at, body FROM events WHERE kind = 'decision';
"""


def version_of(connection: sqlite3.Connection) -> str | None:
    """The version of the file as its `meta` says; None for an empty file."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'").fetchone():
        return None
    row = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    if (
        row is not None
        and row[0] == "1"
        and "request" in {column[1] for column in connection.execute("PRAGMA table_info(replies)")}
    ):
        return "2"  # the number was damaged: to bring the rows up to date once more would make each a damaged one
    return None if row is None else str(row[0])


def create(connection: sqlite3.Connection) -> None:
    """Make what is missing. Must be called inside a transaction."""
    for statement in (_RECORD + _COORDINATION + _VIEWS).split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", (str(VERSION),))


def migrate(connection: sqlite3.Connection) -> None:
    """From version 1 to 2, inside a transaction: requests are packed apart, and every row gets a checksum.

    A row that was damaged before keeps an empty checksum, so that it is told as damaged afterwards too.
    """
    for name in ("replies", "events"):
        connection.execute(f"ALTER TABLE {name} RENAME TO old_{name}")
    connection.execute("DROP INDEX IF EXISTS events_of_run")
    create(connection)
    for key, body, old in connection.execute("SELECT key, body, mark FROM old_replies ORDER BY key").fetchall():
        intact = hashlib.sha256(str(body).encode("utf-8", "surrogatepass")).hexdigest()[:16] == old
        connection.execute(
            "INSERT INTO replies (key, body, request, mark) VALUES (?, ?, ?, ?)", _reply(key, str(body), intact=intact)
        )
        if intact:
            _charge(connection, json.loads(body))
    for seq, run, at, kind, body in connection.execute("SELECT seq, run, at, kind, body FROM old_events ORDER BY seq").fetchall():
        row = (seq, run, at, kind, body, mark(run, at, kind, body) if _is_json(body) else b"")
        connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", row)
    connection.execute("DROP TABLE old_replies")
    connection.execute("DROP TABLE old_events")
    connection.execute("UPDATE meta SET value = ? WHERE name = 'version'", (str(VERSION),))


def _reply(key: str, body: str, *, intact: bool) -> tuple[Any, ...]:
    """A reply of version 1 as a row of version 2; the request moves out of the body."""
    stored = key_of(key)
    if not intact:
        return stored, body, None, b""
    values: Mapping[str, Any] = json.loads(body)
    if not isinstance(values.get("request"), dict):
        return stored, body, None, mark(stored, body, None)
    rest = compact({name: value for name, value in values.items() if name != "request"})
    request = pack(compact(values["request"]))
    return stored, rest, request, mark(stored, rest, request)


def _charge(connection: sqlite3.Connection, reply: Mapping[str, Any]) -> None:
    """Version 1 kept no spend apart: what a run has paid stands in its replies."""
    usage = reply.get("response", {}).get("usage") if isinstance(reply.get("response"), dict) else None
    if not reply.get("payer") or not usage:
        return
    usd = usage.get("usd")
    amount = (usage["calls"], usage["input_tokens"], usage["output_tokens"], None if usd is None else round(usd * 1e9))
    charge(connection, (reply["payer"], reply.get("role", ""), reply.get("lm", ""), ""), "call", amount)


def charge(
    connection: sqlite3.Connection, about: tuple[str, str, str, str], kind: str, amount: tuple[int, int, int, int | None]
) -> None:
    """Add a row of spend for (run, role, model, step), and to the account of the run. `amount` ends in nano-dollars."""
    row = (*about, kind, *amount)
    connection.execute(
        "INSERT INTO spend (run, role, model, step, kind, calls, input_tokens, output_tokens, nano, mark) VALUES (?,?,?,?,?,?,?,?,?,?)",
        (*row, mark(*row)),
    )
    calls, tokens, nano = amount[0], amount[1] + amount[2], amount[3]
    connection.execute(
        "INSERT INTO accounts VALUES (?, ?, ?, ?, ?) ON CONFLICT (run) DO UPDATE SET calls = calls + excluded.calls, "
        "tokens = tokens + excluded.tokens, nano = nano + excluded.nano, unpriced = unpriced + excluded.unpriced",
        (about[0], calls, tokens, nano or 0, calls if nano is None else 0),
    )


def _is_json(text: Any) -> bool:
    try:
        json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
