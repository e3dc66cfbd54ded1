"""Radiotherapy planning on a phantom: the physics is plausible, the report is the loss, and what is no plan hears why."""

import math

import numpy as np
import pytest

from adjoint.testing import ScriptedLM

pytest.importorskip("scipy")


@pytest.fixture
def planner(example):
    return example("radiotherapy")


@pytest.fixture
def pelvis(planner):
    return planner.PELVIS


def test_dose_falls_with_depth_behind_the_build_up_and_beside_the_beam(planner):
    depths = np.arange(-15.5, 15, 0.5)
    beam = planner._beamlet(depths, np.zeros_like(depths), 0.0, 0.0)
    peak = int(beam.argmax())
    assert 1 <= peak <= 6
    assert (np.diff(beam[peak:]) < 0).all()
    assert beam[-1] / beam[peak] == pytest.approx(math.exp(-0.046 * (depths[-1] - depths[peak])), rel=0.03)
    beside = planner._beamlet(np.zeros(4), np.array([0.0, 0.5, 1.0, 2.0]), 0.0, 0.0)
    assert (np.diff(beside) < 0).all()
    assert beside[-1] < 0.01 * beside[0]


def test_every_plan_gives_the_prescribed_dose_and_a_larger_weight_spares_its_organ(planner, pelvis):
    equal = planner.report(pelvis.plan(pelvis.start))
    spared = planner.report(pelvis.plan(pelvis.start.replace("rectum: 100", "rectum: 3000")))
    for values in (equal, spared):
        assert values["PTV"]["D95"] == pytest.approx(pelvis.prescribed)
    assert spared["rectum"]["mean"] < equal["rectum"]["mean"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("PTV: 100", "no line 'bladder: weight'"),
        ("PTV: 100\nbladder: -1\nrectum: 1\nfemoral heads: 1\nbody: 1", "positive numbers"),
        ("PTV: many\nbladder: 1\nrectum: 1\nfemoral heads: 1\nbody: 1", "many"),
    ],
)
def test_what_sets_no_weights_scores_nothing_and_hears_why(planner, pelvis, text, why):
    score, said = planner.evaluated(pelvis, text)
    assert (score, why in said) == (0.0, True)


def test_going_by_the_missed_goals_makes_a_better_plan_and_draws_it(planner, pelvis, tmp_path):
    pytest.importorskip("matplotlib")
    path = planner.improve(pelvis, planner.by_protocol(pelvis), steps=2)
    best = max(path, key=lambda text: planner.evaluated(pelvis, text)[0])
    assert planner.evaluated(pelvis, best)[0] > planner.evaluated(pelvis, pelvis.start)[0]
    planner.draw(pelvis, best, str(tmp_path / "plan.png"))
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


def test_an_lm_sees_the_report_and_what_is_wrong_with_its_last_reply(planner, pelvis):
    lm = ScriptedLM(["PTV: 400", pelvis.start])
    planner.improve(pelvis, lm, steps=2)
    first, second = (request.messages[-1].text for request in lm.requests)
    assert "femoral heads D5" in first
    assert "MISSED" in first
    assert "there is no line 'bladder: weight'" in second
    assert "(score 0.9" in second


def test_bayesian_optimisation_is_the_baseline_on_the_same_plans(planner, pelvis):
    pytest.importorskip("optuna")
    path = planner.bayesian(pelvis, 2, seed=0)
    assert len(path) == 3
    assert path == planner.bayesian(pelvis, 2, seed=0)
    assert all(0 < planner.evaluated(pelvis, text)[0] <= 1 for text in path)
