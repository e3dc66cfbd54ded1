"""The cache as programs meet it: one entry for all colours, a mode for each call, a draw of its own for each sample."""

import asyncio

import pytest

import adjoint
from adjoint.base.errors import LMError
from adjoint.base.portal import portal
from adjoint.testing import ScriptedLM

ASK = adjoint.Predict("q -> a")


def counting():
    """A model that numbers its answers."""
    made = iter(range(1, 100))
    return ScriptedLM(lambda _: str(next(made)), identity="counting")


def test_all_colours_share_one_entry():
    lm = counting()
    with adjoint.context(lm=lm):
        colours = [
            lambda: ASK(q="?").a,
            lambda: asyncio.run(ASK.acall(q="?")).a,
            lambda: portal.run(ASK.acall(q="?")).a,
            lambda: ASK.batch([adjoint.Example(q="?").with_inputs("q")])[0].a,
        ]
        for first in range(len(colours)):
            rotated = [*colours[first:], *colours[:first]]
            assert [colour() for colour in rotated] == ["1"] * len(colours)
    assert len(lm.requests) == 1


@pytest.mark.parametrize(
    ("mode", "answer", "later"),
    [("on", "1", "1"), ("off", "2", "1"), ("refresh", "2", "2"), ("only", "1", "1")],
)
def test_each_call_has_its_mode(mode, answer, later):
    """The answer of a call in this mode after one that was kept, and of a later call in the usual mode."""
    with adjoint.context(lm=counting()):
        assert ASK(q="?").a == "1"
        with adjoint.context(cache=mode):
            assert ASK(q="?").a == answer
        assert ASK(q="?").a == later


def test_only_never_asks_and_off_never_keeps():
    lm = counting()
    with adjoint.context(lm=lm):
        with adjoint.context(cache="only"), pytest.raises(LMError, match="forbids to ask"):
            ASK(q="?")
        assert lm.requests == []
        with adjoint.context(cache="off"):
            assert [ASK(q="?").a, ASK(q="?").a] == ["1", "2"]
        assert ASK(q="?").a == "3"


def test_samples_are_draws_of_their_own_and_are_kept():
    with adjoint.context(lm=counting()):
        for _ in range(2):
            found = []
            for sample in range(3):
                with adjoint.context(sample=sample):
                    found.append(ASK(q="?").a)
            assert found == ["1", "2", "3"]
