"""Cells reach the ledger in groups, and all of them are there when the evaluation has ended, however it ends."""

import adjoint
from adjoint import Example, Predict, context, evaluate
from adjoint.testing import ScriptedLM

ROWS = [Example(question=f"{number}+1?", answer="4").with_inputs("question") for number in range(40)]


def equal(example, prediction):
    return example.answer == prediction.answer


def test_every_cell_is_in_the_ledger_when_the_report_is_there(tmp_path):
    ledger = adjoint.Ledger(tmp_path / "ledger.db")
    with context(lm=ScriptedLM(lambda request: "4"), ledger=ledger):
        report = evaluate(Predict("question -> answer"), ROWS, equal)
    assert {event.body["example"] for event in ledger.events(kind="cell")} == {cell.example for cell in report.cells}
    assert [event.kind for event in ledger.events()] == ["begin", *["cell"] * 40, "end"]


def test_cells_share_commits(tmp_path, monkeypatch):
    ledger, commits = adjoint.Ledger(tmp_path / "ledger.db"), []
    plain = ledger._writer._commit
    monkeypatch.setattr(ledger._writer, "_commit", lambda jobs: (commits.append(len(jobs)), plain(jobs))[1])
    with context(lm=ScriptedLM(lambda request: "4"), ledger=ledger):
        evaluate(Predict("question -> answer"), ROWS, equal)
    assert sum(commits) >= 42
    assert len(commits) < 42


def test_what_was_measured_before_the_budget_was_spent_is_kept(tmp_path):
    ledger = adjoint.Ledger(tmp_path / "ledger.db")
    with context(lm=ScriptedLM(lambda request: "4"), ledger=ledger):
        report = evaluate(Predict("question -> answer"), ROWS, equal, budget=7, limit=1)
    assert len(report.cells) == len(list(ledger.events(kind="cell"))) == 7
