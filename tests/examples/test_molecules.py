"""Molecules improved by measured values: RDKit measures, what is no molecule hears why, and random edits are the baseline."""

import pytest

from adjoint.testing import ScriptedLM

pytest.importorskip("rdkit")


@pytest.fixture
def chemistry(example):
    return example("molecules")


def test_measured_values_are_those_of_rdkit_and_stand_in_the_feedback(chemistry):
    bench = chemistry.Bench("c1ccccc1")
    score, said = bench.loss("SMILES: CC(=O)Oc1ccccc1C(=O)O")  # aspirin
    assert "QED 0.55 of 1" in said
    assert "synthetic accessibility 1.6" in said
    assert "molecular weight 180" in said
    assert 0 < score < 1


@pytest.mark.parametrize(
    ("text", "why"),
    [("C1CC", "is not SMILES"), ("CN(C)(C)C", "valence for atom # 1 N"), ("c1cccc1", "kekulize"), ("", "is not SMILES")],
)
def test_a_text_that_is_no_molecule_scores_nothing_and_hears_why(chemistry, text, why):
    score, said = chemistry.Bench("C").loss(text)
    assert (score, why in said) == (0.0, True)


def test_a_rewrite_sees_values_errors_and_earlier_versions_with_their_scores(chemistry):
    lm = ScriptedLM(["CN(C)(C)c1ccccc1", "COc1ccc(C(N)=O)cc1", "`CC(=O)Nc1ccc(OC)cc1`"])
    bench = chemistry.Bench("c1ccccc1")
    found = chemistry.improve(bench, "c1ccccc1", lm, steps=3)
    assert [one.smiles for one in found] == ["c1ccccc1", "COc1ccc(C(N)=O)cc1", "COc1ccc(NC(C)=O)cc1"]
    first, second, third = (request.messages[-1].text for request in lm.requests)
    assert "QED 0.44" in first
    assert "valence for atom # 1 N, 4, is greater than permitted" in second
    assert "c1ccccc1 (score 0.721)" in third


def test_random_edits_give_possible_molecules_and_a_better_one_after_some_tries(chemistry):
    bench = chemistry.Bench("c1ccccc1")
    found = chemistry.improve(bench, "c1ccccc1", chemistry.random_chemist(bench, 0), steps=12)
    assert len(found) == 13
    assert max(one.score for one in found) > found[0].score


def test_the_published_score_is_used_where_a_molecule_was_docked(chemistry):
    docked = chemistry.Measured("C", qed=0.8, sa=2.0, likeness=0.1, weight=300.0, vina=-9.0)
    assert docked.score == pytest.approx((10 - (-9.0 + 2.0)) / 20)
    assert "Vina -9.0 kcal/mol" in docked.words
