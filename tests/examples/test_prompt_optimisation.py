"""Prompts tuned on public data: an LM that counts only when it is told to is told so, and the gain is certified."""

import json
import random

import pytest

import adjoint
from adjoint.testing import ScriptedLM

THINGS = ("plum", "drum", "lamp", "goat", "stove", "leek", "piano", "mule")


@pytest.fixture
def prompts(example):
    return example("prompt_optimisation")


@pytest.fixture
def file(tmp_path):
    """Rows in the form of BIG-Bench Hard."""
    rng, rows = random.Random(0), []
    for number in range(120):
        counts = [rng.randint(1, 9) for _ in range(4)]
        listed = ", ".join(f"{count} {thing}s" for count, thing in zip(counts, rng.sample(THINGS, 4), strict=True))
        rows.append({"input": f"Case {number}: I have {listed}. How many things do I have?", "target": str(sum(counts))})
    path = tmp_path / "object_counting.json"
    path.write_text(json.dumps({"examples": rows}))
    return path


def counter(request):
    """Adds up only if its instruction says so; as a critic and proposer it says so."""
    system, asked = request.messages[0].text, request.messages[-1].text
    if "Improve the text" in system:
        return "Add up the amounts one after the other, then give the sum."
    if "gave a wrong output" in system:
        return "It should have said to add up the amounts."
    amounts = [int(word) for word in asked.split("I have")[1].replace("?", " ").split() if word.isdigit()]
    answer = sum(amounts) if "one after the other" in system else amounts[0]
    return f"[[reasoning]]\nI look at the list.\n[[answer]]\n{answer}"


def test_the_instruction_is_rewritten_and_certified_on_untouched_rows(prompts, file):
    load, metric = prompts.TASKS["counting"]
    lm = ScriptedLM(counter, identity="counter")
    found = prompts.improved(load(file), metric, budget="2000calls", demos=False, lm=lm, seed=0)
    assert "one after the other" in found.program.predictors()[0].instruction
    assert found.report.certificate.verdict == "better"


@pytest.mark.parametrize(
    ("task", "answer", "expected", "score"),
    [
        ("counting", "So there are 1,204 of them.", "1204", 1.0),
        ("counting", "none", "3", 0.0),
        ("sorting", "[ant, bee, cat]", "ant bee cat", 1.0),
        ("sorting", "bee ant cat", "ant bee cat", 0.0),
        ("gsm8k", "$18.00", "18", 1.0),
    ],
)
def test_answers_are_read_leniently_and_what_is_wrong_says_what_was_right(prompts, task, answer, expected, score):
    metric = prompts.TASKS[task][1]
    found = metric(adjoint.Example(question="q", expected=expected).with_inputs("question"), adjoint.Prediction(answer=answer))
    assert (found.value, found.feedback) == (score, "" if score else f"the right answer is {expected}")
