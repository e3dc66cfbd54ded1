"""The adaptive adapter changes the form of what it cannot read, says so once, and takes the same decision in a run that is resumed."""

import logging

import pytest

import adjoint
from adjoint import AdaptiveAdapter, Predict
from adjoint.base.errors import ParseError, UsageError
from adjoint.ledger.store import Ledger
from adjoint.testing import ScriptedLM


def stubborn(request):
    """Answers in labelled lines only."""
    return "N: 4" if "N: <" in request.messages[0].text else "I do not write JSON."


def rows(count):
    return [adjoint.Example(q=str(number), n=4).with_inputs("q") for number in range(count)]


def test_after_replies_that_cannot_be_read_the_other_form_is_asked_for_and_a_warning_says_so(caplog):
    adapter, lm = AdaptiveAdapter(after=3), ScriptedLM(stubborn)
    ask = Predict("q -> n: int")
    with adjoint.context(lm=lm, adapter=adapter, ledger=None), caplog.at_level(logging.WARNING, "adjoint.adapters"):
        assert [ask(q=str(number)).n for number in range(5)] == [4] * 5
    assert adapter.forms["value"] == "lines"
    assert [len(caplog.records), "'value' are asked for as lines" in caplog.text] == [1, True]
    assert lm.requests[-1].messages[0].text.endswith("Reply in this form:\nN: <an integer>")
    assert len(lm.requests) < 3 * 5


def test_a_form_that_is_answered_stays():
    adapter = AdaptiveAdapter(after=2)
    with adjoint.context(lm=ScriptedLM(lambda _: '{"n": 4}'), adapter=adapter, ledger=None):
        for number in range(5):
            Predict("q -> n: int")(q=str(number))
    assert adapter.forms == adjoint.ChatAdapter().forms


def test_an_evaluation_decides_after_its_first_rows_and_again_so_when_it_is_resumed(tmp_path):
    asked = []
    for _ in range(2):
        adapter, lm = AdaptiveAdapter(after=4), ScriptedLM(stubborn, identity="stubborn")
        with adjoint.context(lm=lm, adapter=adapter, ledger=Ledger(tmp_path / "ledger.db")):
            report = adjoint.evaluate(Predict("q -> n: int"), rows(12), adjoint.exact_match)
        assert (report.mean, report.errors, adapter.forms["value"]) == (1.0, 0, "lines")
        asked.append(len(lm.requests))
    assert asked == [4 * 3 + 8, 0]


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="after=0"):
        AdaptiveAdapter(after=0)


def test_a_reply_that_no_form_reads_is_still_an_error():
    adapter = AdaptiveAdapter(after=1)
    with adjoint.context(lm=ScriptedLM(lambda _: "?"), adapter=adapter, ledger=None), pytest.raises(ParseError):
        Predict("q -> n: int")(q="x")


def test_the_other_form_that_is_tried_follows_a_change():
    adapter = AdaptiveAdapter(after=1)
    assert adapter.second.forms["value"] == "lines"
    with adjoint.context(lm=ScriptedLM(stubborn), adapter=adapter, ledger=None):
        Predict("q -> n: int")(q="x")
    assert (adapter.forms["value"], adapter.second.forms["value"]) == ("lines", "json")
