"""The TG-119 phantom (a C-shaped target around a core) with pyRadPlan's photon engine, as a case for `radiotherapy.py`.

    pip install pyRadPlan "pydantic<2.13"            # pyRadPlan 0.5.0 cannot write its beams with a later one

pyRadPlan is the Python port of matRad, which Yuksekgonul et al. (2024) used for the inner optimisation. The dose influence matrix is
computed once, in about a minute; each plan then is one fluence optimisation. From equal weights, four updates by the protocol (no LM)
took the score from 0.967 to 0.980: with five beams not every goal can be met.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import SimpleITK
from pyRadPlan import PhotonPlan, calc_dose_influence, fluence_optimization, generate_stf, load_tg119
from pyRadPlan.optimization.objectives import SquaredDeviation, SquaredOverdosing
from radiotherapy import Case

PRESCRIBED = 50.0
"""Gy to 95 % of the target, as TG-119 has it for the C-shape; the core is to stay below 25 Gy at D10 (the easier version)."""
_BEAMS = 5
_FRACTIONS = 30
_NAMES = {"OuterTarget": "target", "Core": "core", "BODY": "body"}


@functools.cache
def _prepared() -> tuple[Any, ...]:
    """The phantom, the plan, its beams and the dose influence matrix."""
    scan, structures = load_tg119()
    plan = PhotonPlan(machine="Generic")
    plan.prop_stf = {"gantry_angles": np.linspace(0, 360, _BEAMS, endpoint=False), "couch_angles": np.zeros(_BEAMS)}
    beams = generate_stf(scan, structures, plan)
    return scan, structures, plan, beams, calc_dose_influence(scan, structures, beams, plan)


def irradiate(weights: dict[str, float]) -> dict[str, np.ndarray]:
    """The inner optimisation by pyRadPlan; doses of one fraction, which the case scales."""
    scan, structures, plan, beams, influence = _prepared()
    for one in structures.vois:
        name = _NAMES[one.name]
        if name == "target":
            one.objectives = [SquaredDeviation(priority=weights[name], d_ref=PRESCRIBED / _FRACTIONS)]
        else:
            one.objectives = [SquaredOverdosing(priority=weights[name], d_max=0.4 * PRESCRIBED / _FRACTIONS)]
    fluence = fluence_optimization(scan, structures, beams, influence, plan)
    dose = SimpleITK.GetArrayFromImage(influence.compute_result_ct_grid(fluence)["physical_dose"]).ravel()
    return {_NAMES[one.name]: dose[one.indices_numpy] for one in structures.vois}


TG119 = Case(
    tuple(_NAMES.values()),
    PRESCRIBED,
    (
        ("target", "max", "<=", 60.0),
        ("target", "mean", "<=", 53.0),
        ("core", "D5", "<=", 27.0),
        ("core", "mean", "<=", 20.0),
        ("body", "mean", "<=", 8.0),
    ),
    irradiate,
)
