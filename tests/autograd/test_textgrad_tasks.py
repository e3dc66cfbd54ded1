"""TextGrad's tasks and its call with examples, on files in the form in which their authors publish them."""

import json

import pytest

import adjoint as dj
import adjoint.textgrad as tg
from adjoint.base.errors import ParseError, UnknownNameError, UsageError


@pytest.fixture
def root(tmp_path):
    """A folder with small files of three public data sets."""
    for name in ("bbh", "gsm8k", "gpqa"):
        (tmp_path / name).mkdir()
    counted = [{"input": f"I have {n} plums. How many plums do I have?", "target": str(n)} for n in range(250)]
    (tmp_path / "bbh" / "object_counting.json").write_text(json.dumps({"examples": counted}))
    (tmp_path / "bbh" / "word_sorting.json").write_text(json.dumps({"examples": counted}))
    for split, count in (("train", 520), ("test", 7)):
        lines = [json.dumps({"question": f"{split} {n}?", "answer": f"so\n#### {n}"}) for n in range(count)]
        (tmp_path / "gsm8k" / f"{split}.jsonl").write_text("\n".join(lines))
    header = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3"
    (tmp_path / "gpqa" / "gpqa_diamond.csv").write_text(f"{header}\nWhy?,because,no,never,maybe\n")
    return tmp_path


def variable(text):
    return tg.Variable(text, role_description="text")


def test_big_bench_hard_has_50_100_and_100_rows_that_do_not_overlap(root):
    train, val, test, evaluate = tg.tasks.load_task("BBH_object_counting", evaluation_api=None, root=root)
    assert [len(train), len(val), len(test)] == [50, 100, 100]
    assert len({question for rows in (train, val, test) for question, _ in rows}) == 250
    answer = train[0][1]
    right, wrong = variable(f"I count. Answer: {answer}"), variable("Answer: -1")
    assert evaluate(inputs={"prediction": right, "ground_truth_answer": variable(answer)}).value == "1"
    assert evaluate(inputs={"prediction": wrong, "ground_truth_answer": variable(answer)}).value == "0"
    assert "step by step" in train.get_task_description()


def test_other_tasks_are_judged_by_the_engine_that_was_given(root):
    *_, judge = tg.tasks.load_task("BBH_word_sorting", lambda prompt: "Same. <ACCURACY> 1 </ACCURACY>", root=root)
    said = judge([variable("q"), variable("a b"), variable("b a")])
    assert judge.parse_output(said) == "1"


def test_gsm8k_has_dspys_sizes_and_a_test_file_of_its_own(root, monkeypatch):
    monkeypatch.setenv("ADJOINT_DATA", str(root))
    train, val, test, _ = tg.tasks.load_task("GSM8K_DSPy", None)
    assert [len(train), len(val), len(test)] == [200, 300, 7]


def test_a_question_of_gpqa_brings_a_critic_and_a_check_of_its_letter(root):
    [(question, letter, objective, is_right)] = tg.tasks.load_instance_task("GPQA_diamond", lambda prompt: "Doubtful.", root=root)
    assert objective(variable("Answer: A")).value == "Doubtful."
    assert is_right(f"I think so.\nAnswer: {letter}") == 1
    assert is_right("Answer: none") == 0
    assert f"{letter}) because" in question


def test_an_unknown_task_and_a_missing_folder_are_errors_that_say_what_to_do(root, monkeypatch):
    monkeypatch.delenv("ADJOINT_DATA", raising=False)
    with pytest.raises(UnknownNameError, match="GSM8K_DSPy"):
        tg.tasks.load_task("BBH", None, root=root)
    with pytest.raises(UsageError, match="ADJOINT_DATA"):
        tg.tasks.load_task("GSM8K_DSPy", None)


def test_a_call_with_examples_shows_them_and_reads_between_the_final_tags():
    seen = []

    def engine(prompt):
        seen.append(prompt)
        return "I thought. <FINAL> 42 </FINAL>"

    call = tg.autograd.LLMCall_with_in_context_examples(engine, "Answer.")
    answer = call(variable("6 times 7?"), "answer", ["2 times 2: 4"])
    assert answer.value == "42"
    assert "<EXAMPLES>\n2 times 2: 4\n</EXAMPLES>" in seen[0]
    dj.FunctionLoss(lambda text: "too short")(answer).backward(lambda prompt: "say more")
    assert [one.value for one in answer.gradients] == ["too short"]


def test_a_reply_without_final_tags_is_a_typed_error_and_never_none():
    call = tg.autograd.LLMCall_with_in_context_examples(lambda prompt: "42", "Answer.")
    with pytest.raises(ParseError, match="<FINAL>"):
        call(variable("6 times 7?"))


def test_batches_are_fed_with_textgrads_defaults():
    from adjoint.textgrad.tasks.base import DataLoader
    from adjoint.textgrad.tasks.big_bench_hard import string_based_equality_fn

    rows = [(f"q{n}", n) for n in range(40)]
    (questions, answers), rest = DataLoader(rows)
    assert ([len(questions), len(rest[0])], sorted([*answers, *rest[1]])) == ([32, 8], list(range(40)))
    assert answers != sorted(answers)
    assert string_based_equality_fn(variable("Answer: 5"), ground_truth_answer=variable("5")) == 1
