"""Answers to hard questions, improved while they are asked: several choices, no truth known, the versions vote.

    python question_answering.py gpqa_diamond.csv --lm openai/gpt-4o
    python question_answering.py physics_test.csv --format mmlu --lm anthropic/claude-sonnet-4-5

An answer is a Variable. A critic that does not know the truth says what is doubtful in it, the answer is rewritten, and at last
all its versions vote. The program prints the accuracy of the first answer, of the last one and of the vote, each with an
interval, and compares the vote with the first answer question by question.

What a strong LM is expected to reach: Yuksekgonul et al. (2024) report for gpt-4o with three updates 51.0 -> 55.0 % on GPQA
Diamond (198 questions), 85.7 -> 88.4 % on MMLU Machine Learning and 91.2 -> 95.1 % on College Physics. By their own records much
of that is the vote and not the updates, so both stand in the table. A small LM gains nothing here.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import adjoint
from adjoint.data.public import load_gpqa, load_mmlu
from adjoint.textgrad.tasks import last_letter

if TYPE_CHECKING:
    from adjoint.eval.compare import Comparison

TASK = "Answer the question. Think step by step, then end with 'Answer: X', where X is one of the letters."
LOADERS = {"gpqa": load_gpqa, "mmlu": load_mmlu}


class Improved(adjoint.Module):
    """Answers, lets a critic look at the answer `steps` times, and gives the letter of the vote, or of the last version."""

    def __init__(self, steps: int, *, vote: bool = True) -> None:
        self.steps, self.vote = steps, vote
        self.ask = adjoint.BlackboxLLM(system_prompt=TASK)
        self.critic = adjoint.MultiChoiceTestTime()

    def forward(self, question: str) -> adjoint.Prediction:
        asked = adjoint.Variable(question, role_description="question with several choices", requires_grad=False)
        first = self.ask(asked).value
        solution = adjoint.Variable(first, role_description="reasoning and answer; it ends with 'Answer: X'")
        found = adjoint.solve(solution, lambda text: self.critic(asked, text), steps=self.steps, answer_of=last_letter)
        letter = found.answer if self.vote else last_letter(found.path[-1])
        return adjoint.Prediction(letter=letter, versions=len(found.path))


def right_letter(example: adjoint.Example, prediction: adjoint.Prediction) -> bool:
    return bool(prediction.letter == example.expected)


def study(rows: list[adjoint.Example], steps: int) -> Comparison:
    """Measure first answer, last version and vote. The calls of one are the cached calls of the next."""
    programs = {"first answer": Improved(0), f"after {steps} updates": Improved(steps, vote=False), "vote": Improved(steps)}
    reports = {name: adjoint.evaluate(program, rows, right_letter, name=name) for name, program in programs.items()}
    for report in reports.values():
        print(report)
    return adjoint.compare(reports["first answer"], reports["vote"])


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file", help="the questions, as published")
    arguments.add_argument("--format", choices=LOADERS, default="gpqa")
    arguments.add_argument("--lm", default="pocket", help="provider/model; the embedded LM is only good for a dry run")
    arguments.add_argument("--steps", type=int, default=3)
    arguments.add_argument("--rows", type=int, default=None, help="only the first rows")
    given = arguments.parse_args()
    adjoint.configure(lm=adjoint.LM(given.lm))
    print(study(LOADERS[given.format](given.file)[: given.rows], given.steps).words)
