"""Public data sets: their files are read as their authors publish them."""

import json
from collections import Counter

import pytest

from adjoint.base.errors import DataError
from adjoint.data.public import load_bbh, load_gpqa, load_gsm8k, load_hotpotqa, load_mmlu


def test_a_row_of_gsm8k_expects_the_number_after_the_mark(tmp_path):
    file = tmp_path / "test.jsonl"
    file.write_text(json.dumps({"question": "How many?", "answer": "3 * 400 = 1200\n#### 1,200"}) + "\n")
    [row] = load_gsm8k(file)
    assert (row.inputs().toDict(), row.expected, row._metadata) == (
        {"question": "How many?"},
        "1200",
        {"reasoning": "3 * 400 = 1200"},
    )


def test_a_row_of_big_bench_hard_has_input_and_target(tmp_path):
    file = tmp_path / "word_sorting.json"
    file.write_text(json.dumps({"canary": "x", "examples": [{"input": "Sort: b a", "target": "a b"}]}))
    [row] = load_bbh(file)
    assert (row.question, row.expected) == ("Sort: b a", "a b")


HOPS = {
    "_id": "5ab1",
    "question": "In which country was the builder of the Blue Bridge born?",
    "answer": "Norway",
    "type": "bridge",
    "level": "hard",
    "context": [
        ["Blue Bridge", ["The Blue Bridge crosses the Ask.", " It was built by Kari Lund."]],
        ["Kari Lund", ["Kari Lund is an engineer from Norway."]],
        ["Ask", ["The Ask is a river."]],
    ],
    "supporting_facts": [["Blue Bridge", 1], ["Kari Lund", 0]],
}


def test_a_row_of_hotpotqa_has_its_passages_and_knows_which_sentences_count(tmp_path):
    file = tmp_path / "hotpot_dev_distractor_v1.json"
    file.write_text(json.dumps([HOPS]))
    [row] = load_hotpotqa(file)
    assert row.inputs().keys() == ["question", "passages"]
    assert row.passages[0] == "Blue Bridge: The Blue Bridge crosses the Ask. It was built by Kari Lund."
    assert (row.expected, row._id, len(row.passages)) == ("Norway", "5ab1", 3)
    assert row._metadata == {"supporting_facts": HOPS["supporting_facts"], "type": "bridge", "level": "hard"}


def test_a_row_of_mmlu_shows_its_choices_under_letters(tmp_path):
    file = tmp_path / "physics_test.csv"
    file.write_text('"What falls, and why?",stones,"ideas, old",both,none,A\n')
    [row] = load_mmlu(file)
    assert (row.question, row.expected) == ("What falls, and why?\nA) stones\nB) ideas, old\nC) both\nD) none", "A")


def test_the_right_letter_of_gpqa_is_spread_evenly_and_depends_on_the_seed_alone(tmp_path):
    file = tmp_path / "gpqa.csv"
    lines = ["Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3"]
    file.write_text("\n".join(lines + [f"question {n},right,wrong,worse,worst" for n in range(400)]))
    rows, again, others = load_gpqa(file), load_gpqa(file, seed=0), load_gpqa(file, seed=1)
    assert rows == again
    assert rows != others
    assert all(70 <= count <= 130 for count in Counter(row.expected for row in rows).values())
    assert all(f"{row.expected}) right" in row.question for row in rows)


@pytest.mark.parametrize(
    ("load", "text"),
    [
        (load_gsm8k, '{"question": "q", "answer": "4"}'),
        (load_bbh, "[]"),
        (load_mmlu, "q,a,b"),
        (load_hotpotqa, '[{"question": "q", "answer": "a"}]'),
        (load_hotpotqa, '{"data": 1}'),
        (load_gpqa, "Question\nq\n"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_its_name(tmp_path, load, text):
    file = tmp_path / "rows.jsonl"
    file.write_text(text)
    with pytest.raises(DataError, match=r"rows\.jsonl"):
        load(file)


@pytest.mark.parametrize("load", [load_bbh, load_mmlu, load_gpqa])
def test_a_missing_file_is_named(tmp_path, load):
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        load(tmp_path / "nowhere.csv")
