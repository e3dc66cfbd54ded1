"""The doctor: finds every kind of damage, changes nothing unless asked, and saves every intact row."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3

import pytest

from adjoint.base import process
from adjoint.ledger.accounts import Caps
from adjoint.ledger.doctor import examine, repair
from adjoint.ledger.store import Ledger


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    made = tmp_path_factory.mktemp("sound") / "ledger.db"
    ledger = Ledger(made)

    async def fill():
        for number in range(60):
            await ledger.keep_reply(f"{number:064x}", {"text": "x" * 300, "n": number}, {"messages": [{"content": "y" * 300}]})
            held = await ledger.hold(("run", "task", "m", ""), (1, 10, 10, 1000), Caps(calls=100))
            ledger.settle(held, (1, 5, 5, 500), "call")

    ledger.append("run", "begin", {"what": "evaluate"})
    asyncio.run(fill())
    ledger.close()
    return made.read_bytes()


@pytest.fixture
def path(tmp_path, sound):
    made = tmp_path / "ledger.db"
    made.write_bytes(sound)
    return made


def change(path, statement, *values):
    connection = sqlite3.connect(path)
    with connection:
        count = connection.execute(statement, values).rowcount
    connection.close()
    return count


def values_of(data, number):
    """Where the values of that reply begin in its table, in which its text follows its key."""
    return data.index(bytes.fromhex(f"{number:064x}") + b'{"n":')


def test_a_sound_ledger_is_healthy(path):
    found = examine(path)
    assert (found.healthy, found.rows, found.damaged) == (
        True,
        {"replies": 60, "events": 1, "spend": 60},
        dict.fromkeys(found.rows, 0),
    )
    json.dumps(found.to_dict())


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE replies SET body = replace(body, 'xxx', 'xxy') WHERE id = 7",
        "UPDATE replies SET body = x'80049500' WHERE id = 7",
        "UPDATE replies SET request = x'789c0000' WHERE id = 7",
        "UPDATE replies SET key = x'00' WHERE id = 7",
        "UPDATE replies SET mark = x'00' WHERE id = 7",
        "UPDATE events SET kind = 'end'",
        "UPDATE events SET body = '{'",
        "UPDATE events SET body = CAST(x'7bff7d' AS TEXT)",
        "UPDATE replies SET body = CAST(x'7bff7d' AS TEXT) WHERE id = 7",
        "UPDATE spend SET nano = 0 WHERE id = 7",
        "UPDATE spend SET calls = '1' || '0' WHERE id = 7",
    ],
)
def test_each_kind_of_damage_is_found_and_every_other_row_is_saved(path, damage):
    assert change(path, damage) == 1
    before = path.read_bytes()
    found = examine(path)
    assert not found.healthy
    assert sum(found.damaged.values()) == 1
    assert path.read_bytes() == before, "looking changes nothing"
    mended = repair(path)
    assert sum(mended.rows.values()) == 120
    assert examine(path).healthy
    assert not examine(mended.moved_to).healthy, "the damaged file stays beside it"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_torn_page_costs_the_rows_on_it_and_no_others(path):
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[16:18], "big")
    connection = sqlite3.connect(path)
    page = (
        max(number for (number,) in connection.execute("SELECT pageno FROM dbstat WHERE name = 'replies' AND pagetype = 'leaf'"))
        if connection.execute("SELECT 1 FROM pragma_compile_options WHERE compile_options = 'ENABLE_DBSTAT_VTAB'").fetchone()
        else len(data) // size
    )
    connection.close()
    data[(page - 1) * size : page * size] = random.Random(3).randbytes(size)
    path.write_bytes(bytes(data))
    assert not examine(path).healthy
    mended = repair(path)
    assert mended.rows["replies"] + mended.rows["spend"] >= 60
    assert examine(path).healthy
    again = Ledger(path)
    assert again.reply(f"{0:064x}")["n"] == 0
    again.close()


@pytest.mark.parametrize("seed", range(25))
def test_random_damage_gives_the_right_reply_or_an_error_and_never_a_wrong_one(path, seed):
    draw = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(40):
        data[draw.randrange(100, len(data))] = draw.randrange(256)
    path.write_bytes(bytes(data))
    examine(path)
    repair(path)
    if not examine(path).healthy:
        return
    ledger = Ledger(path)
    found = [ledger.reply(f"{number:064x}") for number in range(60)]
    ledger.close()
    assert all(reply is None or reply == {"text": "x" * 300, "n": number} for number, reply in enumerate(found))


def test_what_dead_processes_have_left_is_told_and_settled(path):
    machine, pid, begun = process.me().split("/")
    dead = f"{machine}/{pid}/{int(begun) + 1}"
    change(path, "INSERT INTO owners VALUES (?, 3)", dead)
    change(path, "INSERT INTO leases VALUES ('k', ?)", dead)
    change(
        path,
        "INSERT INTO holds (run, owner, role, model, step, calls, input_tokens, output_tokens, nano) VALUES ('run',?,'task','m','',1,9,9,77)",
        dead,
    )
    assert examine(path).orphans == {"leases": 1, "holds": 1}
    assert repair(path).healthy
    assert examine(path).orphans == {"leases": 0, "holds": 0}
    ledger = Ledger(path)
    assert [(row.kind, row.calls) for row in ledger.spend("run")] == [("call", 60), ("lost", 1)]
    ledger.close()


@pytest.mark.parametrize("junk", [bytes(4096), random.Random(5).randbytes(4096), b"my notes\n", bytes(100)])
def test_a_first_page_that_is_lost_costs_no_row(path, junk):
    path.write_bytes(junk + path.read_bytes()[len(junk) :])
    assert not examine(path).healthy
    mended = repair(path)
    assert mended.rows == {"replies": 60, "events": 1, "spend": 60}
    assert examine(path).healthy


@pytest.mark.parametrize(
    ("written", "damaged"),
    [
        (b"request BLOB", b"reqxest BLOB"),
        (b"seq INTEGER PRIMARY KEY", b"seq INTEGER PRIMQRY KEY"),
        (b"CREATE TABLE spend", b"CREATE TABLE spent"),
        (b"tablespendspend", b"tablespentspent"),
        (b"version2", b"version!"),
        (b"\x0fversion2", b"\x0eversion2"),
    ],
)
def test_a_schema_or_version_that_was_changed_costs_no_row(path, written, damaged):
    data = path.read_bytes()
    assert data.count(written) == 1
    path.write_bytes(data.replace(written, damaged))
    assert not examine(path).healthy
    assert repair(path).rows == {"replies": 60, "events": 1, "spend": 60}
    assert examine(path).healthy


def test_a_table_that_was_renamed_and_made_again_costs_no_row(path):
    change(path, "ALTER TABLE spend RENAME TO spent")
    change(
        path,
        "CREATE TABLE spend (id INTEGER PRIMARY KEY, run TEXT NOT NULL, role TEXT NOT NULL, model TEXT NOT NULL, step TEXT NOT NULL, "
        "kind TEXT NOT NULL, calls INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, nano INTEGER, mark BLOB)",
    )
    assert not examine(path).healthy
    assert repair(path).rows["spend"] == 60
    assert examine(path).healthy


def test_views_and_indexes_of_ones_own_are_no_damage(path):
    change(path, "CREATE VIEW mine AS SELECT * FROM spend")
    change(path, "CREATE INDEX by_model ON spend (model)")
    change(path, "ANALYZE")
    assert examine(path).healthy


def test_a_row_whose_number_was_changed_into_that_of_another_takes_nobodys_place(path):
    data = bytearray(path.read_bytes())
    at = values_of(data, 6) - 8
    assert data[at : at + 2] == b"\x07\x07", "the number, then the size of the header"
    data[at] = 9
    path.write_bytes(bytes(data))
    assert not examine(path).healthy
    assert repair(path).rows == {"replies": 60, "events": 1, "spend": 60}
    ledger = Ledger(path)
    assert [ledger.reply(f"{number:064x}")["n"] for number in range(60)] == list(range(60))
    ledger.close()


def test_damage_that_looks_like_a_row_hides_none_of_those_behind_it(path):
    data = bytearray(path.read_bytes())
    at = values_of(data, 6) + 40
    data[at : at + 10] = b"\x87\x6f\x01\x07\x00\x00\x00\x00\x8f\x5c"  # four times null and 1,000 bytes
    data[at // 4096 * 4096] = 0
    path.write_bytes(bytes(data))
    assert repair(path).rows == {"replies": 59, "events": 1, "spend": 60}


def test_a_row_with_the_largest_number_of_all_is_read_at_once(path):
    assert change(path, "UPDATE spend SET id = ? WHERE id = 7", 2**63 - 1) == 1
    assert examine(path).rows["spend"] == 60


def test_a_changed_page_size_costs_no_row(path):
    data = bytearray(path.read_bytes())
    data[16:18] = (2048).to_bytes(2, "big")
    path.write_bytes(bytes(data))
    assert not examine(path).healthy
    assert repair(path).rows == {"replies": 60, "events": 1, "spend": 60}


def test_a_file_that_nothing_can_be_written_to_any_more_is_mended(path):
    data = bytearray(path.read_bytes())
    data[18] = 7
    path.write_bytes(bytes(data))
    assert "nothing can be written" in examine(path).problems[0]
    assert sum(repair(path).rows.values()) == 121
    assert examine(path).healthy


def test_the_ledger_of_a_later_package_is_left_alone(path):
    change(path, "UPDATE meta SET value = '3'")
    before = path.read_bytes()
    assert repair(path).saved_to is None
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["text", "database"])
def test_a_file_that_is_no_ledger_is_left_alone(tmp_path, kind):
    notes = tmp_path / "notes"
    if kind == "text":
        notes.write_text("my notes\n" * 500)
    else:
        connection = sqlite3.connect(notes)
        connection.executescript("CREATE TABLE cookies (id INTEGER, name TEXT); INSERT INTO cookies VALUES (1, 'a')")
        connection.close()
    before = notes.read_bytes()
    assert not examine(notes).healthy
    assert "left as it is" in repair(notes).problems[-1]
    assert notes.read_bytes() == before
    assert list(tmp_path.iterdir()) == [notes]
    assert examine(tmp_path / "nothing").problems == ["there is no such file"]
