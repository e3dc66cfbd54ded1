"""Worlds for the replay: matrices of scores, made up, recorded from the embedded model, or with nothing to find."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Table = npt.NDArray[np.bool_]

MATRICES = Path(__file__).parent / "matrices.npz"
_SKILLS = 6
"""Dimensions in which prompts and rows differ besides ability and difficulty."""


@dataclass(frozen=True)
class World:
    """How prompts differ. A prompt is right on a row if ability + skill - difficulty + noise > 0.

    `spread` is the standard deviation of ability between prompts, `special` that of a prompt's skill on a row; `shared` in
    [0, 1) the correlation of the noise of two prompts on a row. With the values below, the best of 64 prompts is about nine
    points above the first one, and the two differ on 16 % of the rows.
    """

    spread: float = 0.28
    special: float = 0.25
    difficulty: float = 1.0
    shared: float = 0.95

    def draw(self, arms: int, rows: int, rng: np.random.Generator) -> Table:
        """Arms x rows; the first arm is the average prompt that a search starts from."""
        ability, skills = rng.normal(0, self.spread, arms), rng.normal(0, self.special / _SKILLS**0.5, (arms, _SKILLS))
        ability[0], skills[0] = 0.0, 0.0
        return Rows(self, rows, rng).answers(ability, skills, rng)


class Rows:
    """The rows of one world, which any number of prompts can answer."""

    def __init__(self, world: World, rows: int, rng: np.random.Generator) -> None:
        self.world = world
        self.difficulty = rng.normal(0, world.difficulty, rows)
        self.skills = rng.normal(0, 1, (_SKILLS, rows))
        self.common = rng.normal(0, 1, rows)

    def answers(self, ability: npt.NDArray[np.float64], skills: npt.NDArray[np.float64], rng: np.random.Generator) -> Table:
        shared = self.world.shared
        noise = shared**0.5 * self.common + (1 - shared) ** 0.5 * rng.normal(0, 1, (len(ability), len(self.common)))
        found: Table = ability[:, None] + skills @ self.skills - self.difficulty + noise > 0
        return found


def nothing_to_find(arms: int, rows: int, rng: np.random.Generator) -> Table:
    """An A/A world: all prompts are equally good, and differ on some rows."""
    return World(spread=0.0, special=0.0).draw(arms, rows, rng)


def recorded_from() -> str:
    """The identity of the model from which the matrices were recorded."""
    with np.load(MATRICES) as file:
        return str(json.loads(file["about"].tobytes())["model"])


def recorded() -> dict[str, Table]:
    """The matrices that `record.py` has written, by task."""
    with np.load(MATRICES) as found:
        rows = int(found["rows"])
        return {
            name: np.unpackbits(found[name], axis=1)[:, :rows].astype(bool) for name in found.files if name.startswith("task ")
        }
