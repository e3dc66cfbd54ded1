"""Runs on planted problems in processes of their own, each with a hash seed of its own; one can be killed in the middle."""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from adjoint.testing.planted import PROBLEMS
from adjoint.testing.planted_runs import Counting, decided, made, run

if TYPE_CHECKING:
    from collections.abc import Mapping

_processes: dict[str, subprocess.Popen[str]] = {}
"""Those that make runs, by hash seed; kept for further ones."""


def run_elsewhere(hash_seed: str, job: Mapping[str, Any]) -> Any:
    """What a run has decided in the process with that hash seed; None if the run has killed it."""
    process = _processes[hash_seed] = _processes.get(hash_seed) or _process(hash_seed)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if line:
        return json.loads(line)
    _processes.pop(hash_seed).communicate()
    return None


def _process(hash_seed: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", f"from {__name__} import serve; serve()"]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this very interpreter


@atexit.register
def _end() -> None:
    for process in _processes.values():
        process.communicate()


def serve() -> None:
    """Make the runs whose jobs come in, and write what they have decided."""
    for line in sys.stdin:
        job = json.loads(line)
        lms = Counting(PROBLEMS[job["problem"]], stop_at=job.get("kill"), how=functools.partial(os._exit, 9)).lms
        result = run(PROBLEMS[job["problem"]], made(job["optimizer"], job["options"]), lms, ledger=job["ledger"])
        sys.stdout.write(json.dumps(decided(result)) + "\n")
        sys.stdout.flush()
