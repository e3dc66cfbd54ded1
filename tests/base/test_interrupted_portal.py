"""An interrupt gives the cancelled work the time to put away what it has, and no more than the grace period."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

from adjoint.base.portal import portal


@pytest.mark.parametrize(("cleanup", "kept", "longest"), [(0.2, ["kept"], 0.9), (30.0, [], 2.0)])
def test_the_interrupted_thread_waits_for_the_clean_up(cleanup, kept, longest):
    found = []

    async def work():
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(cleanup)
            found.append("kept")

    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        portal.run(work())
    assert found == kept
    assert time.monotonic() - begin < longest
