"""What the certificate promises, counted: simulated optimisation runs, and confidence sequences that are looked at all the time.

    python -m benchmarks.certificate            # writes benchmarks/results/certificate.md and .json

A run races 8 candidates against the baseline on 500 selection rows, then certifies the winner on the holdout. In "A/A" all are the
same program that differs by noise, in "no headroom" all candidates are worse by 2 points or more, in "+5 pp" one of them is
better by 5 points and the others are equal or worse.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adjoint.eval.certificate import BETS, Certificate
from adjoint.eval.intervals import wilson
from adjoint.optim.allocate import Round
from adjoint.optim.allocators.racing import Racing
from adjoint.optim.certify import certify
from benchmarks.replay.oracle import Oracle

if TYPE_CHECKING:
    import numpy.typing as npt

RESULTS = Path(__file__).parent / "results"
SELECTION, HOLDOUT, CANDIDATES = 500, 2000, 8
_OVERLAP = 0.12
"""On so many rows two equal programs differ by chance."""
KINDS = {
    "A/A": [0.0] * CANDIDATES,
    "no headroom": [-0.02 * number for number in range(1, CANDIDATES + 1)],
    **{f"+{gain} pp": [gain / 100, *([0.0] * 3), *([-0.03] * (CANDIDATES - 4))] for gain in (2, 5, 10)},
}


@dataclass(frozen=True)
class Line:
    """What came of the runs of one kind. `kept` counts those that ship the candidate with the real gain."""

    kind: str
    runs: int
    shipped: int
    worse: int
    kept: int
    covered: int
    rows: float


def table(gains: list[float], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """The baseline and its candidates on all rows: each differs from the baseline on some rows, more often for the better or not."""
    rows = SELECTION + HOLDOUT
    base = rng.random(rows) < 0.5
    found = [base]
    for gain in gains:
        flips = rng.random(rows)
        fixed, broken = _OVERLAP + max(0.0, 2 * gain), _OVERLAP + max(0.0, -2 * gain)
        found.append(np.where(base, flips >= broken, flips < fixed))
    return np.array(found)


def run(gains: list[float], seed: int) -> tuple[int, bool, bool, int]:
    """The arm that won, whether it ships, whether the interval of its gain holds the truth, and the rows it took."""
    rng = np.random.default_rng([seed, 6])
    oracle = Oracle(table(gains, rng))
    arms, rows = [str(arm) for arm in range(len(gains) + 1)], [str(row) for row in range(SELECTION + HOLDOUT)]
    work = Round(0, "0", tuple(arms[1:]), (), tuple(rows[:SELECTION]), seed, oracle)
    best = asyncio.run(Racing().choose(work)).best
    if best == "0":
        return 0, False, True, 0
    verdict, _ = asyncio.run(certify(best, "0", rows[SELECTION:], oracle, alpha=0.05, seed=seed))
    truth = gains[int(best) - 1]
    return int(best), verdict.verdict == "better", verdict.low <= truth <= verdict.high, verdict.n


def study(kind: str, runs: int) -> Line:
    gains, found = KINDS[kind], [run(KINDS[kind], seed) for seed in range(runs)]
    truths = [0.0, *gains]
    shipped = [arm for arm, ships, _, _ in found if ships]
    rows = [n for arm, _, _, n in found if arm]
    return Line(
        kind=kind, runs=runs, shipped=len(shipped), worse=sum(truths[arm] < 0 for arm in shipped),
        kept=sum(truths[arm] > 0 for arm in shipped), covered=sum(covers for _, _, covers, _ in found),
        rows=float(np.mean(rows)) if rows else 0.0,
    )  # fmt: skip


def peeking(runs: int, rows: int, gain: float, seed: int) -> dict[str, float]:
    """How often the confidence sequence holds the truth at every look, one after each row; and how often 1/alpha is reached.

    The sequence excludes a value exactly if the bets against it ever reach their threshold, so all looks are one maximum.
    """
    rng = np.random.default_rng([seed, 7])
    fixed, broken = 0.1 + max(0.0, gain), 0.1 + max(0.0, -gain)
    missed = crossed = 0
    for _ in range(runs):
        draw = rng.random(rows)
        differences = np.where(draw < fixed, 1.0, np.where(draw < fixed + broken, -1.0, 0.0))
        up = _most(differences, gain)
        down = _most(-differences, -gain) if gain > 0 else -math.inf
        threshold = math.log(2 / 0.05) if gain > 0 else math.log(1 / 0.05)
        missed += up >= threshold or down >= threshold
        crossed += _most(differences, 0.0) >= math.log(1 / 0.05)
    return {"gain": gain, "runs": runs, "rows": rows, "missed": int(missed), "crossed": int(crossed)}


def _most(differences: npt.NDArray[np.float64], mean: float) -> float:
    """The largest log capital on the way, of bets that the mean difference is larger than `mean`."""
    gains = (differences - mean) / (1 + mean)
    paths = np.array([np.cumsum(np.log1p(bet * gains)) for bet in BETS])
    return float((np.logaddexp.reduce(paths, axis=0) - math.log(len(BETS))).max())


def check(seeds: int) -> None:
    """The shortcut of `peeking` agrees with the certificate itself, row by row."""
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 8])
        differences = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.75, 0.15], size=300)
        certificate = Certificate()
        for value in differences:
            certificate.update(max(0.0, value), max(0.0, -value))
        low, _ = certificate.interval()
        for mean in (low - 0.001, low + 0.001):
            threshold = math.log(2 / 0.05) if mean > 0 else math.log(1 / 0.05)
            assert (_most(differences, mean) >= threshold) == (mean < low) or certificate.crossed


def text(lines: list[Line], looks: list[dict[str, float]], command: str) -> str:
    """The page."""

    def share(part: float, of: float) -> str:
        low, high = wilson(part, int(of))
        return f"{100 * part / of:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"

    out = [
        "# The certificate, counted", "", f"`{command}`; seeds 0 to {lines[0].runs - 1}; 95 % Wilson intervals of the shares.", "",
        f"Each run races {CANDIDATES} candidates on {SELECTION} selection rows and certifies the winner on at most {HOLDOUT} holdout rows.", "",
        "| runs | shipped | truly worse shipped | real gain shipped | interval holds the true gain | holdout rows, mean |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for line in lines:
        kept = share(line.kept, line.runs) if "pp" in line.kind else "-"
        columns = (
            share(line.shipped, line.runs),
            share(line.worse, line.runs),
            kept,
            share(line.covered, line.runs),
            f"{line.rows:.0f}",
        )
        out.append(f"| {line.kind} ({line.runs}) | " + " | ".join(columns) + " |")
    out += ["", "A confidence sequence is looked at after every row; it misses if the truth lies outside at any look.", ""]
    out += ["| true gain | sequences | rows | truth inside at every look | certified |", "|---|---|---|---|---|"]
    for look in looks:
        inside = share(look["runs"] - look["missed"], look["runs"])
        out.append(
            f"| {100 * look['gain']:+.0f} pp | {look['runs']} | {look['rows']} | {inside} | {share(look['crossed'], look['runs'])} |"
        )
    return "\n".join(out) + "\n"


def main(runs: int = 500, sequences: int = 10_000) -> None:
    check(3)
    lines = [study(kind, runs) for kind in KINDS]
    looks = [peeking(sequences, 1500, gain, 0) for gain in (0.0, 0.05)]
    command = "python -m benchmarks.certificate" + ("" if (runs, sequences) == (500, 10_000) else f" {runs} {sequences}")
    page = text(lines, looks, command)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "certificate.md").write_text(page, encoding="utf-8")
    found = {"command": command, "runs": [asdict(line) for line in lines], "peeking": looks}
    (RESULTS / "certificate.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:]))
