"""The portal: synchronous modules on an event loop without deadlocks, with contexts that reach every thread and task."""

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import adjoint
from adjoint.base.errors import UsageError
from adjoint.base.portal import portal
from adjoint.testing import ScriptedLM

place = contextvars.ContextVar("place", default="nowhere")


class Nested(adjoint.Module):
    """Synchronous modules inside synchronous modules."""

    def __init__(self, depth):
        self.inner = Nested(depth - 1) if depth else adjoint.Predict("question -> answer")

    def forward(self, question):
        return self.inner(question=question)


def test_64_nested_synchronous_programs_at_once_do_not_hang():
    program = Nested(3)

    async def many():
        return await asyncio.gather(*(program.acall(question=str(number)) for number in range(64)))

    lm = ScriptedLM(lambda request: request.messages[-1].text, delay=0.01)
    with adjoint.context(lm=lm, ledger=None):
        found = portal.run(asyncio.wait_for(many(), 20))
    assert [prediction.answer for prediction in found] == [str(number) for number in range(64)]
    assert lm.max_in_flight > 1


def test_a_synchronous_call_on_the_loop_shows_the_await_spelling():
    async def wrong():
        with adjoint.context(lm=ScriptedLM(["x"]), ledger=None):
            return adjoint.Predict("question -> answer")(question="?")

    with pytest.raises(UsageError, match=r"await module\.acall"):
        portal.run(wrong())


def test_a_refused_synchronous_call_leaves_no_node():
    tape = adjoint.Tape()

    async def wrong():
        with adjoint.context(lm=ScriptedLM(["x"]), tape=tape, ledger=None):
            adjoint.Predict("question -> answer")(question="?")

    with pytest.raises(UsageError):
        portal.run(wrong())
    assert tape.nodes == []


def test_a_synchronous_call_inside_another_running_loop_works():
    async def notebook():
        with adjoint.context(lm=ScriptedLM(["Paris"]), ledger=None):
            return adjoint.Predict("question -> answer")(question="capital?").answer

    assert asyncio.run(notebook()) == "Paris"


def test_awaiting_inside_another_running_loop_works():
    async def server():
        with adjoint.context(lm=ScriptedLM(["Paris"]), ledger=None):
            return (await Nested(2).acall(question="capital?")).answer

    assert asyncio.run(server()) == "Paris"


def test_the_context_is_seen_on_the_loop_in_its_threads_and_in_tasks():
    async def look():
        task = asyncio.create_task(asyncio.sleep(0, place.get()))
        return await task, await portal.in_thread(place.get), place.get()

    place.set("here")
    assert portal.run(look()) == ("here", "here", "here")


def test_a_thread_started_by_hand_sees_what_configure_has_set():
    adjoint.configure(lm=ScriptedLM(["Paris"]), ledger=None)
    found = []
    thread = threading.Thread(target=lambda: found.append(adjoint.Predict("q -> a")(q="?").a))
    thread.start()
    thread.join(10)
    assert found == ["Paris"]


def test_a_value_or_an_error_comes_back_from_the_loop():
    async def fails():
        raise KeyError("x")

    assert portal.run(asyncio.sleep(0, 3)) == 3
    with pytest.raises(KeyError):
        portal.run(fails())


def test_cancelling_an_outer_task_cancels_the_work_on_the_portal():
    ended = threading.Event()

    async def work():
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    async def outer():
        task = asyncio.create_task(portal.here(work()))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(outer())
    assert ended.wait(5)


def test_an_interrupt_lets_the_cancelled_work_put_away_what_it_has():
    put_away = []

    async def work():
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.05)
            put_away.append(1)

    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        portal.run(work())
    assert put_away == [1]
    assert time.monotonic() - started < 5


FORKED = """
import os, warnings, adjoint
from adjoint.testing import ScriptedLM
warnings.simplefilter("ignore", DeprecationWarning)
lm = ScriptedLM(lambda request: request.messages[-1].text, identity="echo", delay=0.01)
adjoint.configure(lm=lm)
program = adjoint.Predict("q -> a")
assert program(q="parent").a == "parent"
child = os.fork()
if child == 0:
    os._exit(0 if program(q="child").a == "child" and program(q="parent").a == "parent" else 1)
_, status = os.waitpid(child, 0)
assert program(q="after").a == "after"
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_gets_a_loop_of_its_own():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
