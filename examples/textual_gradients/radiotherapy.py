"""A radiotherapy plan whose objective weights are improved by what a planner says of its dose-volume report.

    pip install "adjoint[examples]"
    python radiotherapy.py --lm openai/gpt-4o --plot plan.png
    python radiotherapy.py --lm protocol             # offline: a planner that goes by the protocol, and no LM
    python radiotherapy.py --lm optuna --steps 50    # the baseline: Bayesian optimisation of the same weights
    python radiotherapy.py --case tg119              # with pyRadPlan: its photon plans on the TG-119 phantom

Outer loop: the weights of all structures are one text, a Variable; its loss is the dose-volume report against the protocol, and
the rewrite sees the last plans with their scores. Inner loop: for given weights the beamlets are optimised by L-BFGS-B, and the
plan is scaled so that 95 % of the target gets the prescribed dose.

The pelvis is a phantom: a slice of a pelvis made of ellipses, seven beams of 6 MV photons, a pencil-beam model with exponential
attenuation, build-up and a Gaussian edge. It is good for trying an optimiser and for nothing in a clinic.

What a strong LM is expected to reach: Yuksekgonul et al. (2024) planned five prostate cases (70.2 Gy) with gpt-4o in at most ten
updates and report for the target a mean dose +0.51 Gy, a minimum -8.48 Gy, a maximum +3.63 Gy off the goal at equal D95, against
+4.84, -9.33 and +17.42 Gy for Bayesian optimisation with 50 trials; and 17.2 Gy mean dose to the rectum against 24.5 Gy.
"""

from __future__ import annotations

import argparse
import functools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import erf

import adjoint

if TYPE_CHECKING:
    from collections.abc import Callable

Goal = tuple[str, str, str, float]
"""Structure, what is measured of it, `<=` or `>=`, Gy. Dx is the dose that the hottest x % of a structure get at least."""
ADVISE = (
    "The text sets the weights of the objectives of a radiotherapy plan. A larger weight makes the plan better for that structure and "
    "worse for others. Look at which goals are missed and by how much, and at the earlier weights with their scores. Reply with one "
    "line 'structure: weight' for each structure only; weights are positive numbers."
)


@dataclass(frozen=True)
class Case:
    """A patient: the target first among the structures, Gy prescribed to 95 % of it, the goals, and the inner optimisation.

    `dose` gives for weights by structure the dose of the voxels of each structure, in any unit: plans are scaled afterwards.
    """

    structures: tuple[str, ...]
    prescribed: float
    protocol: tuple[Goal, ...]
    dose: Callable[[dict[str, float]], dict[str, np.ndarray]]

    @property
    def start(self) -> str:
        """Equal weights."""
        return "\n".join(f"{name}: 100" for name in self.structures)

    def plan(self, text: str) -> dict[str, np.ndarray]:
        """Gy of the voxels of each structure under the weights in the text, scaled to the prescription."""
        doses = self.dose(self.read(text))
        factor = self.prescribed / np.percentile(doses[self.structures[0]], 5)
        return {name: factor * own for name, own in doses.items()}

    def read(self, text: str) -> dict[str, float]:
        """The weights in a text; raises `ValueError` with what is wrong."""
        lines = re.findall(r"^\W*([A-Za-z ]+?)\W*:\s*([^\s,]+)", text, re.MULTILINE)
        found = {name.strip().casefold(): value for name, value in lines}
        missing = [name for name in self.structures if name.casefold() not in found]
        if missing:
            raise ValueError(f"there is no line '{missing[0]}: weight'; give one for each of {', '.join(self.structures)}.")
        weights = {name: float(found[name.casefold()]) for name in self.structures}
        wrong = [name for name, weight in weights.items() if not 0 < weight < math.inf]
        if wrong:
            raise ValueError(f"the weight of {wrong[0]} is {weights[wrong[0]]}; weights are positive numbers.")
        return weights


def report(doses: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Mean, minimum, maximum, D5, D50 and D95 of each structure, in Gy."""
    found = {}
    for name, own in doses.items():
        levels = {f"D{share}": float(np.percentile(own, 100 - share)) for share in (5, 50, 95)}
        found[name] = {"mean": float(own.mean()), "min": float(own.min()), "max": float(own.max()), **levels}
    return found


def judged(case: Case, values: dict[str, dict[str, float]]) -> tuple[float, str]:
    """How much of the protocol is met, in [0, 1], and each goal in words; a goal that is missed counts by how far."""
    parts, lines = [], []
    for name, what, sign, goal in case.protocol:
        value = values[name][what]
        met = value <= goal if sign == "<=" else value >= goal
        parts.append(1.0 if met else min(value, goal) / max(value, goal))
        lines.append(f"{name} {what} {value:.1f} Gy, wanted {sign} {goal:g} Gy: {'met' if met else 'MISSED'}")
    return sum(parts) / len(parts), "\n".join(lines)


@functools.cache
def evaluated(case: Case, text: str) -> tuple[float, str]:
    """Score and report of the weights in a text; what is no set of weights scores 0 and hears why."""
    try:
        case.read(text)
    except ValueError as error:
        return 0.0, str(error)
    return judged(case, report(case.plan(text)))


# The phantom ------------------------------------------------------------------------------------------------------

TOLERATED = {"bladder": 15.0, "rectum": 15.0, "femoral heads": 15.0, "body": 10.0}
"""Gy from which on dose to an organ counts in the inner objective."""
_VOXEL, _BEAMLET = 0.5, 0.5
"""cm"""
_BEAMS = tuple(math.radians(360 / 7 * number) for number in range(7))
_ATTENUATION, _BUILD_UP, _EDGE = 0.046, 2.5, 0.35
"""1/cm in water at 6 MV, 1/cm, cm"""


@dataclass(frozen=True)
class Phantom:
    """Voxels of each structure by number, and Gy that each beamlet of weight 1 gives to each voxel: (voxels, beamlets)."""

    masks: dict[str, np.ndarray]
    dose: np.ndarray


def _ellipse(x: np.ndarray, y: np.ndarray, centre: tuple[float, float], half: tuple[float, float]) -> np.ndarray:
    return ((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2 <= 1


@functools.cache
def phantom() -> Phantom:
    """The slice, in cm: x to the left of the patient, y to the back, the target in the middle."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(-17, 17, _VOXEL), np.arange(-12, 12, _VOXEL)))
    inside = _ellipse(x, y, (0, 0), (16.5, 11.5))
    x, y = x[inside], y[inside]
    target = _ellipse(x, y, (0, 0), (2.6, 2.3))
    organs = {
        "bladder": _ellipse(x, y, (0, -3.6), (3.2, 2.2)) & ~target,
        "rectum": _ellipse(x, y, (0, 3.7), (1.7, 1.9)) & ~target,
        "femoral heads": _ellipse(x, y, (-8.5, 0), (2.3, 2.3)) | _ellipse(x, y, (8.5, 0), (2.3, 2.3)),
    }
    rest = ~target & ~np.logical_or.reduce(list(organs.values()))
    columns = [_beamlet(x, y, angle, offset) for angle in _BEAMS for offset in np.arange(-3.25, 3.5, _BEAMLET)]
    return Phantom({"PTV": target, **organs, "body": rest}, np.column_stack(columns))


def _beamlet(x: np.ndarray, y: np.ndarray, angle: float, offset: float) -> np.ndarray:
    """Dose of one beamlet: attenuation and build-up along the beam, a blurred edge across it."""
    along, across = x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)
    a = (math.cos(angle) / 16.5) ** 2 + (math.sin(angle) / 11.5) ** 2
    b = 2 * across * math.sin(angle) * math.cos(angle) * (1 / 11.5**2 - 1 / 16.5**2)
    c = across**2 * ((math.sin(angle) / 16.5) ** 2 + (math.cos(angle) / 11.5) ** 2) - 1
    skin = (-b - np.sqrt(np.maximum(b**2 - 4 * a * c, 0))) / (2 * a)  # where the ray enters the ellipse of the body
    depth = np.maximum(along - skin, 0)
    edge = erf((across - offset + _BEAMLET / 2) / _EDGE) - erf((across - offset - _BEAMLET / 2) / _EDGE)
    return np.exp(-_ATTENUATION * depth) * (1 - np.exp(-_BUILD_UP * depth)) * edge / 2


def irradiate(weights: dict[str, float]) -> dict[str, np.ndarray]:
    """The inner optimisation on the phantom: squared deviation in the target, squared overdose elsewhere, no negative beamlets."""
    body = phantom()
    parts = [(weights[name] / mask.sum(), body.dose[mask], name) for name, mask in body.masks.items()]

    def objective(beamlets: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = 0.0, np.zeros_like(beamlets)
        for weight, rows, name in parts:
            off = rows @ beamlets - (PELVIS.prescribed if name == "PTV" else TOLERATED[name])
            off = off if name == "PTV" else np.maximum(off, 0)
            value += weight * float(off @ off)
            slope += 2 * weight * (off @ rows)
        return value, slope

    start = np.full(body.dose.shape[1], PELVIS.prescribed / body.dose[body.masks["PTV"]].sum(axis=1).mean())
    bounds = [(0, None)] * len(start)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200})
    dose = body.dose @ found.x
    return {name: dose[mask] for name, mask in body.masks.items()}


PELVIS = Case(
    ("PTV", "bladder", "rectum", "femoral heads", "body"),
    70.2,
    (
        ("PTV", "mean", "<=", 72.5),
        ("PTV", "max", "<=", 75.1),
        ("PTV", "min", ">=", 63.2),
        ("rectum", "D5", "<=", 66.0),
        ("rectum", "D50", "<=", 22.0),
        ("bladder", "D5", "<=", 68.0),
        ("bladder", "D50", "<=", 22.0),
        ("femoral heads", "D5", "<=", 38.0),
    ),
    irradiate,
)


# Who plans --------------------------------------------------------------------------------------------------------


def by_protocol(case: Case) -> Callable[[str], str]:
    """An engine without an LM: a structure whose goal is missed gets twice the weight, as a planner would begin."""

    def planner(prompt: str) -> str:
        weights = case.read(prompt[prompt.index("text:") :])
        missed = {goal[0] for goal in case.protocol if re.search(rf"{goal[0]} {goal[1]} [\d.]+ Gy, wanted [^\n]*MISSED", prompt)}
        return "\n".join(f"{name}: {weight * (2 if name in missed else 1):g}" for name, weight in weights.items())

    return planner


def improve(case: Case, engine: Any, steps: int) -> list[str]:
    """The weights on the way, in order; it ends early if the whole protocol is met."""
    weights = adjoint.Variable(case.start, role_description="weights of the objectives of a radiotherapy plan")
    optimizer = adjoint.TGD([weights], engine=engine, optimizer_system_prompt=ADVISE, momentum_window=3)
    loss = adjoint.FunctionLoss(functools.partial(evaluated, case), role="dose-volume report against the protocol")
    return list(adjoint.solve(weights, loss, steps=steps, engine=engine, optimizer=optimizer).path)


def bayesian(case: Case, steps: int, seed: int) -> list[str]:
    """The baseline: Optuna's TPE over the logarithms of the weights, as many plans as there are steps."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = []

    def trial_score(trial: optuna.Trial) -> float:
        path.append("\n".join(f"{name}: {trial.suggest_float(name, 1, 10_000, log=True):g}" for name in case.structures))
        return evaluated(case, path[-1])[0]

    optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed)).optimize(trial_score, n_trials=steps)
    return [case.start, *path]


def draw(case: Case, best: str, file: str) -> None:
    """Dose-volume histograms of equal weights (dashed) and of the best plan."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.5))
    levels = np.linspace(0, 1.2 * case.prescribed, 200)
    for text, style in ((case.start, "--"), (best, "-")):
        for number, (name, own) in enumerate(case.plan(text).items()):
            shares = [100 * float((own >= level).mean()) for level in levels]
            axis.plot(levels, shares, style, color=f"C{number}", label=name if style == "-" else None)
    axis.set(xlabel="dose (Gy)", ylabel="volume (%)", title="Dose-volume histograms: equal weights dashed, best plan solid")
    axis.legend()
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--lm", default="protocol", help="provider/model, `protocol` or `optuna`")
    arguments.add_argument("--case", choices=("pelvis", "tg119"), default="pelvis", help="tg119 needs pyRadPlan")
    arguments.add_argument("--steps", type=int, default=10)
    arguments.add_argument("--seed", type=int, default=0, help="of Optuna")
    arguments.add_argument("--plot", default=None, help="file for the dose-volume histograms")
    given = arguments.parse_args()
    patient = PELVIS
    if given.case == "tg119":
        import tg119

        patient = tg119.TG119
    if given.lm == "optuna":
        tried = bayesian(patient, given.steps, given.seed)
    else:
        tried = improve(patient, by_protocol(patient) if given.lm == "protocol" else adjoint.LM(given.lm), given.steps)
    for place, text in enumerate(tried):
        print(f"{place:3d}  {evaluated(patient, text)[0]:.4f}  {', '.join(text.splitlines())}")
    winner = max(tried, key=lambda text: evaluated(patient, text)[0])
    print(f"\nbest plan: {evaluated(patient, winner)[0]:.4f}\n{evaluated(patient, winner)[1]}")
    if given.plot:
        draw(patient, winner, given.plot)
