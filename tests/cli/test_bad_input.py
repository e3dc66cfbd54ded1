"""Whatever a user gets wrong: one line that says what to do, the designed exit code, and nothing received is lost."""

from __future__ import annotations

import contextlib

import pytest

from adjoint.ledger.store import Ledger
from adjoint.testing import FakeProvider, Raw

EVAL = ("eval", "words.py:program", "rows.jsonl")
OPTIMIZE = ("optimize", "words.py:program", "rows.jsonl")

# name: (files to write, arguments, exit code, what the line must say)
CASES = {
    "missing data file": ({}, ("eval", "words.py:program", "nowhere.jsonl"), 2, ["nowhere.jsonl", "existing file"]),
    "data is a directory": ({}, ("eval", "words.py:program", "."), 2, ["ending", ".jsonl"]),
    "unknown ending": ({"rows.xlsx": "x"}, ("eval", "words.py:program", "rows.xlsx"), 2, ["rows.xlsx", ".csv, .json, .jsonl"]),
    "ragged CSV row": (
        {"rows.csv": "word,answer\na,A\nb,B,extra\n"}, ("eval", "words.py:program", "rows.csv"), 2, ["rows.csv:3", "quote commas"],
    ),
    "row is no JSON": ({"bad.jsonl": '{"word": "a", "answer": "A"}\nnope\n'}, ("eval", "words.py:program", "bad.jsonl"), 2, ["bad.jsonl:2", "not JSON"]),
    "row is no object": ({"bad.jsonl": "[1]\n"}, ("eval", "words.py:program", "bad.jsonl"), 2, ["bad.jsonl:1", "not an object"]),
    "unknown key in a row": (
        {"bad.jsonl": '{"inputs": {"word": "a"}, "expect": "A"}\n'}, ("eval", "words.py:program", "bad.jsonl"), 2, ["bad.jsonl:1", "'expect'"],
    ),
    "flat row without the input": (
        {"bad.jsonl": '{"text": "a", "answer": "A"}\n'}, ("eval", "words.py:program", "bad.jsonl"), 2, ["bad.jsonl:1", "'word'", "text"],
    ),
    "inputs that do not match": (
        {"bad.jsonl": '{"inputs": {"text": "a"}, "expected": "A"}\n'}, ("eval", "words.py:program", "bad.jsonl"), 2, ["'text'", "Known: word"],
    ),
    "row without label": ({"bad.jsonl": '{"word": "a"}\n'}, ("eval", "words.py:program", "bad.jsonl"), 1, ["no label", "expected"]),
    "data is no text": ({"bad.jsonl": b"\xff\xfe\x00"}, ("eval", "words.py:program", "bad.jsonl"), 2, ["UTF-8"]),
    "metric with wrong parameters": ({}, (*EVAL, "--metric", "words.py:wrong"), 2, ["wrong", "def metric(example, prediction)"]),
    "metric that raises": ({}, (*EVAL, "--metric", "words.py:raising"), 1, ["raising", "RuntimeError: the metric is broken"]),
    "metric that returns 7": ({}, (*EVAL, "--metric", "words.py:seven"), 1, ["returned 7", "[0, 1]"]),
    "metric that is no function": ({}, (*EVAL, "--metric", "words.py:number"), 2, ["no function"]),
    "unknown metric": ({}, (*EVAL, "--metric", "exact_mach"), 2, ["did you mean 'exact_match'"]),
    "unknown metric in a file": ({}, (*EVAL, "--metric", "words.py:haf"), 2, ["did you mean 'half'"]),
    "budget of 0": ({}, (*EVAL, "--budget", "0"), 102, ["budget of 0 calls is spent", "Raise the budget"]),
    "budget of 0 for a search": ({}, (*OPTIMIZE, "--budget", "0"), 102, ["budget of 0 calls is spent"]),
    "unreadable budget": ({}, (*EVAL, "--budget", "lots"), 2, ["'lots'", "2000calls"]),
    "empty file": ({"empty.jsonl": ""}, ("eval", "words.py:program", "empty.jsonl"), 2, ["no rows", "one JSON object a line"]),
    "empty trainset": ({"empty.jsonl": "\n"}, ("optimize", "words.py:program", "empty.jsonl"), 2, ["no rows"]),
    "too few rows": (
        {"few.jsonl": '{"word": "a", "answer": "A"}\n'}, ("optimize", "words.py:program", "few.jsonl"), 2, ["too few", "Add rows"],
    ),
    "unknown optimizer": ({}, (*OPTIMIZE, "--optimizer", "bootstrp-rs"), 2, ["did you mean 'bootstrap-rs'"]),
    "unknown way to ship": ({}, (*OPTIMIZE, "--ship", "maybe"), 2, ["--ship", "certified"]),
    "no place to save to": ({}, (*OPTIMIZE, "--out", "nowhere/best.json"), 2, ["nowhere/best.json", "directory that exists"]),
    "unknown verb": ({}, ("evl",), 2, ["did you mean 'eval'"]),
    "unknown option": ({}, (*EVAL, "--metrik", "f1"), 2, ["--metrik", "adjoint eval --help"]),
    "missing argument": ({}, ("eval",), 2, ["PROGRAM", "adjoint eval --help"]),
    "seed that is no number": ({}, (*OPTIMIZE, "--seed", "x"), 2, ["Invalid value 'x' for '--seed'", ". Try: adjoint optimize --help"]),
    "program file that is missing": ({}, ("eval", "nowhere.py:program", "rows.jsonl"), 2, ["nowhere.py", "existing file"]),
    "program file without that name": ({}, ("eval", "words.py:progam", "rows.jsonl"), 2, ["did you mean 'program'"]),
    "program without a name": ({}, ("eval", "words.py", "rows.jsonl"), 2, ["words.py:NAME"]),
    "program that is none": ({}, ("eval", "words.py:number", "rows.jsonl"), 2, ["7", "no program"]),
    "program file that raises": ({"broken.py": "import nowhere_to_be_found"}, ("eval", "broken.py:program", "rows.jsonl"), 1, ["importing broken.py", "nowhere_to_be_found"]),
    "program file with a typo": ({"broken.py": "def f(:\n"}, ("eval", "broken.py:program", "rows.jsonl"), 1, ["importing broken.py", "SyntaxError"]),
    "not a saved program": ({"other.json": '{"a": 1}'}, ("eval", "other.json", "rows.jsonl"), 2, ["no saved program", "program.save"]),
    "saved program that is missing": ({}, ("show", "nowhere.json"), 2, ["nowhere.json", "existing file"]),
    "saved program that is cut off": ({"cut.json": '{"format": "adj'}, ("show", "cut.json"), 2, ["not JSON"]),
    "run that is unknown": ({}, ("show", "optimize-1"), 2, ["no ledger", "--ledger"]),
    "no inputs": ({}, ("run", "words.py:program"), 2, ["--input name=value"]),
    "input without value": ({}, ("run", "words.py:program", "--input", "word"), 2, ["--input name=value"]),
    "unknown input": ({}, ("run", "words.py:program", "--input", "wrd=a"), 2, ["did you mean 'word'"]),
    "unknown provider": ({}, (*EVAL, "--model", "opnai/x"), 2, ["did you mean 'openai'"]),
    "model without provider": ({}, (*EVAL, "--model", "gpt-4o"), 2, ["openai/gpt-4o"]),
    "model without key": ({}, (*EVAL, "--model", "openai/x"), 1, ["OPENAI_API_KEY"]),
    "unreachable server": ({}, (*EVAL, "--model", "vllm/x"), 1, ["cannot reach http://127.0.0.1:1", "Is the server running"]),
    "model that raises": ({}, (*EVAL, "--model", "model.py:refusing"), 1, ["ValueError: no"]),
    "ledger in a file's place": ({"file": "x"}, (*EVAL, "--ledger", "file/ledger.db"), 1, ["file/ledger.db", "--ledger"]),
    "ledger that is a directory": ({}, (*EVAL, "--ledger", "."), 1, ["cannot be used", "--ledger"]),
    "ledger that is something else": ({"notes.txt": "x" * 9000}, (*EVAL, "--ledger", "notes.txt"), 1, ["notes.txt", "--ledger"]),
    "ledger that cannot be written": ({}, (*EVAL, "--ledger", "/proc/ledger.db"), 1, ["/proc/ledger.db", "--ledger"]),
    "unknown setting": ({"adjoint.toml": "modle = 'pocket'"}, ("runs",), 2, ["adjoint.toml", "did you mean 'model'"]),
    "broken settings": ({"pyproject.toml": "[tool"}, ("runs",), 2, ["pyproject.toml", "Correct it"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_line_says_what_to_do(case, adjoint_cli, world, monkeypatch):
    files, arguments, code, says = CASES[case]
    monkeypatch.setenv("VLLM_BASE_URL", "http://127.0.0.1:1/v1")
    if "setting" in case:
        monkeypatch.delenv("ADJOINT_LEDGER")
    for name, content in files.items():
        (world / name).write_bytes(content.encode() if isinstance(content, str) else content)
    said = adjoint_cli(*arguments)
    assert said.code == code, said
    assert said.err.startswith("adjoint: ")
    assert len(said.err.splitlines()) == 1
    assert "Traceback" not in said.out + said.err
    for words in says:
        assert words in said.err
    assert code == 102 or said.out == ""


def test_a_refused_key_ends_at_once_and_is_not_repeated(adjoint_cli, monkeypatch):
    with FakeProvider(api_key="sk-right") as provider:
        monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-key-12345")
        said = adjoint_cli(*EVAL, "--model", "openai/x")
    assert said.code == 1
    assert "401" in said.err
    assert "OPENAI_API_KEY" in said.err
    assert "sk-wrong" not in said.err
    assert len(said.err.splitlines()) == 1


def test_what_was_received_before_an_error_is_kept(adjoint_cli, world, monkeypatch):
    """The provider answers 20 rows, then refuses the key: the second attempt pays for the other rows only."""
    answered = []

    def answer(messages):
        answered.append(messages[-1]["content"])
        return messages[-1]["content"].upper()

    monkeypatch.setenv("OPENAI_API_KEY", "sk-some-key-for-this-test")
    refusal = Raw(status=401, body=b'{"error": {"message": "no credit"}}')
    with FakeProvider(answer, faults=[*[None] * 20, *[refusal] * 40]) as provider:
        monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url)
        said = adjoint_cli(*EVAL, "--model", "openai/x")
        assert said.code == 1
        assert "no credit" in said.err
        kept = len(answered)
        assert 0 < kept <= 20
        provider.faults = []
        again = adjoint_cli(*EVAL, "--model", "openai/x", "--json")
    assert again.code == 0
    assert again.json["reports"][0]["n"] == 60
    assert again.json["reports"][0]["calls"] == 60 - kept
    assert len(answered) == len(set(answered)) == 60


def test_a_spent_budget_keeps_and_reports_what_was_bought(adjoint_cli, world):
    said = adjoint_cli(*EVAL, "--budget", "25calls", "--json")
    assert said.code == 102
    report = said.json["reports"][0]
    assert (report["n"], report["calls"]) == (25, 25)
    assert "25 calls" in report["stopped"]
    again = adjoint_cli(*EVAL, "--json")
    assert again.code == 0
    assert again.json["reports"][0]["calls"] == 35


def test_a_spent_budget_still_saves_the_best_so_far(adjoint_cli, world):
    said = adjoint_cli(*OPTIMIZE, "--budget", "30calls", "--json")
    assert said.code == 102
    assert (world / "best.json").exists()
    assert adjoint_cli("show", "best.json").code == 0


def test_a_metric_that_fails_on_some_rows_costs_no_score(adjoint_cli, world):
    (world / "moody.py").write_text(
        "def moody(example, prediction):\n    assert 'b' not in example.word, 'no b'\n    return example.expected == prediction.answer.upper()\n"
    )
    said = adjoint_cli(*EVAL, "--metric", "moody.py:moody", "--json")
    report = said.json["reports"][0]
    assert said.code == 0
    assert report["errors"] > 0
    assert report["score"] == 1.0
    assert report["n"] + report["errors"] == 60
    assert (
        "words.py:program: the first error was MetricError: the metric moody raised AssertionError: no b"
        in adjoint_cli(*EVAL, "--metric", "moody.py:moody").out
    )


def test_the_ledger_of_a_failed_run_says_unfinished(adjoint_cli, world, tmp_path):
    adjoint_cli(*EVAL, "--metric", "words.py:raising")
    runs = adjoint_cli("runs", "--json").json["runs"]
    assert [run["finished"] for run in runs] == [False]
    with contextlib.closing(Ledger(tmp_path / "ledger.db")) as ledger:
        assert any(True for _ in ledger.events(kind="cell"))
