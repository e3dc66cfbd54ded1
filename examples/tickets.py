"""A program for support tickets, as its author wrote it: the instruction says neither what to answer nor in which form.

    adjoint eval examples/tickets.py:program examples/tickets_test.jsonl
    adjoint optimize examples/tickets.py:program examples/tickets.jsonl --optimizer tgd --out best.json
    adjoint compare examples/tickets.py:program best.json examples/tickets_test.jsonl

From Python, `python examples/tickets.py` does the same with the embedded model.
"""

from __future__ import annotations

from pathlib import Path

import adjoint

program = adjoint.Predict("ticket -> answer", "Handle the ticket.")


def says_the_item(example: adjoint.Example, prediction: adjoint.Prediction) -> adjoint.Score:
    """A metric: what it says in words is what textual gradients learn from."""
    right = prediction.answer.strip() == example.expected
    return adjoint.Score(float(right), "" if right else f"expected: {example.expected}")


if __name__ == "__main__":
    here = Path(__file__).parent
    adjoint.configure(lm=adjoint.LM("pocket"))
    result = adjoint.optimize(
        program, trainset=adjoint.load_rows(here / "tickets.jsonl"), metric=says_the_item, optimizer="tgd", budget="2000calls"
    )
    test = adjoint.load_rows(here / "tickets_test.jsonl")
    before = adjoint.evaluate(program, test, says_the_item, name="before")
    after = adjoint.evaluate(result.program, test, says_the_item, name="after")
    for line in (result.report, before, after, adjoint.compare(before, after).words):
        print(line)
