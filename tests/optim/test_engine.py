"""The engine around optimizers: why a run stops, repeats, several models, and what rows and a budget can show."""

from __future__ import annotations

import pytest

import adjoint
from adjoint.base.errors import UsageError
from adjoint.data.splits import split
from adjoint.lm.budget import Budget
from adjoint.optim.outlook import headroom, outlook
from adjoint.optim.several import optimize_each
from adjoint.optim.stop import Stop
from adjoint.optim.strategy import Strategy
from adjoint.testing import ScriptedLM


def rows(n=60):
    return [adjoint.Example(q=f"word{i}", answer=f"WORD{i}").with_inputs("q") for i in range(n)]


def student():
    return adjoint.Predict("q -> answer", "Copy the word.")


class Listed(Strategy):
    """Proposes these instructions, one a round."""

    name = "listed"

    def __init__(self, *texts):
        super().__init__()
        self.texts, self.told = texts, []

    def settings(self):
        return {"texts": list(self.texts)}

    async def ask(self, memory, work):
        left = self.texts[memory["asked"] :]
        return [{**work.best, "instruction": left[0]}] if left else []

    def tell(self, memory, trials):
        self.told.append(list(trials))
        return super().tell(memory, trials)


def follows(request):
    """Right on all rows with CAPITALS, on every second one with HALF, on none otherwise."""
    system, word = request.messages[0].content, request.messages[-1].content
    able = "CAPITALS" in system or ("HALF" in system and int(word[4:]) % 2)
    return word.upper() if able else word


def optimized(optimizer, lm=None, **options):
    lm = lm or ScriptedLM(follows, identity="follows")
    return adjoint.optimize(student(), trainset=rows(), metric=adjoint.exact_match, optimizer=optimizer, lm=lm, **options)


WASTE = [f"Try {number}." for number in range(6)]


@pytest.mark.parametrize(
    ("optimizer", "stop", "reason", "rounds"),
    [
        (Listed("CAPITALS", *WASTE), Stop(), "right on every selection row", 1),
        (Listed("HALF", *WASTE), Stop(target=0.3), "the target score of 0.3 is reached", 1),
        (Listed(*WASTE), Stop(patience=2), "nothing better was found in 2 rounds", 2),
        (Listed(*WASTE), Stop(signal=3), "no more signal", 3),
        (Listed(*WASTE), Stop(seconds=0), "has had its 0 s", 0),
        (Listed(*WASTE), Stop(), "nothing more to try", 6),
    ],
)
def test_the_rule_that_stops_a_run_is_named(optimizer, stop, reason, rounds):
    report = optimized(optimizer, stop=stop, allocator="grid").report
    assert reason in report.stopped
    assert report.rounds == rounds
    assert not report.cut


@pytest.mark.parametrize("stop", [{"patience": 0}, {"target": 1.5}, {"signal": 0}, {"seconds": -1.0}])
def test_a_rule_that_means_nothing_is_refused(stop):
    with pytest.raises(UsageError, match="are allowed"):
        Stop(**stop)


def test_a_budget_that_ends_the_certificate_is_named():
    """The race takes 40 calls of at most 41, and the certificate none of the 10 that are left is enough for."""
    report = optimized(Listed("HALF"), budget=52, allocator="grid").report
    assert report.cut
    assert "It ended the certificate." in report.stopped
    assert report.certificate.n > 0


def test_a_race_that_the_budget_cuts_still_gives_the_best_so_far():
    report = optimized(Listed("CAPITALS"), budget=26, allocator="grid", ship="always").report
    assert report.cut
    assert report.shipped
    assert [trial.accepted for trial in report.trials] == [True]


def test_a_state_that_lost_is_told_again_and_costs_nothing():
    optimizer = Listed("worse", "CAPITALS", "worse")
    report = optimized(optimizer, stop=Stop(), allocator="racing", ship="always").report
    once = optimized(Listed("worse"), ScriptedLM(follows, identity="follows")).report
    assert report.trials[0].scores == once.trials[0].scores
    assert [[trial.accepted for trial in trials] for trials in optimizer.told[:2]] == [[False], [True]]


def test_repeats_are_replies_of_their_own_and_a_cell_is_their_mean():
    asked = []

    def sometimes(request):
        asked.append(request.key("x"))
        return follows(request) if len(asked) % 2 else "?"

    result = optimized(
        Listed("CAPITALS"), ScriptedLM(sometimes, identity="sampled"), repeats=2, limit=1, ship="always", allocator="grid"
    )
    assert set(result.report.trials[0].scores.values()) <= {0.0, 0.5, 1.0}
    assert len(asked) == result.report.cells
    with pytest.raises(UsageError, match="repeats=0"):
        optimized(Listed("CAPITALS"), repeats=0)


def test_several_models_are_optimised_in_one_call_and_compared_on_the_same_rows():
    deaf = ScriptedLM(lambda request: request.messages[-1].content, identity="deaf")
    able = ScriptedLM(follows, identity="able")
    found = optimize_each(
        student(), lms={"deaf": deaf, "able": able}, trainset=rows(), metric=adjoint.exact_match, optimizer=Listed("CAPITALS")
    )
    assert [result.report.shipped for result in found.results.values()] == [False, True]
    assert found.comparisons["able"].verdict == "better"
    assert "able: 100.0 % of 20 holdout rows, optimized; against the first: better" in str(found)
    with pytest.raises(UsageError, match="needs models by name"):
        optimize_each(student(), lms={}, trainset=rows(), metric=adjoint.exact_match)


def test_what_the_rows_and_the_budget_can_show_is_said_beforehand():
    small, large = split(rows(12), seed=0), split(rows(1200), seed=0)
    assert outlook(small, Budget(calls=10)).proposals == 0
    assert "too few to certify a gain of 10 points" in str(outlook(small, Budget()))
    assert "20 holdout rows are too few to certify a gain of 10 points (they certify one of about 28); about 91 would do" in str(
        outlook(split(rows(60), seed=0), Budget())
    )
    ahead = outlook(large, Budget(calls=2000))
    assert ahead.proposals > 0
    assert ahead.detectable == pytest.approx(0.05, abs=0.01)
    assert outlook(large, Budget(calls=2000), calls_per_row=3).proposals < ahead.proposals


def test_a_run_that_shows_nothing_says_what_its_rows_could_have_shown():
    report = optimized(Listed("HALF"), allocator="grid", seed=1).report
    odd = [note for note in report.notes if "holdout rows" in note]
    assert bool(odd) == (report.verdict != "better")


def test_headroom_is_what_the_best_of_several_replies_would_score():
    calls = []

    def guesses(request):
        calls.append(request)
        return request.messages[-1].content.upper() if request.temperature else request.messages[-1].content

    found = headroom(student(), rows(10), adjoint.exact_match, lm=ScriptedLM(guesses, identity="guesses"), tries=2)
    assert (found.mean, found.oracle, found.errors) == (0.0, 1.0, 0.0)
    assert len(calls) == 30
    assert "about 100 points of headroom" in str(found)
