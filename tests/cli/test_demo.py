"""The demo: four programs on untouched rows, real numbers, and a second run that costs nothing."""

from __future__ import annotations

import pytest

from adjoint.demo import tickets

MODEL = '''
"""A model that knows the right answers, and gives most of them once demos or the instruction ask for the item."""
from adjoint.demo import tickets
from adjoint.testing import ScriptedLM

known = {row.ticket: row.expected for row in [*tickets.train_rows(), *tickets.test_rows()]}

def reply(request):
    system, ticket = request.messages[0].content, request.messages[-1].content
    if system.startswith("One step of a program"):
        return "The task is to give the item, in brackets."
    if system.startswith("Improve the text"):
        return "Give the item in brackets."
    skill = 5 * (len(request.messages) > 2) + 5 * ("item" in system)
    return known[ticket] if sum(map(ord, ticket)) % 10 < skill else "thanks"

lm = ScriptedLM(reply, identity="clerk", name="clerk")
'''


@pytest.fixture
def clerk(world, monkeypatch):
    """The scripted model, and fewer rows, so that three runs take seconds."""
    train, test = tickets.train_rows()[:90], tickets.test_rows()[:100]
    monkeypatch.setattr(tickets, "train_rows", lambda: train)
    monkeypatch.setattr(tickets, "test_rows", lambda: test)
    (world / "clerk.py").write_text(MODEL)
    return ("--model", "clerk.py:lm")


def test_the_demo_measures_four_programs_and_the_second_time_costs_nothing(adjoint_cli, clerk, tmp_path):
    first = adjoint_cli("demo", *clerk, "--json")
    assert (first.code, first.err) == (0, "")
    assert len(first.out.splitlines()) == 1
    assert {"rows", "prompts", "model", "seconds", "ledger"} == set(first.json)
    assert (first.json["model"], first.json["ledger"]) == ("clerk", str(tmp_path / "ledger.db"))
    rows = first.json["rows"]
    assert [row["name"] for row in rows] == [
        "as written",
        "few-shot (bootstrap-rs)",
        "instruction (tgd)",
        "both (tgd, then bootstrap-rs)",
    ]
    for row in rows:
        assert {"name", "score", "low", "high", "n", "errors", "calls", "seconds", "verdict"} == set(row)
        assert 0 <= row["low"] <= row["score"] <= row["high"] <= 1
        assert (row["n"], row["errors"]) == (100, 0)
        assert row["calls"] >= 100
    assert [row["verdict"] for row in rows] == ["baseline", "better", "better", "better"]
    assert [round(row["score"], 1) for row in rows] == sorted(round(row["score"], 1) for row in rows)
    assert first.json["prompts"]["before"]["instruction"] == "Handle the ticket."
    assert first.json["prompts"]["after"]["instruction"] == "Give the item in brackets."
    assert first.json["prompts"]["after"]["demos"]

    again = adjoint_cli("demo", *clerk, "--json").json
    assert [row["calls"] for row in again["rows"]] == [0, 0, 0, 0]
    assert [row["score"] for row in again["rows"]] == [row["score"] for row in rows]
    assert again["seconds"] < 5

    said = adjoint_cli("demo", *clerk).out
    assert "against the first" in said
    assert "instruction: Handle the ticket." in said
    assert "instruction: Give the item in brackets." in said
    assert "adjoint runs" in said
    assert len(adjoint_cli("runs", "--json").json["runs"]) >= 4


def test_a_budget_ends_the_demo_and_keeps_what_was_bought(adjoint_cli, clerk):
    said = adjoint_cli("demo", *clerk, "--budget", "150calls")
    assert said.code == 102
    assert "the budget of 150 calls is spent" in said.err
    again = adjoint_cli("demo", *clerk, "--json").json
    assert again["rows"][0]["calls"] == 0


def test_test_rows_are_untouched():
    train, test = ({row.ticket for row in rows} for rows in (tickets.train_rows(), tickets.test_rows()))
    assert not train & test
