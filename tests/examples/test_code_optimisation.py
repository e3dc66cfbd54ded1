"""Code improved by failing tests: it runs in the sandbox, sees only visible tests, and is measured on hidden ones."""

from pathlib import Path

import pytest

import adjoint
from adjoint.exec.monty import MontyInterpreter
from adjoint.testing import ScriptedLM

pytest.importorskip("pydantic_monty")

NAIVE = """```python
def merge(spans):
    found = []
    for start, end in spans:
        if found and start <= found[-1][1]:
            found[-1][1] = end
        else:
            found.append([start, end])
    return found
```"""
SORTED = NAIVE.replace("in spans", "in sorted(spans)")
RIGHT = SORTED.replace("= end", "= max(end, found[-1][1])")


@pytest.fixture
def code(example, monkeypatch):
    module = example("code_optimisation")
    monkeypatch.setattr(module, "SANDBOX", MontyInterpreter(seconds=1.0))
    return module


@pytest.fixture
def row(code):
    return adjoint.load_rows(code.PROBLEMS, inputs=["statement", "tests"])[0]


def test_every_shipped_problem_can_be_solved_in_the_sandbox(code):
    source = (Path(__file__).parent / "solutions.py").read_text()
    for row in adjoint.load_rows(code.PROBLEMS, inputs=["statement", "tests"]):
        assert code.failures(source, [*row.tests, *row.hidden]) == []


def test_failing_tests_name_what_came_out_and_code_that_breaks_says_why(code, row):
    assert code.failures(NAIVE, row.tests) == [f"{row.tests[1]} is not true: merge([[5, 6], [1, 2]]) gives [[5, 2]]"]
    [said] = code.failures("def merge(spans:", row.tests)
    assert said.startswith("the code does not run: SyntaxError")
    [said] = code.failures("while True: pass", row.tests)
    assert "TimeoutError" in said


def test_code_is_rewritten_until_the_visible_tests_pass_and_hidden_tests_judge_it(code, row):
    lm = ScriptedLM([NAIVE, RIGHT])
    with adjoint.context(lm=lm):
        made = code.Coder(5)(statement=row.statement, tests=row.tests)
    assert (made.versions, code.passes_all(row, made), len(lm.requests)) == (2, True, 2)
    shown = lm.requests[1].messages[-1].text
    assert "gives [[5, 2]]" in shown
    assert row.statement in shown
    assert not any(test in shown for test in row.hidden)


def test_code_that_passes_what_it_sees_may_still_fail_what_it_does_not_see(code, row):
    with adjoint.context(lm=ScriptedLM([NAIVE, SORTED])):
        made = code.Coder(5)(statement=row.statement, tests=row.tests)
    assert (made.versions, code.passes_all(row, made)) == (2, False)


def test_the_study_compares_first_and_last_versions_on_the_same_problems(code, row, capsys):
    def coder(request):
        text = request.messages[-1].text
        return "def nothing(): pass" if "merge" not in text else RIGHT if "is not true" in text else NAIVE

    adjoint.configure(lm=ScriptedLM(coder, identity="coder"))
    rows = adjoint.load_rows(code.PROBLEMS, inputs=["statement", "tests"])
    found = code.study(rows, steps=2)
    assert (found.n, found.fixed, found.broken) == (6, ("merge",), ())
    assert "after up to 2 updates: 16.7 %" in capsys.readouterr().out
