"""Every verb end to end, with a scripted model in a file."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.conftest import start

ROWS, TEST = "rows.jsonl", "test.jsonl"


def test_eval_reports_score_interval_n_errors_calls_and_seconds(adjoint_cli):
    said = adjoint_cli("eval", "words.py:program", TEST)
    assert said.code == 0
    assert said.err == ""
    assert said.out.startswith("words.py:program: 0.0 % [0.0, 8.8], n=40, 0 errors, 40 calls, ")


def test_eval_as_json_is_one_object_with_all_rows(adjoint_cli):
    said = adjoint_cli("eval", "words.py:loud", TEST, "--json")
    assert len(said.out.splitlines()) == 1
    report = said.json["reports"][0]
    figures = {"name", "score", "low", "high", "n", "errors", "calls", "usage", "usage_by_role", "seconds", "stopped"}
    figures |= {"parts", "objectives", "latency"}
    assert figures | {"rows"} == set(report)
    assert (report["score"], report["n"], len(report["rows"])) == (1.0, 40, 40)
    assert {"example", "score", "error", "usage", "seconds", "outputs"} == set(report["rows"][0])


def test_a_dry_run_says_the_most_that_it_can_cost_and_asks_nothing(adjoint_cli, tmp_path):
    said = adjoint_cli("eval", "words.py:program", TEST, "--dry-run", "--budget", "100calls")
    assert (said.code, said.out.startswith("at most 100 calls")) == (0, True)
    one, other = adjoint_cli(
        "eval", "words.py:program", TEST, "--dry-run", "--model", "model.py:lm", "--model", "model.py:other", "--json"
    ).json["plans"]
    assert (one["model"], other["model"], one["calls"]) == ("model.py:lm", "model.py:other", 40 * 3 * 5)
    assert (
        adjoint_cli("optimize", "words.py:program", ROWS, "--dry-run", "--budget", "70calls", "--json").json["plans"][0]["calls"]
        == 70
    )
    assert adjoint_cli("runs").out.startswith("no runs")


def test_eval_of_two_models_compares_them_on_the_same_rows(adjoint_cli):
    said = adjoint_cli("eval", "words.py:program", TEST, "--model", "model.py:lm", "--model", "model.py:other", "--json")
    assert [(report["name"], report["score"]) for report in said.json["reports"]] == [("shouter", 0.0), ("other", 1.0)]
    assert said.json["comparisons"][0]["verdict"] == "better"
    words = adjoint_cli("eval", "words.py:program", TEST, "--model", "model.py:lm", "--model", "model.py:other").out
    assert "other against shouter: better: +100.0 points" in words


def test_the_second_time_costs_nothing(adjoint_cli):
    assert adjoint_cli("eval", "words.py:program", TEST, "--json").json["reports"][0]["calls"] == 40
    assert adjoint_cli("eval", "words.py:program", TEST, "--json").json["reports"][0]["calls"] == 0


def test_run_gives_one_json_object_a_row(adjoint_cli):
    said = adjoint_cli("run", "words.py:loud", TEST)
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert len(rows) == 40
    assert rows[0]["outputs"] == {"answer": "ABAA"}
    assert adjoint_cli("run", "words.py:loud", TEST, "--json").json["rows"] == rows


def test_run_takes_single_inputs(adjoint_cli):
    said = adjoint_cli("run", "words.py:loud", "--input", "word=a=b ü")
    assert said.out == '{"answer": "A=B Ü"}\n'


def test_run_needs_no_labels_and_knows_the_inputs_of_flat_rows(adjoint_cli, world):
    (world / "flat.csv").write_text("word,note\na,x\nb,y\n")
    assert [
        json.loads(line)["outputs"]["answer"] for line in adjoint_cli("run", "words.py:loud", "flat.csv").out.splitlines()
    ] == ["A", "B"]


def test_optimize_certifies_saves_and_the_file_alone_can_be_measured(adjoint_cli):
    said = adjoint_cli("optimize", "words.py:program", ROWS, "--json")
    assert said.code == 0
    assert said.json["report"]["verdict"] == "better"
    assert said.json["report"]["shipped"]
    assert said.json["saved"] == "best.json"
    assert adjoint_cli("eval", "best.json", TEST, "--json").json["reports"][0]["score"] == 1.0


def test_optimize_says_in_words_what_it_found(adjoint_cli):
    said = adjoint_cli("optimize", "words.py:program", ROWS, "--optimizer", "tgd", "--budget", "2000calls", "--out", "told.json")
    assert said.code == 0, said
    assert "anytime-valid 95 %" in said.out
    assert "better" in said.out
    assert "saved to told.json" in said.out
    shown = adjoint_cli("show", "told.json").out
    assert "Write the word in capitals." in shown


def test_optimize_takes_rows_to_choose_with(adjoint_cli):
    said = adjoint_cli("optimize", "words.py:program", ROWS, "--valset", TEST, "--ship", "always", "--json")
    assert said.code == 0
    assert said.json["report"]["certificate"]["n"] <= 20


def test_an_unshipped_search_saves_the_original(adjoint_cli):
    said = adjoint_cli("optimize", "words.py:loud", ROWS, "--json")
    assert not said.json["report"]["shipped"]
    assert said.json["state"]["instruction"] == "Write the word in capitals."


def test_a_program_of_several_modules_needs_its_code(adjoint_cli):
    assert adjoint_cli("optimize", "words.py:Two", ROWS, "--json").code == 0
    refused = adjoint_cli("eval", "best.json", TEST)
    assert refused.code == 2
    assert "--program file.py:name" in refused.err
    given = adjoint_cli("eval", "best.json", TEST, "--program", "words.py:Two", "--json")
    assert given.json["reports"][0]["score"] == 1.0


def test_compare_speaks_in_words_and_names_the_flips(adjoint_cli):
    said = adjoint_cli("compare", "words.py:program", "words.py:loud", TEST)
    assert said.code == 0
    assert "words.py:loud against words.py:program: better: +100.0 points" in said.out
    assert "fixed 40: " in said.out
    assert "and 30 more" in said.out
    assert "broken 0: none" in said.out


@pytest.mark.parametrize(("a", "b", "code"), [("program", "loud", 0), ("loud", "program", 100), ("program", "program", 101)])
def test_the_gate_tells_better_worse_and_inconclusive(a, b, code, adjoint_cli):
    said = adjoint_cli("compare", f"words.py:{a}", f"words.py:{b}", TEST, "--gate", "--json")
    assert said.code == code
    assert set(said.json) == {"reports", "comparison"}
    assert adjoint_cli("compare", f"words.py:{a}", f"words.py:{b}", TEST).code == 0


def test_metrics_come_by_name_and_from_files(adjoint_cli):
    assert adjoint_cli("eval", "words.py:loud", TEST, "--metric", "f1", "--json").json["reports"][0]["score"] == 1.0
    assert adjoint_cli("eval", "words.py:loud", TEST, "--metric", "words.py:half", "--json").json["reports"][0]["score"] == 0.5


def test_runs_and_show_tell_what_was_done(adjoint_cli):
    adjoint_cli("eval", "words.py:program", TEST)
    adjoint_cli("optimize", "words.py:program", ROWS)
    runs = adjoint_cli("runs", "--json").json["runs"]
    assert [(run["what"], run["finished"]) for run in runs] == [("evaluate", True), ("optimize", True)]
    assert (runs[0]["score"], runs[0]["n"], runs[0]["calls"]) == (0.0, 40, 40)
    assert runs[1]["verdict"] == "better"
    table = adjoint_cli("runs").out
    assert all(words in table for words in (runs[0]["id"], runs[1]["id"], "optimize bootstrap-rs", "finished", "better"))
    shown = adjoint_cli("show", runs[1]["id"][:14], "--json").json["run"]
    assert shown["before"]["demos"] == []
    assert shown["after"]["demos"] != []
    words = adjoint_cli("show", runs[1]["id"]).out
    assert "before\ninstruction: Do something with the word.\ndemos: none" in words
    assert "demos: 16\n  1. " in words


def test_reading_makes_no_ledger(adjoint_cli, world):
    assert adjoint_cli("runs", "--ledger", "other/ledger.db").out == "no runs in other/ledger.db yet\n"
    assert adjoint_cli("runs", "--ledger", "other/ledger.db", "--json").json == {"ledger": "other/ledger.db", "runs": []}
    assert not (world / "other").exists()


def test_settings_name_model_and_ledger(adjoint_cli, world, monkeypatch):
    monkeypatch.delenv("ADJOINT_MODEL")
    monkeypatch.delenv("ADJOINT_LEDGER")
    (world / "pyproject.toml").write_text('[tool.adjoint]\nmodel = "model.py:other"\nledger = "deep/er/ledger.db"\n')
    assert adjoint_cli("eval", "words.py:program", TEST, "--json").json["reports"][0]["score"] == 1.0
    assert (world / "deep/er/ledger.db").exists()
    assert (world / "deep/er").stat().st_mode & 0o777 == 0o700
    (world / "adjoint.toml").write_text('model = "model.py:lm"\n')
    assert adjoint_cli("eval", "words.py:program", TEST, "--json").json["reports"][0]["score"] == 0.0


def test_a_model_that_the_program_file_configures_counts(adjoint_cli, world, monkeypatch):
    (world / "own.py").write_text(
        "import adjoint, model\nadjoint.configure(lm=model.other)\nprogram = adjoint.Predict('word -> answer')\n"
    )
    assert adjoint_cli("eval", "own.py:program", TEST, "--json").json["reports"][0]["score"] == 1.0
    assert adjoint_cli("eval", "own.py:program", TEST, "--model", "model.py:lm", "--json").json["reports"][0]["score"] == 0.0


def test_prompts_are_printed_as_they_are_and_not_as_markup(adjoint_cli, world):
    (world / "marked.py").write_text(
        "import adjoint\nprogram = adjoint.Predict('word -> answer', '[bold]Say [/x] :smile:')\nprogram.save('marked.json')\n"
    )
    adjoint_cli("run", "marked.py:program", "--input", "word=[red]")
    assert "instruction: [bold]Say [/x] :smile:\n" in adjoint_cli("show", "marked.json").out


def test_help_is_light():
    begin = time.monotonic()
    command = str(Path(sys.executable).with_name("adjoint"))
    said = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert all(verb in said.stdout for verb in ("demo", "run", "eval", "optimize", "compare", "show", "runs"))
    assert time.monotonic() - begin < 2.0
    heavy = "import sys, adjoint.cli.main; print([m for m in ('numpy', 'rich', 'aiohttp', 'pydantic', 'sqlite3') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"CI": "1"}, {"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_process_keeps_stdout_to_results_and_stderr_quiet(environment, world):
    process = start("eval", "words.py:loud", TEST, "--json", **environment)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["reports"][0]["score"] == 1.0
    assert "\x1b" not in out


def test_a_reader_that_goes_away_is_no_crash(world):
    process = start("runs", "--json")
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait(20) in (0, 1)
