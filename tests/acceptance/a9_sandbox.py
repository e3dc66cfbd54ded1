"""A9 sandbox: programs that try to escape or to exhaust, each ended in words, and the host as it was."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import resource
import socket
import sys
import time
from collections import Counter
from pathlib import Path
from unittest import mock

from tests.acceptance import kit
from tests.acceptance.escapes import EXHAUST, INERT, REFUSED

import adjoint
from adjoint.base.errors import MissingExtraError
from adjoint.exec.monty import MontyInterpreter

MEMORY = 32 << 20
NAME = "ADJOINT_CANARY"


def lookup(word):
    """The function that the code is given."""
    return {"a": 1}[word]


def children():
    """The processes that this one has started and not yet waited for."""
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(word) for file in tasks for word in file.read_text().split()]


def attempts(short):
    """Class, program and whether it must be refused; of exhausting ones the short form tries two a class."""
    for kind, codes in (REFUSED | INERT).items():
        yield from ((kind, code, kind in REFUSED) for code in codes)
    for kind, codes in EXHAUST.items():
        yield from ((kind, code, True) for code in codes[: 2 if short else None])


def tried(sandbox, code):
    """What came of a program, in words, whether it was refused, and the seconds that it took; an exception is not caught."""
    with sandbox.session({"lookup": lookup}) as session:
        began = time.monotonic()
        ran = session.run(code)
        took = time.monotonic() - began
        return f"{ran.output}\n{ran.value!r}\n{ran.error}", ran.error, took


def still_serves(sandbox):
    """All slots at once, so that none was lost."""
    with contextlib.ExitStack() as opened:
        sessions = [opened.enter_context(sandbox.session({})) for _ in range(2)]
        return [session.run("6 * 7").value for session in sessions]


def without_the_extra():
    """What the modules that run code say where the sandbox is not installed."""
    makers = (adjoint.ProgramOfThought, lambda task: adjoint.CodeAct(task, tools=[]), adjoint.RLM)
    said = []
    with mock.patch.dict(sys.modules, {"pydantic_monty": None}):
        for make in makers:
            try:
                make("q -> a")
            except MissingExtraError as error:
                said.append("adjoint[sandbox]" in str(error))
    return said


def test(figures, place, seed):
    canary = f"canary-{random.Random(seed).randrange(16**16):016x}"
    forms = (canary, canary[::-1], canary.encode().hex(), base64.b64encode(canary.encode()).decode())
    file = place / "canary.txt"
    file.write_text(canary)
    os.environ[NAME] = canary
    seconds = 0.5 if figures.short else 6.0  # a worker that does not end itself is killed a second after its limit
    sandbox = MontyInterpreter(seconds=seconds, memory=MEMORY, processes=2)
    counts, refused, leaks, ran, slow, loud = Counter(), Counter(), [], [], [], 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        still_serves(sandbox)
        before, mine, was = children(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file.stat().st_mtime_ns
        for kind, code, must in attempts(figures.short):
            filled = code.replace("FILE", str(file)).replace("NAME", NAME).replace("PORT", str(listener.getsockname()[1]))
            said, error, took = tried(sandbox, filled)
            counts[kind] += 1
            refused[kind] += error is not None
            ran += [code[:60]] if must and error is None else []
            leaks += [code[:60]] if any(form in said for form in forms) else []
            slow += [(code[:40], round(took, 2))] if kind in EXHAUST and took > 1.2 * seconds else []
            loud = max(loud, len(said))
        with contextlib.suppress(BlockingIOError):
            leaks.append(listener.accept())
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - mine) >> 10
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    figures.show("load", f"{counts.total()} attempts in {len(counts)} classes")
    figures.show("refused", ", ".join(f"{kind} {refused[kind]} of {count}" for kind, count in counts.items()))
    figures.show("largest worker", f"{largest} MB, of which {MEMORY >> 20} MB are allowed to its code")
    figures.hold("what must be refused is refused", true=not ran, seen=ran or "all")
    figures.hold("no canary is in any output and nobody connected", true=not leaks, seen=leaks or 0)
    figures.hold("the file is as it was and alone", true=(file.read_text(), list(place.iterdir())) == (canary, [file]))
    figures.hold("nobody wrote to it", true=file.stat().st_mtime_ns == was)
    figures.hold("no output is longer than a run may print", true=loud < 1_010_000, seen=f"{loud} characters")
    figures.hold("no process is left", true=children() == before, seen=len(children()))
    figures.hold("this process grew by less than 64 MB", true=grown < 64, seen=f"{grown} MB")
    figures.hold("time limits hold within 20 %", true=not slow, seen=slow or "all", timed=True)
    figures.hold("every slot serves afterwards", true=still_serves(sandbox) == [42, 42])
    figures.hold("without the extra the modules name it", true=without_the_extra() == [True] * 3)


if __name__ == "__main__":
    kit.main("A9 sandbox", test)
