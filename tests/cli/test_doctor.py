"""The verb `doctor`: a word for a healthy ledger, a list for a damaged one, and its repair."""

from __future__ import annotations

import json
import sqlite3

from adjoint.cli.main import main
from adjoint.ledger.store import Ledger


def test_a_ledger_that_is_not_there_needs_no_repair(tmp_path, capsys):
    assert main(["doctor", "--ledger", str(tmp_path / "none.db")]) == 1
    assert capsys.readouterr().out.endswith("there is no such file\n")


def test_a_ledger_is_examined_and_mended(tmp_path, capsys):
    path = tmp_path / "ledger.db"
    ledger = Ledger(path)
    ledger.extend("run", "cell", [{"n": n} for n in range(5)])
    ledger.close()
    assert main(["doctor", "--ledger", str(path)]) == 0
    assert capsys.readouterr().out.endswith("healthy\n")
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE events SET body = '{}' WHERE seq = 2")
    connection.close()
    assert main(["doctor", "--ledger", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["damaged"]["events"] == 1
    assert main(["doctor", "--ledger", str(path), "--repair"]) == 0
    assert main(["doctor", "--ledger", str(path)]) == 0
    assert "4 events" in capsys.readouterr().out
