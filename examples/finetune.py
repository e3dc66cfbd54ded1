"""LoRA on self-made solutions of GSM8K or HotPotQA: a local 7B or 8B model learns from those of its own answers that are right.

    pip install 'adjoint[hf]'                          # and the PyTorch build of your CUDA version
    python examples/finetune.py gsm8k train.jsonl test.jsonl --model meta-llama/Llama-3.1-8B-Instruct --out tutor.json
    python examples/finetune.py hotpotqa hotpot_train_v1.1.json hotpot_dev_distractor_v1.json --out reader.json

The data are the files of the public releases: GSM8K's `question` and `answer` with the number behind ####, HotPotQA's questions with
ten passages, two of which hold the answer. Needs a GPU with 40 GB; the expected memory, time and figures are in docs/weights.md.
The same command goes on from where an earlier one was stopped.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import adjoint
from adjoint.data.public import load_gsm8k, load_hotpotqa
from adjoint.eval.metrics import EM
from adjoint.lm.hf.client import HF
from adjoint.optim.strategies.better_together import BetterTogether
from adjoint.optim.strategies.bootstrap import BootstrapFewShotWithRandomSearch
from adjoint.optim.strategies.finetune import RejectionSampling
from adjoint.textgrad.tasks import same_number

if TYPE_CHECKING:
    from collections.abc import Callable

RECIPE = {
    "rank": 16, "alpha": 32.0, "learning_rate": 1e-4, "epochs": 2, "batch_size": 32, "micro_batch": 4, "gradient_checkpointing": True,
    "checkpoint_every": 20,
}  # fmt: skip


def right_number(example: adjoint.Example, prediction: adjoint.Prediction) -> bool:
    """Whether the last number of the answer is the right one."""
    return bool(same_number(prediction.answer, example.expected))


def same_answer(example: adjoint.Example, prediction: adjoint.Prediction) -> bool:
    """Whether the answer is the expected one but for case, articles and punctuation: HotPotQA's own measure."""
    return EM(str(prediction.answer), [str(example.expected)])


@dataclass(frozen=True)
class Task:
    """A public data set: how it is read, asked and judged, and the tokens of its longest training rows."""

    load: Callable[[str], list[adjoint.Example]]
    signature: str
    instruction: str
    metric: Callable[[adjoint.Example, adjoint.Prediction], bool]
    max_length: int

    def program(self) -> adjoint.Module:
        return adjoint.ChainOfThought(self.signature, self.instruction)


TASKS = {
    "gsm8k": Task(load_gsm8k, "question -> answer", "Solve the problem.", right_number, 1024),
    "hotpotqa": Task(
        load_hotpotqa, "passages: list[str], question -> answer", "Answer with a name, a date, yes or no, as the passages say.",
        same_answer, 4096,
    ),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--model", default="meta-llama/Llama-3.1-8B-Instruct")
    parser.add_argument("--rows", type=int, default=1000, help="rows of the training file to learn from")
    parser.add_argument("--strategy", default="w", help="steps of prompts and weights: w, p, 'p -> w', 'p -> w -> p'")
    parser.add_argument("--test-rows", type=int, help="rows of the test file to measure on; all by default")
    parser.add_argument("--budget", default="4h")
    parser.add_argument("--out", default="tuned.json")
    asked = parser.parse_args()

    task, lm = TASKS[asked.task], adjoint.LM(HF(asked.model), max_tokens=400)
    rows, test = task.load(asked.train), task.load(asked.test)[: asked.test_rows]
    program, recipe = task.program(), {**RECIPE, "max_length": task.max_length}
    optimizer = BetterTogether(
        strategy=asked.strategy,
        p=BootstrapFewShotWithRandomSearch(num_candidate_programs=6, max_bootstrapped_demos=4, max_labeled_demos=0),
        w=RejectionSampling(samples=4, rounds=1, temperature=0.7, teacher_demos=0, snapshots=2, train_kwargs=recipe),
    )
    with adjoint.context(lm=lm):
        result = adjoint.optimize(
            program, trainset=rows[: asked.rows], valset=rows[asked.rows : asked.rows + 600], metric=task.metric, optimizer=optimizer,
            budget=asked.budget,
        )  # fmt: skip
        result.program.save(asked.out)
        before = adjoint.evaluate(program, test, task.metric, name="as it came")
        after = adjoint.evaluate(result.program, test, task.metric, name="tuned")
    for line in (result.report, before, after, adjoint.compare(before, after).words):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
