"""Runs that are killed and started again: nothing received is lost or bought twice, and the end is the unbroken run's."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from adjoint.ledger.store import Ledger

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 6
"""Rows at once."""
AT_ONCE = {"bootstrap-rs": LIMIT, "tgd": 10}
"""Calls at once, and so the most replies that a kill can lose on their way: the critics of a step are no rows."""

USER_FILE = f"""
    import asyncio, json, pathlib, sys
    import adjoint
    from adjoint.lm.types import Response, Usage

    class Mine:
        name, identity = "mine", "mine@1"

        def note(self, what, request):
            with open("calls.txt", "a") as file:  # one short write, so that a kill leaves whole lines
                file.write(f"{{what}} {{request.key(self.identity)}}\\n")

        async def __call__(self, request):
            self.note("asked", request)
            await asyncio.sleep(0.004)
            text = self.answer(request.messages[0].content, request.messages[-1].content, len(request.messages))
            self.note("answered", request)
            return Response(text, usage=Usage(1, 10, 5))

        def answer(self, system, word, turns):
            if system.startswith("One step"):
                said = f"Mind the {{len(word) % 4}} letters."
                return f"[[critique]]\\n{{said}}\\n[[critique_0]]\\n{{said}}" if "critique_0" in system else said
            if system.startswith("Improve"):
                return f"Write CAPITALS, version {{len(word) % 7}}."
            if "CAPITALS" in system or turns > 6:
                return word.upper()
            return word.upper() if word.endswith(("1", "2")) else word

    class Twice(adjoint.Module):
        def __init__(self):
            self.first = adjoint.Predict("q -> answer", "Copy.")
            self.second = adjoint.Predict("q -> answer", "Again.")

        def forward(self, q):
            return self.second(q=self.first(q=q).answer)

    rows = [adjoint.Example(q=f"word{{i}}", answer=f"WORD{{i}}").with_inputs("q") for i in range(48)]
    program = Twice() if "twice" in sys.argv else adjoint.Predict("q -> answer", "Copy.")
    budget = next((word for word in sys.argv if word.endswith("calls")), None)
    print("started", flush=True)
    result = adjoint.optimize(
        program, trainset=rows, metric=adjoint.exact_match, optimizer=sys.argv[1], lm=Mine(), limit={LIMIT}, budget=budget
    )
    result.program.save("program.json")
    report = {{**result.report.to_dict(), "seconds": 0}}
    pathlib.Path("report.json").write_text(json.dumps(report))
"""


class Place:
    """A directory in which a user runs one command, again and again."""

    def __init__(self, path: Path, *arguments: str) -> None:
        path.mkdir()
        self.path, self.arguments = path, arguments
        (path / "run.py").write_text(textwrap.dedent(USER_FILE))

    def start(self):
        environment = {**os.environ, "ADJOINT_LEDGER": str(self.path / "ledger.db")}
        command = [sys.executable, "-W", "error", "run.py", *self.arguments]
        process = subprocess.Popen(
            command, cwd=self.path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "started\n"
        return process

    def run(self):
        process = self.start()
        error = process.communicate(timeout=60)[1]
        assert (process.returncode, error) == (0, "")

    def stop(self, after, how=signal.SIGKILL):
        """Start the command and stop it when so many replies have come; the number of replies so far."""
        goal = self.count("answered") + after
        process = self.start()
        while process.poll() is None and self.count("answered") < goal:
            time.sleep(0.001)
        process.send_signal(how)
        return process.communicate(timeout=20)[1]

    def lines(self, what):
        calls = self.path / "calls.txt"
        text = calls.read_text() if calls.exists() else ""
        return [line.split()[1] for line in text.splitlines() if line.startswith(what + " ")]

    def count(self, what):
        return len(self.lines(what))

    def most_at_once(self):
        """The most calls that were asked and not answered yet."""
        steps = [line.split()[0] for line in (self.path / "calls.txt").read_text().splitlines()]
        return max(itertools.accumulate(1 if step == "asked" else -1 for step in steps))

    def kept(self):
        """Keys that were asked for and have their reply in the ledger."""
        ledger = Ledger(self.path / "ledger.db")
        keys = {key for key in set(self.lines("asked")) if ledger.reply(key) is not None}
        ledger.close()
        return keys

    def result(self):
        return (self.path / "program.json").read_bytes(), (self.path / "report.json").read_bytes()


COMMANDS = [("bootstrap-rs",), ("tgd", "twice"), ("bootstrap-rs", "900calls")]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_run_that_is_killed_again_and_again_ends_as_the_unbroken_one(tmp_path, arguments):
    unbroken, broken = Place(tmp_path / "unbroken", *arguments), Place(tmp_path / "broken", *arguments)
    unbroken.run()
    total, kills = unbroken.count("asked"), 3
    assert unbroken.most_at_once() <= AT_ONCE[arguments[0]]
    points = random.Random(str(arguments))
    for _ in range(kills):
        before = broken.kept()
        already = broken.count("asked")
        broken.stop(after=points.randint(1, total // 4))
        assert not before & set(broken.lines("asked")[already:])  # what was kept is never asked again
    broken.run()
    assert broken.result() == unbroken.result()
    assert set(broken.lines("asked")) == set(unbroken.lines("asked"))
    assert broken.count("asked") <= total + kills * AT_ONCE[arguments[0]]
    assert max(Counter(broken.lines("asked")).values()) <= 1 + kills
    asked = broken.count("asked")
    broken.run()  # a finished run again asks nothing and gives the same
    assert (broken.count("asked"), broken.result()) == (asked, unbroken.result())


@pytest.mark.parametrize("arguments", [("bootstrap-rs",), ("tgd",)], ids=" ".join)
def test_an_interrupt_keeps_every_reply_that_has_come(tmp_path, arguments):
    place = Place(tmp_path / "place", *arguments)
    error = place.stop(after=25, how=signal.SIGINT)
    assert "KeyboardInterrupt" in error
    assert set(place.lines("answered")) <= place.kept()
    asked = place.count("asked")
    place.run()
    assert max(Counter(place.lines("answered")).values()) == 1
    assert place.count("asked") > asked


@pytest.mark.parametrize("arguments", [("tgd", "twice", "60calls"), ("bootstrap-rs", "90calls")], ids=" ".join)
def test_a_budget_holds_over_all_lives_of_a_run_and_counts_what_a_kill_has_lost(tmp_path, arguments):
    """Calls in flight at a kill may be billed: they stay charged, so the run ends a little earlier but never above its cap."""
    place, cap = Place(tmp_path / "place", *arguments), int(arguments[-1].removesuffix("calls"))
    for after in (7, 13, 20):
        place.stop(after)
    place.run()
    ledger = Ledger(place.path / "ledger.db")
    charged = sum(row.calls for row in ledger.spend())
    ledger.close()
    assert len(place.kept()) <= place.count("asked") <= charged <= cap
    assert charged - len(place.kept()) <= 3 * AT_ONCE[arguments[0]]
