"""What the acceptance tests share: a place of their own, figures and verdicts, forked processes, lines that outlive a kill."""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRELOADED = ["aiohttp", "adjoint.program.lm", "adjoint.program.context", "adjoint.lm.openai", "adjoint.modules.predict", __name__]
"""Imported once in the process that the others are forked from."""


class Figures:
    """The figures of one test and what must hold of them."""

    def __init__(self, title, *, short):
        self.title, self.short, self.failed, self.began = title, short, [], time.monotonic()
        say(f"{title} ({'short' if short else 'full'})")

    def show(self, name, value):
        say(f"  {name}: {value}")

    def hold(self, fact, *, true, seen=""):
        """Print the fact with what was seen, and remember if it is not true."""
        say(f"  {'ok  ' if true else 'FAIL'} {fact}{f': {seen}' if seen != '' else ''}")
        if not true:
            self.failed.append(fact)

    def end(self):
        say(f"  {'passed' if not self.failed else 'FAILED'} in {time.monotonic() - self.began:.1f} s")
        return int(bool(self.failed))


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(title, test):
    """Run `test(figures, place, seed)` in an empty directory and end the process with 0 or 1."""
    given = argparse.ArgumentParser(description=title)
    given.add_argument("--short", action="store_true", help="a small form, for every change")
    given.add_argument("--seed", type=int, default=0)
    options = given.parse_args()
    for name in ("ADJOINT_MODEL", "ADJOINT_LEDGER", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        os.environ.pop(name, None)
    figures = Figures(title, short=options.short)
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        test(figures, Path(place), options.seed)
        code = figures.end()
        sys.stdout.flush()
        for child in multiprocessing.active_children():
            child.kill()
    os._exit(code)  # loops and servers of the test need no goodbye


def forking():
    """The context from which processes are forked in milliseconds: its parent has imported everything and has no threads."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(PRELOADED)
    return made


def note(file, *words):
    """Add one line; a single short write, so that a kill leaves whole lines."""
    opened = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(opened, (" ".join(map(str, words)) + "\n").encode())
    os.close(opened)


def noted(file):
    """The lines of `note`, as lists of words."""
    path = Path(file)
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def command(*arguments, **environment):
    """The installed command as a process of its own, in the current directory."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    adjoint = str(Path(sys.executable).with_name("adjoint"))
    return subprocess.Popen([adjoint, *map(str, arguments)], env={**os.environ, **environment}, **pipes)


def takes_signals(process, seconds=20):
    """Wait until the process has a handler for SIGTERM, as the kernel says; False if it ends before."""
    bit, end = 1 << (signal.SIGTERM - 1), time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError, IndexError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            if int(status.split("SigCgt:")[1].split()[0], 16) & bit:
                return True
        time.sleep(0.005)
    return False


@contextlib.contextmanager
def lean_server(**settings):
    """The server of the benchmarks, in a process of its own; gives its base URL."""
    options = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    process = subprocess.Popen([sys.executable, str(ROOT / "benchmarks/server.py"), *options], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.communicate()


def counts(base_url):
    """What the lean server has counted."""
    with urllib.request.urlopen(base_url) as reply:
        return json.load(reply)


def cells_of(path, query):
    """What a query says about a ledger, read beside its writers."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database:
        return database.execute(query).fetchall()
