"""Near duplicates: what leaks from one split into another, found without comparing all rows with all."""

from __future__ import annotations

import random
from itertools import combinations, product

import pytest

import adjoint
from adjoint import Example
from adjoint.base.errors import UsageError
from adjoint.data.duplicates import near_duplicates
from adjoint.data.records import id_of
from adjoint.testing import ScriptedLM

WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "omicron",
    "pi",
    "rho",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "chi",
    "psi",
    "omega",
]


def row(text):
    return Example(question=text).with_inputs("question")


def sentences(seed, count, length=14):
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=length)) for _ in range(count)]


def likeness(a, b):
    """The Jaccard similarity, worked out by hand."""
    one, other = ({text[i : i + 5] for i in range(max(1, len(text) - 4))} for text in (a, b))
    return len(one & other) / len(one | other)


def test_every_near_pair_is_found_and_no_other():
    texts = sentences(0, 60)
    texts += [text.replace(text.split()[3], "changed", 1) for text in texts[:20]]
    found = {frozenset(pair[:2]): pair.similarity for pair in near_duplicates([row(text) for text in texts], threshold=0.6)}
    expected = {
        frozenset((id_of(row(a)), id_of(row(b)))): likeness(a, b) for a, b in combinations(texts, 2) if likeness(a, b) >= 0.6
    }
    assert found == pytest.approx(expected)
    assert len(expected) >= 15


def test_only_pairs_across_splits_leak():
    train, test = sentences(1, 30), sentences(2, 30)
    parts = [
        [row(text) for text in [*train, train[0] + "!"]],
        [row(text) for text in [*test, train[5].upper(), train[7] + " too"]],
    ]
    found = near_duplicates(*parts)
    assert [pair.a for pair in found] == [id_of(row(train[5])), id_of(row(train[7]))]
    assert found[0].similarity == 1.0
    assert not [pair for pair in product(train, test) if likeness(*pair) >= 0.8]


def test_short_and_structured_inputs_have_a_text_too():
    rows = [Example(q="ab", n=1).with_inputs("q", "n"), Example(q="ab", n=1, id=2).with_inputs("q", "n")]
    assert [pair.similarity for pair in near_duplicates(rows)] == [1.0]
    assert near_duplicates([Example(q={"a": [1]}).with_inputs("q")], [Example(q="").with_inputs("q")]) == []


def test_labels_do_not_count():
    rows = [Example(q="the very same question", answer=answer).with_inputs("q") for answer in ("yes", "no")]
    assert len(near_duplicates(rows)) == 1


def test_a_crowd_of_equal_rows_takes_no_square_of_pairs():
    rows = [Example(q="the very same question", answer=number).with_inputs("q") for number in range(300)]
    assert len(near_duplicates(rows)) == 299


@pytest.mark.parametrize("threshold", [0.0, 1.1, -1])
def test_a_threshold_lies_between_zero_and_one(threshold):
    with pytest.raises(UsageError, match="similarity in"):
        near_duplicates([row("a")], threshold=threshold)


def test_a_search_reports_holdout_rows_that_it_has_nearly_seen():
    texts = sentences(3, 60)
    rows = [Example(q=text, answer="a").with_inputs("q") for text in [*texts, *(text + "!" for text in texts)]]

    def notes(train):
        program = adjoint.Predict("q -> answer")
        return adjoint.optimize(
            program, trainset=train, metric=adjoint.exact_match, optimizer="bootstrap-rs", budget=40, lm=ScriptedLM(lambda _: "b")
        ).report.notes

    assert notes(rows[:60]) == ()
    *_, said = notes(rows)
    assert "holdout rows nearly repeat rows that the search has seen" in said and "~" in said
