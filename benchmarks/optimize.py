"""What the framework costs an optimisation: CPU for each call of a language model, with a model that answers at once.

    python -m benchmarks.optimize [rows] [rounds]

Where DSPy is installed its optimizers are measured in turns with ours.
"""

from __future__ import annotations

import asyncio
import importlib.util
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import adjoint
from adjoint.optim.strategy import Strategy
from adjoint.testing import ScriptedLM

if TYPE_CHECKING:
    from adjoint.lm.types import Request

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
    """Calls, and microseconds of CPU for each, those of the model itself left out."""
    data = [adjoint.Example(q=f"word{n}", answer=f"WORD{n}").with_inputs("q") for n in range(rows)]
    program = adjoint.Predict("q -> answer", "Copy the word.")
    lm = ScriptedLM(answer, identity="at once")
    with adjoint.context(ledger=ledger):
        started = time.process_time()
        adjoint.optimize(program, trainset=data, metric=adjoint.exact_match, optimizer=Many(), allocator="grid", lm=lm)
        spent = time.process_time() - started
    return len(lm.requests), 1e6 * (spent - alone(lm.requests)) / len(lm.requests)


def alone(requests: list[Request]) -> float:
    """Seconds of CPU that the model takes for the requests when nobody stands between."""
    lm = ScriptedLM(answer)

    async def ask() -> None:
        for request in requests:
            await lm(request)

    started = time.process_time()
    asyncio.run(ask())
    return time.process_time() - started


def main(rows: int = 1500, rounds: int = 5) -> None:
    cost(60, None)  # imports and the first use of everything
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name, ledger in (("without a ledger", None), ("with a ledger", Path(folder) / "ledger.db")):
                found[name].append(cost(rows, ledger))
        if importlib.util.find_spec("dspy"):
            from benchmarks.optimize_dspy import costs

            if number == 0:
                costs(60)
            for name, each in costs(rows // 5).items():
                found[f"DSPy's {name}"].append(each)
    for name, these in found.items():
        each = [microseconds for _, microseconds in these]
        print(f"{name}: {these[0][0]} calls, {statistics.median(each):.0f} (best {min(each):.0f}) microseconds of CPU a call")


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:]))
