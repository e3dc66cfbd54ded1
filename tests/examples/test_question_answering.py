"""Answers improved at test time: what an LM that can be convinced gains, the program measures."""

import csv

import adjoint
from adjoint.testing import ScriptedLM

RIGHT = {"one": "A", "two": "B", "three": "C", "four": "D", "five": "A", "six": "B", "seven": "C", "eight": "D"}
KNOWN = ("one", "two")


def scientist(request):
    """Knows two answers at once, sees the right one of the others only when a critic doubts, and forgets nothing."""
    system, asked = request.messages[0].text, request.messages[-1].text
    word = next(word for word in RIGHT if f"Number {word}?" in asked)
    if "hard to convince" in asked.split("\n")[0]:
        return "The units do not match; look at the last choice again." if word not in KNOWN else "I find no mistake."
    if "solution of a task" in system or word in KNOWN:
        return f"I checked it. Answer: {RIGHT[word]}"
    return "I guess. Answer: " + "ABCD"[("ABCD".index(RIGHT[word]) + 1) % 4]


def test_three_updates_and_a_vote_beat_the_first_answer_and_the_comparison_says_so(example, tmp_path, capsys):
    study = example("question_answering")
    with (tmp_path / "numbers_test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([f"Number {word}?", "a", "b", "c", "d", letter] for word, letter in RIGHT.items())
    adjoint.configure(lm=ScriptedLM(scientist, identity="scientist"))
    found = study.study(study.LOADERS["mmlu"](tmp_path / "numbers_test.csv"), steps=3)
    assert (found.n, found.mean_a, found.mean_b) == (8, 0.25, 1.0)
    assert found.verdict == "better"
    assert capsys.readouterr().out.count("n=8") == 3
