"""What training on self-made examples brings: the embedded checkpoint learns from its own runs, a small T5 from another model's.

Run: python -m benchmarks.finetune [--tasks 8] [--only weights|together|t5]

For each task: the program as written; weights alone (BootstrapFinetune: LoRA of rank 8 on at most 64 examples that the model made
itself, with demonstrations in front of it, which are taken away again); prompts alone (bootstrap-rs); and both, one after the
other (BetterTogether, p -> w). All see the same rows: 64 to learn from, 50 to choose with, 50 for the certificate. The scores
are on 100 rows that no optimizer has seen. What one column has asked is in the ledger for the next, so only the first shows all
of its time. Needs the extra hf. Results are appended to benchmarks/results/finetune.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import adjoint
from adjoint.eval.intervals import wilson
from adjoint.lm.pocket.client import WEIGHTS
from adjoint.optim.strategies.better_together import BetterTogether
from adjoint.optim.strategies.bootstrap import BootstrapFewShotWithRandomSearch
from adjoint.optim.strategies.finetune import BootstrapFinetune, Distill
from adjoint.program.context import context
from benchmarks.tasks import TASKS

if TYPE_CHECKING:
    from benchmarks.tasks import Task

RESULTS = Path(__file__).parent / "results" / "finetune.md"
LEARN, CHOOSE, TEST = 64, 100, 100
LORA = {"rank": 8, "alpha": 16.0, "learning_rate": 5e-3, "batch_size": 16, "epochs": 8}


def exact(example: adjoint.Example, prediction: adjoint.Prediction) -> bool:
    return str(prediction.answer).strip() == example.answer


def prompts() -> Any:
    return BootstrapFewShotWithRandomSearch(num_candidate_programs=3, max_bootstrapped_demos=4, max_labeled_demos=4)


def weights() -> Any:
    return BootstrapFinetune(train_kwargs=LORA, teacher_demos=6, max_examples=64)


def both() -> Any:
    return BetterTogether(strategy="p -> w", p=prompts(), w=weights())


def measured(program: adjoint.Module, rows: list[adjoint.Example]) -> str:
    report = adjoint.evaluate(program, rows, exact)
    low, high = wilson(round((report.mean or 0.0) * report.n), report.n)
    return f"{100 * (report.mean or 0):.0f} [{100 * low:.0f}, {100 * high:.0f}]"


def row(task: Task, optimizers: dict[str, Any]) -> list[str]:
    train, test = task.rows(LEARN + CHOOSE, TEST)
    program, cells = task.program(), [task.name]
    cells.append(measured(program, test))
    for optimizer in optimizers.values():
        wall, cpu = time.monotonic(), time.process_time()
        result = adjoint.optimize(
            program, trainset=train[:LEARN], valset=train[LEARN:], metric=exact, optimizer=optimizer, seed=0
        )
        spent = f"{time.process_time() - cpu:.0f}/{time.monotonic() - wall:.0f} s"
        cells += [measured(result.program, test), f"{result.report.verdict}, {spent}"]
    return cells


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def t5(folder: Path) -> list[str]:
    """A T5 of random numbers learns what the embedded model says under demonstrations."""
    import shutil

    import torch
    import transformers

    torch.manual_seed(0)
    size = len(transformers.AutoTokenizer.from_pretrained(WEIGHTS))
    config = transformers.T5Config(
        vocab_size=size, d_model=96, d_ff=192, d_kv=24, num_layers=2, num_heads=4, pad_token_id=0, eos_token_id=5, decoder_start_token_id=0,
        feed_forward_proj="gated-gelu",
    )  # fmt: skip
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    shutil.copyfile(WEIGHTS / "tokenizer.json", folder / "tokenizer.json")
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "pad_token": "<|pad|>"}'
    )
    task = next(task for task in TASKS if task.rule == "sentiment")
    train, test = task.rows(400 + CHOOSE, TEST)
    teacher = task.program()
    teacher.demos = [{"text": one.text, "answer": one.answer} for one in train[:6]]
    recipe = {"rank": None, "learning_rate": 3e-3, "batch_size": 32, "steps": 120}
    program = task.program()
    lm = adjoint.LM(f"hf/{folder}", max_tokens=16)
    wall, cpu = time.monotonic(), time.process_time()
    with context(lm=lm):
        before = measured(program, test)
        optimizer = Distill(teacher=teacher, teacher_lm=adjoint.LM("pocket"), train_kwargs=recipe)
        result = adjoint.optimize(program, trainset=train[6:400], valset=train[400:], metric=exact, optimizer=optimizer, seed=0)
        after = measured(result.program, test)
    with context(lm=adjoint.LM("pocket")):
        shown = measured(teacher, test)
    spent = f"{time.process_time() - cpu:.0f}/{time.monotonic() - wall:.0f} s"
    return [task.name, shown, before, after, f"{result.report.verdict}, {spent}"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--only", choices=("weights", "together", "t5"))
    asked = parser.parse_args()
    written = [
        f"## {time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}, Python {platform.python_version()}\n"
    ]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ADJOINT_WEIGHTS"] = str(Path(folder) / "weights")
        if asked.only in (None, "weights", "together"):
            optimizers = {"weights": weights()}
            if asked.only != "weights":
                optimizers |= {"prompts": prompts(), "both": both()}
            head = ["task", "as written", *(cell for name in optimizers for cell in (name, "certificate, CPU/wall"))]
            with context(lm=adjoint.LM("hf/pocket", max_tokens=24), ledger=Path(folder) / "ledger.db"):
                rows = []
                for task in [task for task in TASKS if task.headroom][: asked.tasks]:
                    rows.append(row(task, optimizers))
                    print(*rows[-1], sep=" | ", flush=True)
            written.append(table(head, rows))
        if asked.only in (None, "t5"):
            with context(ledger=None):
                rows = [t5(Path(folder) / "t5")]
            print(*rows[-1], sep=" | ", flush=True)
            written.append(
                table(["T5 of 0.9 M random parameters", "its teacher", "before", "after", "certificate, CPU/wall"], rows)
            )
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write("\n".join(written) + "\n")


if __name__ == "__main__":
    main()
