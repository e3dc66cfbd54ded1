"""The page of the optimizers names all of them, and its table of calls is what its command writes."""

import importlib.util
import re
from pathlib import Path

from adjoint.optim.registry import OPTIMIZERS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "optimizers.md").read_text(encoding="utf-8")
ONCE_MORE = ("labeled-few-shot", "copro", "tgd")
"""Rows that are quick enough to be measured again."""


def command():
    spec = importlib.util.spec_from_file_location("make_optimizers", ROOT / "docs" / "make_optimizers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_optimizer_that_has_a_name_is_on_the_page():
    assert [name for name in OPTIMIZERS if f"`{name}`" not in PAGE.split("##")[0]] == []


def test_the_table_of_calls_holds_the_optimizers_of_the_conformance_tests_within_their_bounds():
    made = command()
    lines = PAGE.split(made.START)[1].split(made.END)[0].splitlines()[2:]
    assert len(lines) == len(made.suites())
    for line, suite in zip(lines, made.suites(), strict=True):
        assert suite.optimizer.rpartition(":")[2] in line
        calls = dict(zip(made.PROBLEMS, re.findall(r"\| (no|\d+)(?= \|)", line), strict=True))
        for problem, bound in suite.solves.items():
            assert int(calls[problem]) <= bound, (line, problem)


def test_lines_of_the_table_are_what_the_command_measures():
    made = command()
    for suite in made.suites():
        if suite.optimizer in ONCE_MORE:
            assert made.line(suite) in PAGE
