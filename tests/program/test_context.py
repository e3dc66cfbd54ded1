"""The context: one default for the process, other settings for a block, one gate to the language models."""

import asyncio

import pytest

import adjoint
from adjoint.base.errors import NoLMError, UnknownNameError
from adjoint.base.portal import portal
from adjoint.program.context import current
from adjoint.testing import ScriptedLM

ASK = adjoint.Predict("q -> a")


def test_without_an_lm_the_error_shows_what_to_write():
    with pytest.raises(NoLMError, match=r"adjoint\.configure\(lm=adjoint\.LM\('pocket'\)\)"):
        ASK(q="?")


@pytest.mark.parametrize("change", [adjoint.configure, lambda **settings: adjoint.context(**settings).__enter__()])
def test_an_unknown_setting_offers_the_nearest(change):
    with pytest.raises(UnknownNameError, match="did you mean 'adapter'"):
        change(adaptor=None)


def test_a_block_changes_settings_for_its_length_only():
    first, second = ScriptedLM(["1", "3"]), ScriptedLM(["2"])
    adjoint.configure(lm=first, ledger=None)
    with adjoint.context(lm=second):
        assert (ASK(q="?").a, current().ledger) == ("2", None)
    assert ASK(q="?").a == "1"
    with pytest.raises(ValueError, match="x"), adjoint.context(lm=second):
        raise ValueError("x")
    assert ASK(q="?").a == "3"


def test_tasks_keep_the_settings_they_were_started_with():
    async def both():
        with adjoint.context(lm=ScriptedLM(["left"])):
            left = asyncio.create_task(ASK.acall(q="?"))
        with adjoint.context(lm=ScriptedLM(["right"])):
            right = asyncio.create_task(ASK.acall(q="?"))
        return [(await task).a for task in (left, right)]

    with adjoint.context(ledger=None):
        assert portal.run(both()) == ["left", "right"]
        assert asyncio.run(both()) == ["left", "right"]


def test_a_reply_is_bought_once_and_kept_in_the_ledger():
    lm = ScriptedLM(["Paris"], identity="one")
    with adjoint.context(lm=lm):
        assert [ASK(q="capital?").a for _ in range(3)] == ["Paris"] * 3
    assert len(lm.requests) == 1


def test_without_a_ledger_or_an_identity_every_call_is_asked():
    for lm, ledger in ((ScriptedLM(["1", "2"], identity="one"), None), (ScriptedLM(["1", "2"]), "ledger.db")):
        with adjoint.context(lm=lm, ledger=ledger):
            assert [ASK(q="?").a for _ in range(2)] == ["1", "2"]


def test_repeated_draws_are_calls_of_their_own():
    lm = ScriptedLM(["1", "2"], identity="one")
    drawn = []
    for sample in (0, 1, 0):
        with adjoint.context(lm=lm, sample=sample):
            drawn.append(ASK(q="?").a)
    assert drawn == ["1", "2", "1"]


def test_a_handle_on_an_lm_answers_people_and_programs():
    lm = adjoint.LM(ScriptedLM(["hello", "Paris", "again"]), temperature=0.5)
    with adjoint.context(ledger=None):
        assert lm("hi") == ["hello"]
        assert lm(messages=[{"role": "user", "content": "capital?"}], temperature=0.0) == ["Paris"]
        with adjoint.context(lm=lm):
            assert ASK(q="?").a == "again"
    assert [request.temperature for request in lm.client.requests] == [0.5, 0.0, 0.5]
