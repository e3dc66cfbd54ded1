"""A8 poison: ledgers, programs, settings and data that were damaged or forged run no code, mislead nobody and end in one line."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import random
import shutil
import sqlite3
import struct
import sys
import warnings
from collections import Counter
from pathlib import Path

from tests.acceptance import kit

import adjoint
from adjoint.base.errors import AdjointError
from adjoint.base.json import plain
from adjoint.cli.main import main
from adjoint.cli.sources import read_lm
from adjoint.ledger import pages
from adjoint.ledger.doctor import repair
from adjoint.ledger.store import Ledger
from adjoint.program.context import context
from adjoint.testing import ScriptedLM

RUNS_CODE = frozenset({
    "exec", "compile", "import", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.spawn",
    "pickle.find_class", "marshal.loads", "code.__new__", "function.__new__", "ctypes.dlopen", "socket.connect",
})  # fmt: skip
EVIL = pickle.dumps(print)
JUNK = (
    None, True, -1, 10**400, 1e308, "", "\x00", "\ud800", "NaN", [], {}, [[[[]]]], {"__class__": "os.system"}, {"lc": 1, "type": "constructor"},
    "../../etc/passwd", "{{ x.__class__ }}", "!!python/object/apply:os.system ['true']", "$(true)", "__import__('os').system('true')",
)  # fmt: skip
SETTINGS = b'model = "mine.py:lm"\nledger = "settings.db"\n'
TABLES = {
    "replies": ("key", "body", "request", "mark"),
    "events": ("run", "at", "kind", "body", "mark"),
    "spend": ("run", "kind", "calls", "mark"),
}


class Watch:
    """Hears of every audit event that means code; only while it is armed, and only of code that comes from data."""

    def __init__(self):
        self.armed, self.heard = False, Counter()
        sys.addaudithook(self.hear)

    def hear(self, event, arguments):
        if self.armed and event in RUNS_CODE:
            self.armed = False  # what this very report does is not meant
            if not _ours(event, arguments):
                self.heard[f"{event} {str(arguments)[:150]}"] += 1
            self.armed = True


def _ours(event, arguments):
    """Python's own: a class made at run time runs a few lines that the library itself has written."""
    if event == "exec":
        return (
            arguments[0].co_filename.startswith(("<string>", "<attrs", "<frozen")) or "site-packages" in arguments[0].co_filename
        )
    return event == "compile" and arguments[1] in (None, "<string>", "<unknown>") and not _evil(arguments[0])


def _evil(source):
    text = source.decode("utf-8", "replace") if isinstance(source, bytes) else str(source)
    return "import" in text or "system" in text


class World:
    """Good files, and what is right about them."""

    def __init__(self, place):
        self.place = place
        rows = [{"id": f"r{n}", "inputs": {"q": f"word{n}"}, "expected": f"WORD{n}"} for n in range(24)]
        (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (place / "rows.json").write_text(json.dumps(rows))
        (place / "rows.csv").write_text("q,answer\n" + "".join(f"word{n},WORD{n}\n" for n in range(24)))
        (place / "mine.py").write_text(
            "from adjoint.testing import ScriptedLM\n"
            'lm = ScriptedLM(lambda request: request.messages[-1].content.upper() if len(request.messages) > 4 else "x", identity="m")\n'
        )
        self.lm = ScriptedLM(
            lambda request: request.messages[-1].content.upper() if len(request.messages) > 4 else "x", identity="m"
        )
        with context(ledger=place / "ledger.db"):
            program = adjoint.Predict("q -> answer", "Copy.")
            examples = [adjoint.Example(q=f"word{n}", answer=f"WORD{n}").with_inputs("q") for n in range(24)]
            self.run = adjoint.optimize(
                program, trainset=examples, metric=adjoint.exact_match, lm=self.lm, ship="always", budget="90calls"
            )
            self.run.program.save(place / "best.json")
        self.state = plain(dict(self.run.program.state_dict()))
        ledger = Ledger(place / "ledger.db")
        keys = [bytes(key).hex() for (key,) in kit.cells_of(place / "ledger.db", "SELECT DISTINCT key FROM replies")]
        self.replies = {key: (ledger.reply(key), ledger.request(key)) for key in keys}
        self.events = [(event.run, event.kind, event.body) for event in ledger.events()]
        ledger.close()
        with contextlib.closing(sqlite3.connect(place / "ledger.db")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.bytes = (place / "ledger.db").read_bytes()
        self.version = self.bytes.index(b"version2") + len("version")
        self.rows = {table: rows_of(place / "ledger.db", table) for table in TABLES}
        self.spans = spans_of(place / "ledger.db", self.rows)


def rows_of(path, table):
    """All rows of a table, by their number."""
    return {row[0]: row[1:] for row in kit.cells_of(path, f"SELECT * FROM {table}")}


def spans_of(path, rows):
    """Where each row stands in a file: the bytes of its cell, and the pages that it goes on in."""
    data = path.read_bytes()
    size = pages.page_size(data)
    images, found = dict(pages.images(data, size)), {}
    for number, page in images.items():
        for at in range(8, size - 4):
            try:
                row, end = pages.cell(page, at, images, size)
            except (IndexError, KeyError, ValueError, struct.error):
                continue
            for table, known in rows.items():
                if known.get(row[0], (b"",))[-1] == row[-1] and len(row) == len(known[row[0]]) + 1:
                    start = (number - 1) * size
                    found[table, row[0]] = [(start + at, start + end), *_further(page, at, end, images, size)]
    assert set(found) == {(table, number) for table, known in rows.items() for number in known}
    return found


def _further(page, at, end, images, size):
    length, _ = pages.varint(page, at)
    if length <= pages.local(length, size):
        return
    left, number = length - pages.local(length, size), int.from_bytes(page[end - 4 : end], "big")
    while left > 0:
        yield (number - 1) * size, number * size
        left, number = left - (size - 4), int.from_bytes(images[number][:4], "big")


def flipped(data, draw):
    """Bytes with a few of them changed, cut, doubled or replaced by something of another kind."""
    made, size = bytearray(data), max(1, len(data))
    for _ in range(draw.choice([1, 1, 2, 8])):
        at = draw.randrange(size)
        kind = draw.randrange(7)
        if kind <= 2:
            made[at : at + 1] = bytes([draw.randrange(256)])
        elif kind == 3:
            del made[at : at + draw.choice([1, 10, size])]
        elif kind == 4:
            made[at:at] = draw.choice(
                [EVIL, b"\x00" * 20, b"\xff\xfe", b"[" * 5000, b"9" * 500, b"NaN", b"1e999", b"\x1b]0;x\x07"]
            )
        elif kind == 5:
            made[at:at] = made[at : at + 64]
        else:
            made = made[:at]
    return bytes(made)


def changed(value, draw):
    """A JSON value with one place changed to something of another kind, or a key added that others would obey."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(sorted(value))
        kind = draw.random()
        if kind < 0.1:
            return {name: item for name, item in value.items() if name != key}
        if kind < 0.2:
            return {
                **value,
                draw.choice(["__class__", "api_key", "base_url", "module", "$ref", "!!python/name:os.system"]): draw.choice(JUNK),
            }
        return {**value, key: changed(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.85:
        at = draw.randrange(len(value))
        return [*value[:at], changed(value[at], draw), *value[at + 1 :]]
    if isinstance(value, str) and value and draw.random() < 0.4:
        return flipped(value.encode(), draw).decode("utf-8", "surrogateescape")
    return draw.choice(JUNK)


class Trials:
    """One mutation after the other, and what was wrong."""

    def __init__(self, world, watch, place, draw):
        self.world, self.watch, self.place, self.draw = world, watch, place, draw
        self.tracebacks, self.wrong, self.lost, self.kinds = Counter(), [], Counter(), Counter()

    def cli(self, *arguments):
        """Run a command in this process; its exit code and what it said, or None after an error that has no type."""
        out, err = io.StringIO(), io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return main([str(argument) for argument in arguments]), out.getvalue() + err.getvalue()
        except Exception as error:  # noqa: BLE001 - that nothing else comes is what is tested
            self.tracebacks[f"{arguments[0]}: {type(error).__name__}: {str(error)[:200]}"] += 1
            return None, ""

    def program(self):
        """A saved program: it loads as it was saved, or not at all."""
        file = self.place / "best.json"
        data = (self.world.place / "best.json").read_bytes()
        forged = json.dumps(changed(json.loads(data), self.draw)).encode()
        made = forged if self.draw.random() < 0.5 else flipped(data, self.draw)
        file.write_bytes(made)
        self.cli("show", file)
        try:
            loaded = adjoint.load(file)
        except AdjointError:
            return
        except Exception as error:  # noqa: BLE001 - as above
            self.tracebacks[f"load: {type(error).__name__}: {str(error)[:200]}"] += 1
            return
        if plain(dict(loaded.state_dict())) != self.world.state or str(loaded.signature) != str(self.world.run.program.signature):
            self.wrong.append(f"a program that was changed loads: {_difference(data, made)}")

    def data(self):
        """Rows: whatever is in them is data; what cannot be read is named."""
        name = self.draw.choice(["rows.jsonl", "rows.json", "rows.csv"])
        data = (self.world.place / name).read_bytes()
        file = self.place / name
        file.write_bytes(flipped(data, self.draw))
        code, said = self.cli(
            "run",
            self.world.place / "best.json",
            file,
            "--model",
            f"{self.world.place}/mine.py:lm",
            "--ledger",
            self.place / "data.db",
        )
        if code == 0 and "Traceback" in said:
            self.tracebacks["run: a traceback in its output"] += 1

    def settings(self):
        """Settings: a file that says something else is refused, with its name."""
        file = Path(self.draw.choice(["adjoint.toml", "pyproject.toml"]))
        head = b"[tool.adjoint]\n" if file.stem == "pyproject" else b""
        file.write_bytes(flipped(head + SETTINGS, self.draw))
        self.cli("runs")
        file.unlink()

    def ledger_bytes(self):
        """A ledger of which bytes were changed on the disk."""
        file = self.place / "ledger.db"
        self._fresh(file)
        data = bytearray((self.world.place / "ledger.db").read_bytes())
        if self.draw.random() < 0.1:
            data = data[: self.draw.randrange(len(data))]
        else:
            for _ in range(self.draw.choice([1, 1, 4, 32])):
                data[self.draw.randrange(len(data))] ^= 1 << self.draw.randrange(8)
        file.write_bytes(data)
        self._read(file)
        self._repair(file, None, data)

    def ledger_cells(self):
        """A ledger of which values were changed, deleted or swapped by somebody who can write SQL but knows no checksum."""
        file = self.place / "ledger.db"
        self._fresh(file)
        shutil.copy(self.world.place / "ledger.db", file)
        hurt = set()
        with contextlib.closing(sqlite3.connect(file)) as database:
            for _ in range(self.draw.choice([1, 1, 3, 10])):
                table = self.draw.choice(sorted(TABLES))
                column, number = self.draw.choice(TABLES[table]), self.draw.choice(sorted(self.world.rows[table]))
                place = "seq" if table == "events" else "id"
                old = database.execute(f"SELECT {column} FROM {table} WHERE {place} = ?", (number,)).fetchone()[0]
                new = self.draw.choice(
                    [
                        EVIL,
                        0,
                        -(2**63),
                        float("inf"),
                        "",
                        '{"a": NaN}',
                        "[" * 3000,
                        _other(old, self.draw),
                        _other(old, self.draw),
                    ]
                )
                if new != old or type(new) is not type(old):
                    database.execute(f"UPDATE {table} SET {column} = ? WHERE {place} = ?", (new, number))
                    hurt.add((table, number))
            database.commit()
        self._read(file)
        self._repair(file, hurt, None)

    def _whole(self, table, number, data):
        """Whether no byte of the row was changed."""
        return all(self.world.bytes[start:end] == data[start:end] for start, end in self.world.spans[table, number])

    def _fresh(self, file):
        for old in file.parent.glob(f"{file.name}*"):
            old.unlink()

    def _read(self, file):
        """Whatever is read is what was written, or an error with a type."""
        ledger = Ledger(file)
        for key in self.draw.sample(sorted(self.world.replies), 12):
            try:
                found = ledger.reply(key), ledger.request(key)
            except AdjointError:
                continue
            except Exception as error:  # noqa: BLE001 - as above
                self.tracebacks[f"reply: {type(error).__name__}: {str(error)[:200]}"] += 1
                continue
            if found not in (self.world.replies[key], (None, None)):
                self.wrong.append(f"another reply under {key[:12]}")
        try:
            rest = iter(self.world.events)  # some may be lost; what is read stands in its order
            for event in ledger.events():
                if (event.run, event.kind, event.body) not in rest:
                    self.wrong.append(f"another event {event.seq}")
        except AdjointError:
            pass
        except Exception as error:  # noqa: BLE001 - as above
            self.tracebacks[f"events: {type(error).__name__}: {str(error)[:200]}"] += 1
        ledger.close()
        self.cli(self.draw.choice(["runs", "doctor"]), "--ledger", file)

    def _repair(self, file, hurt, data):
        """The rows after a repair are those that were intact, each of them once and no other."""
        code, said = self.cli("doctor", "--repair", "--ledger", file)
        if code is None:
            return
        if "this package writes" in said and chr(data[self.world.version]) in "3456789":
            self.kinds["ledgers left alone: they say that a later package has written them"] += 1
            return
        kind = "bytes" if hurt is None else "cells"
        for table, rows in self.world.rows.items():
            try:
                saved = Counter(rows_of(file, table).values())  # a row under another number says the same
            except sqlite3.Error:
                saved = Counter()
            false = saved - Counter(rows.values())
            if false:
                self.wrong.append(f"repair kept a false row of {table}: {list(false)[:3]}")
            intact = Counter(
                row for n, row in rows.items() if ((table, n) not in hurt if hurt is not None else self._whole(table, n, data))
            )
            self.lost[f"rows intact, {kind}"] += intact.total()
            self.lost[f"rows not recovered, {kind}"] += (intact - saved).total()


def _other(value, draw):
    if isinstance(value, bytes):
        return flipped(value, draw)
    if isinstance(value, str):
        return flipped(value.encode(), draw).decode("utf-8", "replace")
    return value + 1 if isinstance(value, int | float) else draw.choice([b"", "x"])


def _difference(one, other):
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f"{one[max(0, at - 30) : at + 20]!r} became {other[max(0, at - 30) : at + 20]!r}"


def test(figures, place, seed):
    count, draw = (120 if figures.short else 10_000), random.Random(seed)
    world, watch = World(place), Watch()
    (place / "trials").mkdir()
    trials = Trials(world, watch, place / "trials", draw)
    kinds = [trials.program, trials.data, trials.settings, trials.ledger_bytes, trials.ledger_cells]
    read_lm(f"{place}/mine.py:lm")  # the user's own code, which may run
    for warm in range(40):  # what is imported on first use is imported now, by good files and bad ones
        kinds[warm % len(kinds)]()
        repair(place / "ledger.db")
    trials = Trials(world, watch, place / "trials", draw)
    kinds = [trials.program, trials.data, trials.settings, trials.ledger_bytes, trials.ledger_cells]
    watch.armed = True
    for number in range(count):
        kind = kinds[number % len(kinds)]
        trials.kinds[kind.__name__] += 1
        kind()
    watch.armed = False
    figures.show("mutations", dict(trials.kinds))
    figures.hold("no code was run", true=not watch.heard, seen=watch.heard.most_common(3) or 0)
    figures.hold("no error is without a type", true=not trials.tracebacks, seen=trials.tracebacks.most_common(5) or 0)
    figures.hold(
        "nothing wrong is taken for right",
        true=not trials.wrong,
        seen=f"{len(trials.wrong)} {trials.wrong[:4]}" if trials.wrong else 0,
    )
    rows = trials.lost
    for kind in ("cells", "bytes"):
        missed, intact = rows[f"rows not recovered, {kind}"], rows[f"rows intact, {kind}"]
        figures.hold(
            f"doctor --repair recovers every intact row after changed {kind}",
            true=not missed,
            seen=f"{intact - missed} of {intact}",
        )


if __name__ == "__main__":
    kit.main("A8 poison", test)
