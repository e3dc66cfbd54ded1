"""The same run in other processes: nothing depends on the order of sets or on the hashes of strings."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

RUN = """
    import json, sys
    import adjoint
    from adjoint.optim.registry import OPTIMIZERS
    from adjoint.program.state import name_of
    from adjoint.testing import ScriptedLM

    def answer(request):
        system, word = request.messages[0].content, request.messages[-1].content
        if system.startswith("One step"):
            return "ok" if word.endswith("3") else f"Say {len(word) % 3} more."
        if system.startswith("Improve"):
            return f"Write CAPITALS {len(word) % 5}."
        able = "CAPITALS" in system or len(request.messages) > 4
        return word.upper() if able and word[-1] in {"1", "2", "3", "4", "5"} else word

    def metric(example, prediction):
        return prediction.answer == example.answer and example.answer not in {"none", "nothing", "empty"}

    rows = [adjoint.Example(q=f"word{i}", answer=f"WORD{i}").with_inputs("q") for i in range(45)]
    lm = ScriptedLM(answer, identity="seeds")
    result = adjoint.optimize(
        adjoint.Predict("q -> answer", "Copy."), trainset=rows, metric=metric, optimizer=sys.argv[1], lm=lm, seed=3, limit=1
    )
    report = {**result.report.to_dict(), "seconds": 0}
    print(json.dumps([result.run_id, name_of(result.state), report, [request.key("x") for request in lm.requests]]))
"""


@pytest.mark.parametrize("optimizer", ["bootstrap-rs", "tgd"])
def test_one_seed_is_one_run_under_every_hash_seed(optimizer, tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(RUN), optimizer],
            env={**os.environ, "PYTHONHASHSEED": seed, "ADJOINT_LEDGER": str(tmp_path / seed / "ledger.db")},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("0", "1", "4242")
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert outputs[0].startswith('["optimize-')
    assert outputs[0] == outputs[1] == outputs[2]
