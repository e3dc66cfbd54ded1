"""Processes for the tests of what holds across processes: each asks many questions at once and writes down every call."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

HEAD = """
    import asyncio, os, random, sys
    import adjoint
    from adjoint.base.errors import AdjointError, BudgetExceeded
    from adjoint.base.portal import portal
    from adjoint.lm.budget import Account, Budget
    from adjoint.lm.types import Message, Request, Response, Usage
    from adjoint.program.context import context, send

    class Counting:
        name, identity, price = "counting", "counting@1", (1.0, 2.0)

        def __init__(self, seconds):
            self.seconds = seconds

        async def __call__(self, request):
            made = f"{os.getpid()} {request.messages[0].content} {request.max_tokens}\\n".encode()
            file = os.open("calls.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(file, made)  # one short write, so that a kill leaves whole lines
            os.close(file)
            await asyncio.sleep(self.seconds)
            return Response("x", usage=Usage(1, 10, 20, None))

    def ask(text, **options):
        return Request((Message("user", text),), **options)
"""


def start(place, code, *arguments):
    """A process that runs the code on the ledger of a directory."""
    environment = {**os.environ, "ADJOINT_LEDGER": str(place / "ledger.db")}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(HEAD) + textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(processes):
    """Wait for all; their outputs."""
    ended = [process.communicate(timeout=60) for process in processes]
    assert [error for _, error in ended] == [""] * len(processes)
    return [out for out, _ in ended]


def calls(place):
    """What was asked so far, over all processes."""
    file = place / "calls.txt"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []
