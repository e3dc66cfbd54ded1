"""LoRA on self-made GSM8K solutions: a local 7B or 8B model learns from those of its own answers that are right.

    pip install 'adjoint[hf]'                          # and the PyTorch build of your CUDA version
    python examples/finetune_gsm8k.py train.jsonl test.jsonl --model meta-llama/Llama-3.1-8B-Instruct --out tutor.json

The data are the two files of the public GSM8K release (`question`, `answer` with the number behind ####). Needs a GPU with 40 GB;
the expected memory, time and figures are in docs/weights.md. The same command goes on from where an earlier one was stopped.
"""

from __future__ import annotations

import argparse
import re
import sys

import adjoint
from adjoint.data.public import load_gsm8k
from adjoint.lm.hf.client import HF
from adjoint.optim.strategies.better_together import BetterTogether
from adjoint.optim.strategies.bootstrap import BootstrapFewShotWithRandomSearch
from adjoint.optim.strategies.finetune import RejectionSampling

RECIPE = {
    "rank": 16, "alpha": 32.0, "learning_rate": 1e-4, "epochs": 2, "batch_size": 32, "micro_batch": 4, "gradient_checkpointing": True,
    "checkpoint_every": 20, "max_length": 1024,
}  # fmt: skip
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def last_number(example: adjoint.Example, prediction: adjoint.Prediction) -> bool:
    """Whether the last number of the answer is the right one."""
    found = NUMBER.findall(str(prediction.answer))
    return bool(found) and float(found[-1].replace(",", "")) == float(str(example.expected).replace(",", ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--model", default="meta-llama/Llama-3.1-8B-Instruct")
    parser.add_argument("--rows", type=int, default=1000, help="rows of the training file to learn from")
    parser.add_argument("--strategy", default="w", help="steps of prompts and weights: w, p, 'p -> w', 'p -> w -> p'")
    parser.add_argument("--budget", default="4h")
    parser.add_argument("--out", default="tutor.json")
    asked = parser.parse_args()

    lm = adjoint.LM(HF(asked.model), max_tokens=400)
    rows, test = load_gsm8k(asked.train), load_gsm8k(asked.test)
    program = adjoint.ChainOfThought("question -> answer", "Solve the problem.")
    optimizer = BetterTogether(
        strategy=asked.strategy,
        p=BootstrapFewShotWithRandomSearch(num_candidate_programs=6, max_bootstrapped_demos=4, max_labeled_demos=0),
        w=RejectionSampling(samples=4, rounds=1, temperature=0.7, teacher_demos=0, snapshots=2, train_kwargs=RECIPE),
    )
    with adjoint.context(lm=lm):
        result = adjoint.optimize(
            program, trainset=rows[: asked.rows], valset=rows[asked.rows : asked.rows + 600], metric=last_number, optimizer=optimizer,
            budget=asked.budget,
        )  # fmt: skip
        result.program.save(asked.out)
        before = adjoint.evaluate(program, test, last_number, name="as it came")
        after = adjoint.evaluate(result.program, test, last_number, name="tuned")
    for line in (result.report, before, after, adjoint.compare(before, after).words):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
