"""What a call costs in this process: a typed call in both colours, and a row of an evaluation as the data grow.

Run: python benchmarks/calls.py

Times are of the processor, which other processes do not disturb as they do the wall clock; the LM answers at once, so that
all of it is Adjoint's own. The garbage collector looks at everything that is kept, so its share grows with the rows.
"""

import gc
import statistics
import tempfile
import time
from pathlib import Path

from prompts import QUESTION, Instant, Triage, demos

import adjoint
from adjoint.base.portal import portal

CALLS, ROUNDS = 500, 9
FEW, MANY = 500, 16_000


def middle(once):
    """The middle and the best of several rounds, in microseconds a call."""
    found = []
    for _ in range(ROUNDS):
        gc.collect()
        started = time.process_time()
        once()
        found.append((time.process_time() - started) / CALLS * 1e6)
    return statistics.median(found), min(found)


def calls(count):
    program = adjoint.Predict(Triage)
    program.demos = demos(count)

    async def awaited():
        for _ in range(CALLS):
            await program.acall(message=QUESTION)

    def waited():
        for _ in range(CALLS):
            program(message=QUESTION)

    with adjoint.context(lm=Instant(), ledger=None):
        for name, once in (("await", lambda: portal.run(awaited())), ("sync", waited)):
            print(f"{name:<8}{count:>6} demos {'%.0f us, best %.0f' % middle(once)}")  # noqa: UP031


def row(count, ledger):
    data = [adjoint.Example(message=f"{QUESTION} {number}", label="praise").with_inputs("message") for number in range(count)]
    gc.collect()
    started, worked = time.perf_counter(), time.process_time()
    with adjoint.context(lm=Instant(), ledger=ledger):
        adjoint.evaluate(adjoint.Predict(Triage), data, adjoint.exact_match)
    return (time.process_time() - worked) / count * 1e6, (time.perf_counter() - started) / count * 1e6


def rows():
    row(FEW, None)
    found = {FEW: [], MANY: []}
    for _ in range(4):  # in turns, since the machine is not the same all the time
        found[FEW] += [row(FEW, None)[0] for _ in range(4)]
        found[MANY].append(row(MANY, None)[0])
    for count, seen in found.items():
        print(f"a row of {count:>6}, no ledger   {statistics.median(seen):.0f} us, best {min(seen):.0f}")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(2):
            print(f"a row of {FEW:>6}, a ledger    {'%.0f us, wall %.0f' % row(FEW, Path(folder, f'{number}.db'))}")  # noqa: UP031


if __name__ == "__main__":
    calls(0)
    calls(16)
    rows()
