"""What is built once for many calls is the same as if it were built for each."""

import adjoint
from adjoint import Predict, context
from adjoint.lm.budget import Account
from adjoint.program.context import _gate, current
from adjoint.program.events import span
from adjoint.testing import ScriptedLM


def test_a_gate_serves_all_calls_with_the_same_lm_account_and_ways_of_asking():
    lm = ScriptedLM(lambda request: "4")
    with context(lm=lm, ledger=None):
        first = _gate(lm, current())
        with context(sample=3):
            assert _gate(lm, current()) is first
        for changes in ({"account": Account()}, {"cache": "refresh"}, {"role": "judge"}):
            with context(**changes):
                assert _gate(lm, current()) is not first
        lm.identity = "weights-2"
        assert _gate(lm, current()).identity == "weights-2"


def test_gates_are_forgotten_when_there_are_many():
    with context(ledger=None):
        lms = [ScriptedLM(["4"]) for _ in range(100)]
        gates = [_gate(lm, current()) for lm in lms]
        assert [gate.inner.inner.inner.inner for gate in gates] == lms
        assert _gate(lms[0], current()) is not gates[0]


def test_each_call_has_the_account_of_its_own_block():
    lm, accounts = ScriptedLM(lambda request: "4"), [Account(), Account()]
    add = Predict("question -> answer")
    with context(lm=lm, ledger=None):
        for account in (*accounts, accounts[0]):
            with context(account=account):
                add(question="2+2?")
    assert [account.spent.calls for account in accounts] == [2, 1]


def test_a_call_that_nobody_hears_still_knows_what_came_of_it():
    with span((), "tool", None, {}) as call:
        call.outputs = 5
    assert call.outputs == 5


def test_a_choice_is_read_the_same_whether_it_is_exact_or_nearly_so():
    pick = Predict("text -> mood: Literal['good', 'bad']")
    for said in ("good", " good\n", "Good.", "[[mood]]\ngood", '{"mood": "good"}'):
        with context(lm=ScriptedLM([said]), ledger=None):
            assert pick(text="fine").mood == "good"


def test_the_ledger_of_a_directory_is_found_again_when_the_directory_changes(tmp_path, monkeypatch):
    found = []
    for name in ("one", "two", "one"):
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.delenv("ADJOINT_LEDGER", raising=False)
        with context(ledger="default"):
            found.append(adjoint.program.context.active_ledger())
    assert found[0] is found[2] is not found[1]
