"""Every optimizer truly works offline: with the embedded model as program, critic and proposer it finds a better program."""

from __future__ import annotations

import pytest

import adjoint
from adjoint.demo import tickets
from adjoint.testing.planted_runs import made

OPTIONS = {
    "bootstrap-optuna": {"num_candidate_programs": 2, "sampler": "tpe", "max_labeled_demos": 4},
    "copro": {"breadth": 3, "depth": 1},
    "opro": {"num_candidates": 2, "steps": 1},
    "mipro": {"sampler": "tpe", "minibatch_size": 8, "num_trials": 4, "max_labeled_demos": 2, "max_bootstrapped_demos": 2},
    "protegi": {"minibatch": 6, "groups": 2, "rounds": 1},
    "capo": {"population": 3, "steps": 1},
    "evoprompt": {"population": 3, "steps": 1},
    "infer-rules": {"num_candidates": 2, "max_labeled_demos": 4},
    "prompt-wizard": {"rounds": 1, "styles": 1, "batch": 6},
}
ROWS, FRESH = tickets.train_rows()[:36], tickets.test_rows()[:20]


@pytest.mark.parametrize("name", OPTIONS)
def test_it_finds_a_better_program(name):
    with adjoint.context(lm=adjoint.LM("pocket")):
        result = adjoint.optimize(
            tickets.program(), trainset=ROWS, metric=adjoint.exact_match, optimizer=made(name, OPTIONS[name]), ship="always"
        )
        before, after = (adjoint.evaluate(one, FRESH, adjoint.exact_match).mean for one in (tickets.program(), result.program))
    assert result.report.shipped
    assert after > before + 0.5


def test_knn_few_shot_shows_it_tickets_like_the_one_asked_for():
    def vectors(texts):
        return [[text.casefold().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]

    with adjoint.context(lm=adjoint.LM("pocket")):
        compiled = adjoint.KNNFewShot(4, ROWS, vectors, metric=adjoint.exact_match).compile(tickets.program())
        assert adjoint.evaluate(compiled, FRESH[:8], adjoint.exact_match).mean > 0.5
