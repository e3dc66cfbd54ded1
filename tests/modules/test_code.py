"""Code in the sandbox: what it may do, what is recorded, and the modules that write it."""

import asyncio
import json
import sys

import pytest

import adjoint
from adjoint.base.errors import BudgetExceeded, MissingExtraError, ProgramError, UsageError
from adjoint.lm.budget import Account, Budget
from adjoint.testing import ScriptedLM


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydantic_monty", None)
    for make in (
        lambda: adjoint.ProgramOfThought("q -> a"),
        lambda: adjoint.CodeAct("q -> a", tools=[]),
        lambda: adjoint.RLM("q -> a"),
    ):
        with pytest.raises(MissingExtraError, match=r"pip install 'adjoint\[sandbox\]'"):
            make()


@pytest.fixture
def sandbox():
    pytest.importorskip("pydantic_monty", reason="needs the extra [sandbox]")
    from adjoint.exec.monty import MontyInterpreter

    return MontyInterpreter(seconds=1.0, memory=64 << 20, processes=2)


def test_a_session_keeps_its_variables_and_calls_only_what_it_is_given(sandbox):
    with sandbox.session({"double": lambda n: 2 * n}) as session:
        assert session.run("x = n + 1\nprint('got', x)", {"n": 1}).output == "got 2\n"
        assert session.run("double(x)").value == 4
        assert session.run("triple(x)").error.startswith("NameError")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("open('/etc/passwd').read()", "PermissionError"),
        ("import os\nos.system('ls')", "AttributeError"),
        ("import subprocess", "ModuleNotFoundError"),
        ("import socket", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_what_code_may_not_do_is_an_error_in_words_and_the_session_lives(sandbox, code, error):
    with sandbox.session({}) as session:
        session.run("x = 1")
        assert session.run(code).error.startswith(error)
        assert session.run("x").value == 1


@pytest.mark.parametrize(("code", "error"), [("while True: pass", "TimeoutError"), ("a = [0] * 10**9", "MemoryError")])
def test_a_broken_limit_ends_the_worker_and_not_the_program(sandbox, code, error):
    with sandbox.session({}) as session:
        session.run("x = 1")
        ran = session.run(code)
        assert ran.error.startswith(error)
        assert ran.error.endswith("All variables are gone.")
        assert session.run("1 + 1").value == 2
        assert session.run("x").error.startswith("NameError")


def answers(*texts, **settings):
    return adjoint.context(lm=ScriptedLM(list(texts)), ledger=None, **settings)


def final(answer):
    return f"[[reasoning]]\nseen\n[[answer]]\n{answer}"


def test_a_program_of_thought_writes_runs_corrects_and_answers(sandbox):
    program = adjoint.ProgramOfThought("question, n: int -> answer: int", interpreter=sandbox)
    with answers("```python\nprint(m * 2)\n```", "print(n * 2)", final("14")) as here:
        found = program(question="double?", n=7)
    assert found.answer == 14
    assert "NameError: name 'm' is not defined" in here.lm.requests[1].messages[-1].text
    assert "code_output: 14" in here.lm.requests[2].messages[-1].text
    assert [node.op for node in found.tape.nodes] == ["predict", "code", "predict", "code", "predict"]
    wrote, failed, again, _, last = found.tape.nodes
    assert {edge.source for edge in failed.parents["code"]} == {wrote}
    assert {edge.source for edge in again.parents["error"]} == {failed}
    assert {edge.source for edge in last.parents["final_generated_code"]} == {again}


@pytest.mark.parametrize(
    ("reply", "output"),
    [
        ("python\nprint(1 + 1 + 1)", "3"),
        ("python\n5", "5"),
        ("```python\n3 + 1 + 1 + 1 + 1 + 1 + 2 + 2\n```", "12"),
        ("```python\nobjects = 1 + 1 + 2\n```", "objects = 4"),
        ("First:\n```python\na = 2\n```\nThen:\n```python\nprint(a + 1)\n```\nIt prints:\n```\n5\n```", "3"),
        ("Here is the program:\n\na = [\n    2,\n]\nprint(len(a))\n\nIt prints how many there are.", "1"),
        ("def double(n):\n    return 2 * n\nprint(double(n))\nThis doubles it.", "14"),
    ],
)
def test_a_program_is_found_and_run_however_a_model_writes_it(sandbox, reply, output):
    with answers(reply, final("1")) as here:
        adjoint.ProgramOfThought("question, n: int -> answer: int", interpreter=sandbox)(question="?", n=7)
    assert f"code_output: {output}" in here.lm.requests[1].messages[-1].text


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("n = int(input('How many? '))\nprint(n)", "Nobody can be asked. The inputs are variables already: question, n."),
        ("print(m)", "name 'm' is not defined. The inputs are variables already: question, n."),
        ("import numpy as np\nprint(np.sum([1]))", "No module named 'numpy'. Do without it. There are only: collections,"),
        ("open('data.txt')", "There are no files."),
        ("del n\nprint(1)", "the 'del' statement. Write it in another way."),
        ("I have three fruits.", "Write Python code and nothing else."),
        ("def solve(n):\n    return n\n", "The code printed nothing. Call solve and print what it gives: print(solve(...))."),
        ("pass", "The code printed nothing. Print the result: print(...)."),
    ],
)
def test_a_program_that_fails_is_told_what_to_do(sandbox, reply, told):
    with answers(reply, "print(7)", final("7")) as here:
        adjoint.ProgramOfThought("question, n: int -> answer: int", interpreter=sandbox)(question="?", n=7)
    assert told in here.lm.requests[1].messages[-1].text


def test_a_program_that_never_ends_is_not_shown_as_a_whole(sandbox):
    endless = "```python\nprint(1 + 4" + " + 1" * 200
    with answers(endless, "print(7)", final("7")) as here:
        adjoint.ProgramOfThought("question -> answer: int", interpreter=sandbox)(question="?")
    again = here.lm.requests[1].messages[-1].text
    assert "The code was cut off: write a shorter program." in again
    assert len(again) < 500


def test_a_last_program_that_prints_nothing_is_answered_from_all_the_same(sandbox):
    with answers("pass", final("7")) as here:
        adjoint.ProgramOfThought("question -> answer: int", max_iters=1, interpreter=sandbox)(question="?")
    assert "code_output: (no output)" in here.lm.requests[1].messages[-1].text


def test_programs_that_never_run_are_an_error(sandbox):
    with answers("1 / 0"), pytest.raises(ProgramError, match="none of 1 programs ran; the last error was ZeroDivisionError"):
        adjoint.ProgramOfThought("question -> answer", max_iters=1, interpreter=sandbox)(question="?")


def act(code, *, finished):
    return f"[[generated_code]]\n{code}\n[[finished]]\n{finished}"


def test_code_act_calls_tools_from_code_and_each_is_a_node(sandbox):
    def population(city: str) -> int:
        """How many live there."""
        if city == "Atlantis":
            raise LookupError("no such city")
        return len(city)

    agent = adjoint.CodeAct("question -> answer: int", tools=[population], interpreter=sandbox)
    script = [
        act("x = population('Rome')", finished="no"),
        act("population('Atlantis')", finished="yes"),
        act("print(x + 1)", finished="yes"),
        final("5"),
    ]
    with answers(*script) as here:
        found = agent(question="?")
    assert found.answer == 5
    assert "LookupError: no such city" in found.trajectory["code_output_1"]
    assert found.trajectory["code_output_2"] == "5"
    assert "- population(city: string): How many live there." in here.lm.requests[0].messages[0].text
    tools = [node for node in found.tape.nodes if node.op == "tool"]
    code = [node for node in found.tape.nodes if node.op == "code"]
    assert [edge.source for edge in code[0].parents["calls"]] == tools[:1]


def test_a_step_of_code_needs_no_labels(sandbox):
    agent = adjoint.CodeAct("question -> answer: int", tools=[], interpreter=sandbox)
    script = ["```python\nx = 4\n```", "I print it.\n```python\nprint(x + 1)\n```\nFinished: true", final("5")]
    with answers(*script) as here:
        found = agent(question="?")
    assert found.trajectory == {
        "generated_code_0": "x = 4", "code_output_0": "x = 4", "generated_code_1": "print(x + 1)", "code_output_1": "5",
    }  # fmt: skip
    assert len(here.lm.requests) == 3


def test_all_calls_of_a_step_are_seen_although_only_the_last_is_its_value(sandbox):
    def price_of(item: str) -> float:
        return 12.0

    def stock_of(item: str) -> int:
        return 30

    agent = adjoint.CodeAct("question -> answer: float", tools=[price_of, stock_of], interpreter=sandbox)
    reply = "Generated Code:\n```python\nprice_of('book')\nstock_of('book')\n```\nFinished: true"
    with answers(reply, final("360")):
        found = agent(question="What are all books worth?")
    assert found.trajectory["code_output_0"] == "price_of('book') = 12.0\nstock_of('book') = 30"
    with answers("```python\nworth = price_of('book') * stock_of('book')\n```\nFinished: true", final("360")):
        found = agent(question="What are all books worth?")
    assert found.trajectory["code_output_0"] == "price_of('book') = 12.0\nstock_of('book') = 30\nworth = 360.0"


def test_an_input_that_the_code_writes_down_again_stays_as_it_is(sandbox):
    text = "Locker 1 belongs to Emma Young, and its code is 6874.\nLocker 2 belongs to Ruth Hill, and its code is 8704.\n"
    copy = 'document = """\nLocker 1 belongs to Emma Young, and its code is 6874.\n"""\nprint("Ruth" in document)'
    program = adjoint.RLM("document, question -> answer", interpreter=sandbox)
    with answers(look("Look.", copy), look("Other.", "document = 'x'\nprint(document)"), look("Done.", "SUBMIT('8704')")):
        found = program(document=text, question="?")
    told = "(document is a variable already, with all of its text. Do not write it again.)"
    assert [step["output"] for step in found.trajectory] == [f"True\n{told}", "x", "submitted"]


def test_a_step_that_gives_the_same_again_is_the_last(sandbox):
    agent = adjoint.CodeAct("question -> answer: int", tools=[], interpreter=sandbox)
    with answers(*["```python\nprint(5)\n```"] * 2, final("5")) as here:
        assert agent(question="?").answer == 5
    assert len(here.lm.requests) == 3


def look(reasoning, code):
    return f"[[reasoning]]\n{reasoning}\n[[code]]\n{code}"


DOCUMENT = "filler " * 5000 + "The secret is 42. " + "filler " * 5000


def test_an_rlm_reads_a_long_document_by_code_and_queries(sandbox):
    program = adjoint.RLM("document, question -> answer: int", interpreter=sandbox)
    steps = {
        "begins with": look(
            "Find it.",
            "at = document.find('secret')\nprint(document[at:at + 12])\nfound = llm_query('Which number? ' + document[at - 4:at + 12])",
        ),
        "Which number": "42",
        "secret is 42": look("Submit.", "SUBMIT(answer=found)"),
    }
    lm = ScriptedLM(
        lambda request: next(
            text
            for key, text in reversed(steps.items())
            if key in request.messages[-1].text and (key != "secret is 42" or "output" in request.messages[-1].text)
        )
    )
    with adjoint.context(lm=lm, ledger=None):
        found = program(document=DOCUMENT, question="What is the secret?")
    assert (found.answer, found.termination_reason, len(found.trajectory)) == (42, "submit", 2)
    assert max(len(message.text) for request in lm.requests for message in request.messages) < 3000
    assert [node.op for node in found.tape.nodes] == ["predict", "code", "predict", "predict", "code", "submit"]
    _, code, query, *_ = found.tape.nodes
    assert [edge.source for edge in code.parents["calls"]] == [query]


def test_an_rlm_has_its_limits(sandbox):
    program = adjoint.RLM("q -> answer: int", max_iters=3, max_llm_calls=2, max_output_chars=40, interpreter=sandbox)
    script = [
        look("Ask.", "print(llm_query_batched(['a', 'b', 'c']))"),
        look("Ask less.", "print(llm_query_batched(['a', 'b']))\nprint('x' * 500)"),
        "one", "two",
        look("Submit nonsense.", "SUBMIT(answer='many')"),
        final("7"),
    ]  # fmt: skip
    with answers(*script) as here:
        found = program(q="?")
    assert (found.answer, found.termination_reason) == (7, "forced_submit")
    first, second, third = (step["output"] for step in found.trajectory)
    assert "only 2 of 2 queries are left, and 3 were asked for" in here.lm.requests[1].messages[-1].text or "left out" in first
    assert "characters left out" in second
    assert "ValueError" in third
    with answers(look("Done.", "SUBMIT(3)")):
        assert program(q="?").answer == 3


def test_queries_of_an_rlm_may_go_to_another_lm(sandbox):
    sub = ScriptedLM(["sub says 5"])
    program = adjoint.RLM("q -> answer", interpreter=sandbox, sub_lm=sub)
    with answers(look("Ask.", "SUBMIT(answer=llm_query('?'))")):
        assert program(q="?").answer == "sub says 5"
    assert len(sub.requests) == 1


def test_a_spent_budget_inside_of_code_stops_the_program(sandbox):
    program = adjoint.RLM("q -> answer", interpreter=sandbox)
    with answers(look("Ask.", "try:\n  llm_query('?')\nexcept RuntimeError:\n  pass"), "x", account=Account(Budget(calls=1))):
        with pytest.raises(BudgetExceeded):
            program(q="?")


def test_wrong_settings_are_refused(sandbox):
    for make in (
        lambda: adjoint.RLM("q -> a", max_iters=0, interpreter=sandbox),
        lambda: adjoint.ProgramOfThought("q -> a", max_iters=0, interpreter=sandbox),
        lambda: adjoint.CodeAct("q -> a", tools=[], max_iters=0, interpreter=sandbox),
    ):
        with pytest.raises(UsageError, match="max_iters=0"):
            make()
    with pytest.raises(UsageError, match="'q' is missing"):
        adjoint.RLM("q -> a", interpreter=sandbox)()


def test_programs_that_run_code_run_in_asynchronous_code(sandbox):
    program = adjoint.ProgramOfThought("question -> answer: int", interpreter=sandbox)
    with answers("print(1)", final("1")):
        assert asyncio.run(program.acall(question=json.dumps("?"))).answer == 1
