"""Who trains an LM: this process a local checkpoint, a provider its own models. Doing it again gives what was made before."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from adjoint.base.errors import Interrupted, UsageError
from adjoint.base.json import digest
from adjoint.base.portal import portal
from adjoint.lm import weights
from adjoint.lm.hf.client import HF
from adjoint.lm.openai import OpenAIChat
from adjoint.optim.weights import rows as training
from adjoint.optim.weights.recipe import Recipe
from adjoint.optim.weights.task import Step, Task, Trained
from adjoint.program.context import current

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from adjoint.lm.base import BaseLM
    from adjoint.optim.weights.rows import Row


@dataclass(frozen=True)
class Begun:
    """What a run goes on from: weights to begin with, AdamW's state, and the weights to compare with."""

    weights: str | None = None
    moments: str | None = None
    reference: str | None = None


@dataclass(frozen=True)
class Tuned:
    """What came of training: values of `weights` parameters, the last of them the result, and the loss curve."""

    weights: tuple[dict[str, str], ...]
    moments: str | None = None
    curve: tuple[Step, ...] = field(default=(), repr=False)


class Tuner(Protocol):
    """Trains one LM."""

    async def tune(
        self, rows: Sequence[Row], recipe: Recipe, *, begun: Begun, snapshots: int, on_step: Callable[[Step], None]
    ) -> Tuned: ...


def tuner_of(lm: BaseLM) -> Tuner:
    """Who trains this LM. Raises `UsageError` for one that nobody can train."""
    client: Any = lm
    while not isinstance(client, HF | OpenAIChat):
        client = getattr(client, "client", None) or getattr(client, "inner", None)
        if client is None:
            message = (
                f"the weights of {lm.name} cannot be trained: use a local checkpoint, LM('hf/PATH') (the embedded one is 'hf/pocket'), "
                "or a provider with OpenAI's fine-tuning jobs, LM('openai/...')."
            )
            raise UsageError(message)
    if isinstance(client, HF):
        return Local(client)
    from adjoint.optim.weights.jobs import Jobs

    return Jobs(client)


def train(
    lm: BaseLM, rows: Sequence[Row], recipe: Recipe | Mapping[str, Any] | None = None, *, start: str | None = None,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Tuned:  # fmt: skip
    """Train an LM on rows and wait. `predictor.weights = tuned.weights[-1]` puts the result to use."""
    begun = Begun(start, reference=start)
    return portal.run(tuner_of(lm).tune(rows, Recipe.of(recipe), begun=begun, snapshots=1, on_step=on_step))


class Local:
    """Trains a checkpoint in its own engine: rollouts and steps take turns, and the base is in memory once."""

    def __init__(self, client: HF) -> None:
        self.client = client

    async def tune(
        self, rows: Sequence[Row], recipe: Recipe, *, begun: Begun, snapshots: int, on_step: Callable[[Step], None]
    ) -> Tuned:
        training.check(rows, pairs=recipe.method == "dpo")
        what = [self.client.identity, training.name_of(rows), recipe.to_dict(), asdict(begun), snapshots]
        folder = weights.home().parent / "training" / digest(what, length=16)
        done = _done(folder)
        noted = _counted(on_step, recipe.batch_size)
        if done is None:
            task = Task(recipe, rows, folder, begun.weights, begun.moments, begun.reference, snapshots)
            done = await self._train(task, noted)
            _write(folder, done)
        else:
            for step in done.curve:
                noted(step)
        return Tuned(tuple({weights.ADAPTER: one} for one in done.weights), done.moments, done.curve)

    async def _train(self, task: Task, on_step: Callable[[Step], None]) -> Trained:
        from adjoint.optim.weights import loop

        left = threading.Event()

        def step(made: Step) -> None:  # called in the engine's thread
            if left.is_set():
                raise Interrupted("the training was given up; the same call goes on from its checkpoint.")
            on_step(made)

        watched = replace(task, on_step=step)
        try:
            return await asyncio.wrap_future(self.client.engine.run(lambda engine: loop.train(engine, watched)))
        finally:
            left.set()


def _counted(on_step: Callable[[Step], None], rows: int) -> Callable[[Step], None]:
    """Counts what is trained on against the budget of the run; steps of an earlier life count when the run goes on after them."""
    account, before = current().account, 0

    def note(made: Step) -> None:
        nonlocal before
        on_step(made)
        if account is not None:
            account.learn((made.number - before) * rows, next_rows=rows if made.number < made.total else 0)
        before = made.number

    return note


def _done(folder: Path) -> Trained | None:
    """What an earlier run of the same task has made, if all of it is still there."""
    try:
        body = json.loads((folder / "done.json").read_text(encoding="utf-8"))
        for digest_ in (*body["weights"], body["moments"]):
            weights.find(digest_)
    except (OSError, ValueError, KeyError):
        return None
    return Trained(tuple(body["weights"]), body["moments"], tuple(Step(**step) for step in body["curve"]))


def _write(folder: Path, done: Trained) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "done.part"
    part.write_text(json.dumps(asdict(done)), encoding="utf-8")
    part.replace(folder / "done.json")
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)
