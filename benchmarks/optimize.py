"""What the framework costs an optimisation: CPU for each call of a language model, with a model that answers at once.

    python -m benchmarks.optimize [rows]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import adjoint
from adjoint.optim.strategy import Strategy
from adjoint.testing import ScriptedLM

CANDIDATES = 16


class Many(Strategy):
    """Sixteen instructions, at once."""

    name = "many"

    def settings(self):
        return {"candidates": CANDIDATES}

    async def ask(self, memory, work):
        if memory["asked"]:
            return []
        return [{**work.best, "instruction": f"Write the word in capitals, version {number}."} for number in range(CANDIDATES)]


def answer(request):
    """Right on more rows the higher the number of the version."""
    system, word = request.messages[0].content, request.messages[-1].content
    number = int(system.removesuffix(".").rpartition(" ")[2]) if "version" in system else 0
    return word.upper() if int(word[4:]) % (CANDIDATES + 4) <= number else word


def cost(rows: int, ledger: Path | None) -> tuple[int, float]:
    """Calls, and microseconds of CPU for each."""
    data = [adjoint.Example(q=f"word{n}", answer=f"WORD{n}").with_inputs("q") for n in range(rows)]
    program = adjoint.Predict("q -> answer", "Copy the word.")
    lm = ScriptedLM(answer, identity="at once")
    with adjoint.context(ledger=ledger):
        started = time.process_time()
        adjoint.optimize(program, trainset=data, metric=adjoint.exact_match, optimizer=Many(), allocator="grid", lm=lm)
        spent = time.process_time() - started
    return len(lm.requests), 1e6 * spent / len(lm.requests)


def main(rows: int = 1500) -> None:
    cost(60, None)  # imports and the first use of everything
    with tempfile.TemporaryDirectory() as folder:
        for name, ledger in (("without a ledger", None), ("with a ledger", Path(folder) / "ledger.db")):
            calls, each = cost(rows, ledger)
            print(f"{name}: {calls} calls, {each:.0f} microseconds of CPU a call")


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:]))
