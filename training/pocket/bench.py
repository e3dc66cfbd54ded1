"""Speed, load time and peak memory of the shipped runtime, each in a fresh process. Prints a markdown table.

Times are CPU seconds of the one thread that works, so that other work on the machine counts as little as it can.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROWS = Path(__file__).parents[2] / "examples" / "tickets_test.jsonl"


def prompts(count: int, shots: int) -> list[list[tuple[str, str]]]:
    """Messages of `count` rows behind the same `shots` demonstrations."""
    rows = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]
    front = [("system", "Handle the ticket.")]
    for row in rows[-shots:] if shots else []:
        front += [("user", row["inputs"]["ticket"]), ("assistant", row["expected"])]
    return [[*front, ("user", row["inputs"]["ticket"])] for row in rows[:count]]


def load() -> dict[str, float]:
    start = time.thread_time()
    from adjoint.lm.pocket import Pocket

    imported = time.thread_time()
    engine = Pocket()._engine
    return {"import_s": imported - start, "load_s": time.thread_time() - imported, "vocabulary": len(engine.tokenizer)}


def decode(rows: int, shots: int, *, share: bool) -> dict[str, float]:
    """Greedy replies of 32 tokens (nothing ends them), after one warm-up."""
    from adjoint.lm.pocket import Pocket
    from adjoint.lm.pocket.blas import one_thread
    from adjoint.lm.pocket.decode import Job, generate
    from adjoint.lm.types import Message

    engine = Pocket()._engine
    tokenizer, model = engine.tokenizer, engine.model
    tokenizer.end = -1
    talks = [[Message(role, text) for role, text in talk] for talk in prompts(rows, shots)]  # type: ignore[arg-type]
    talks.sort(key=lambda talk: len(tokenizer.turns(talk)))  # as the client sorts them
    front = tokenizer.turns(talks[0][:-1])
    mark = tokenizer.reply_mark()
    tokens = sum(len(tokenizer.turns(talk)) + 1 for talk in talks)
    reads, totals = [], []
    for _ in range(7):
        with one_thread():
            for limit, times in ((1, reads), (33, totals)):
                start = time.thread_time()
                prefix = model.prefix(front if share else [])
                jobs = [Job((*tokenizer.turns(talk)[prefix.tokens :], mark), limit) for talk in talks]
                generate(model, tokenizer, [prefix] * rows, jobs)
                times.append(time.thread_time() - start)
    read, total = statistics.median(reads), statistics.median(totals)
    return {"prompt_s": read, "prompt_tokens_s": tokens / read, "new_tokens_s": 32 * rows / (total - read)}


def evaluation(shots: int, *, share: bool) -> dict[str, float]:
    """All rows of an evaluation with their whole replies, in batches of 32; a shared prefix is read once."""
    from adjoint.lm.pocket import Pocket
    from adjoint.lm.pocket.blas import one_thread
    from adjoint.lm.pocket.decode import Job, generate
    from adjoint.lm.types import Message

    engine, size = Pocket()._engine, 192
    tokenizer, model = engine.tokenizer, engine.model
    talks = sorted(
        (tokenizer.turns([Message(role, text) for role, text in talk]) for talk in prompts(size, shots)),  # type: ignore[arg-type]
        key=len,
    )
    common = next(at for at in range(len(talks[0])) if len({tuple(talk[: at + 1]) for talk in talks}) > 1)
    times = []
    for _ in range(5):
        start = time.thread_time()
        with one_thread():
            prefix = model.prefix(talks[0][:common] if share else [])
            for first in range(0, size, 32):
                jobs = [Job((*talk[prefix.tokens :], tokenizer.reply_mark()), 24) for talk in talks[first : first + 32]]
                generate(model, tokenizer, [prefix] * len(jobs), jobs)
        times.append(time.thread_time() - start)
    return {"rows_s": size / statistics.median(times)}


CASES = {
    "load": "load()",
    "batch 1, no demos": "decode(1, 0, share=False)",
    "batch 32, no demos": "decode(32, 0, share=True)",
    "batch 32, 8 demos, prefix read 32 times": "decode(32, 8, share=False)",
    "batch 32, 8 demos, prefix shared": "decode(32, 8, share=True)",
    "192 rows, 8 demos, prefix read each time": "evaluation(8, share=False)",
    "192 rows, 8 demos, prefix shared": "evaluation(8, share=True)",
}


def main() -> None:
    if len(sys.argv) > 1:
        found = eval(CASES[sys.argv[1]])
        found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found))
        return
    print("| case | load s | prompt s | prompt tokens/s | new tokens/s | rows/s | peak MB |\n|---|---|---|---|---|---|---|")
    for name in CASES:
        out = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, check=True).stdout
        found = json.loads(out)
        cells = [
            f"{found[key]:,.{digits}f}" if key in found else ""
            for key, digits in (
                ("load_s", 3),
                ("prompt_s", 3),
                ("prompt_tokens_s", 0),
                ("new_tokens_s", 0),
                ("rows_s", 1),
                ("peak_mb", 0),
            )
        ]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
