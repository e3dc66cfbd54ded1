"""The verbs that measure, with everything they can be told."""

from __future__ import annotations

import csv
import json

TEST = "test.jsonl"

JUDGE = """
from adjoint.testing import ScriptedLM

def reply(request):
    said = dict(line.split(": ", 1) for line in request.messages[-1].content.splitlines() if ": " in line)
    return "[[reason]]\\nlooked at\\n[[verdict]]\\n" + ("yes" if said["output"] == said["expected"] else "no")

lm = ScriptedLM(reply, identity="judge", name="judge")
"""


def sliced_rows(world):
    rows = [json.loads(line) for line in (world / TEST).read_text("utf-8").splitlines()]
    for row in rows:
        row["metadata"] = {"first": row["inputs"]["word"][2]}
    (world / "sliced.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "sliced.jsonl"


def test_eval_shows_slices_and_writes_every_row(adjoint_cli, world):
    data = sliced_rows(world)
    said = adjoint_cli("eval", "words.py:loud", data, "--by", "first", "--csv", "rows.csv")
    assert said.code == 0
    assert "words.py:loud by first" in said.out and "  a: 100.0 % [" in said.out and "rows written to rows.csv" in said.out
    with (world / "rows.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert len(read) == 40 and read[0]["program"] == "words.py:loud" and read[0]["score"] == "1.0"
    body = adjoint_cli("eval", "words.py:loud", data, "--by", "first", "--json").json
    assert sum(part["n"] for part in body["slices"]["words.py:loud"]["first"]) == 40


def test_clusters_and_strata_change_the_interval(adjoint_cli, world):
    data = sliced_rows(world)
    plain = adjoint_cli("eval", "words.py:loud", data, "--json").json["reports"][0]
    clustered = adjoint_cli("eval", "words.py:loud", data, "--cluster", "first", "--json").json["reports"][0]
    assert clustered["score"] == plain["score"] and clustered["low"] < plain["low"]
    assert adjoint_cli("eval", "words.py:loud", data, "--strata", "first").code == 0
    refused = adjoint_cli("eval", "words.py:loud", data, "--strata", "first", "--cluster", "first")
    assert refused.code == 2 and "one of both" in refused.err
    assert "no field 'nothing'" in adjoint_cli("eval", "words.py:loud", data, "--by", "nothing").err


def test_repeats_are_asked_for_and_counted(adjoint_cli):
    report = adjoint_cli("eval", "words.py:loud", TEST, "--repeats", "2", "--json").json["reports"][0]
    assert (report["n"], len(report["rows"]), report["calls"]) == (40, 80, 80)


def test_a_judge_is_a_metric_by_name_with_a_model_of_its_own(adjoint_cli, world):
    (world / "judge.py").write_text(JUDGE)
    report = adjoint_cli("eval", "words.py:loud", TEST, "--metric", "judge", "--judge", "judge.py:lm", "--json").json["reports"][
        0
    ]
    assert report["score"] == 1.0
    assert {
        role: usage["calls"] for role, usage in report["usage_by_role"].items()
    } == {}  # the command's account pays, for all verbs
    assert report["calls"] == 80


def test_a_judge_model_for_a_metric_that_asks_none_is_refused(adjoint_cli):
    said = adjoint_cli("eval", "words.py:loud", TEST, "--metric", "f1", "--judge", "pocket")
    assert said.code == 2
    assert "has no use: the metric 'f1' asks no model; complete_and_grounded, judge, semantic_f1 do" in said.err


def test_an_unknown_metric_offers_the_nearest(adjoint_cli):
    said = adjoint_cli("eval", "words.py:loud", TEST, "--metric", "numeric_mach")
    assert said.code == 2 and "did you mean 'numeric_match'" in said.err


def test_a_table_that_cannot_be_written_is_told(adjoint_cli):
    said = adjoint_cli("eval", "words.py:loud", TEST, "--csv", "nowhere/rows.csv")
    assert adjoint_cli("runs", "--json").json["runs"] == []  # before anything is paid
    assert said.code == 2 and "cannot write 'nowhere/rows.csv'" in said.err
