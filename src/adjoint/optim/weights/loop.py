"""The training loop: AdamW over one adapter or all weights, with checkpoints from which a run goes on bit for bit."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from adjoint.base import rng
from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.lm import weights
from adjoint.lm.hf import adapters
from adjoint.optim.weights import losses
from adjoint.optim.weights.task import Step, Trained

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from adjoint.lm.hf.engine import Engine
    from adjoint.optim.weights.recipe import Recipe
    from adjoint.optim.weights.task import Task

NAME = "in_training"
"""The adapter under training."""


def train(engine: Engine, task: Task) -> Trained:
    """Run the task in the engine's thread, from its last checkpoint if there is one."""
    with _trainable(engine, task) as model:
        run = _Run(engine, task, model)
        run.restore()
        return run.finish()


def _refuse_misfits(model: Any, rank: int, targets: Sequence[str]) -> None:
    """Raise `UsageError` for layers that the model does not have, and for a rank that no layer can use."""
    layers = adapters.linear_layers(model)
    for name in targets:
        if name not in layers:
            raise UnknownNameError.of("layer of targets", name, layers)
    widest = max(layers.values(), default=0)
    if rank > widest:
        message = f"rank is {rank}, and the widest layer has {widest}; give a rank of at most that, or None to train all weights."
        raise UsageError(message)


@contextmanager
def _trainable(engine: Engine, task: Task) -> Iterator[Any]:
    """The model with what is to be trained switched on; afterwards the engine's model is as it was."""
    recipe, checkpoint = task.recipe, engine.checkpoint
    torch.manual_seed(recipe.seed)
    if recipe.rank is None:
        made = adapters.bare_copy(engine.adapters.model(task.start)).float().requires_grad_(requires_grad=True)
        yield _mode(made, recipe)
        return
    model, shape = checkpoint.model, adapters.Shape(recipe.rank, recipe.alpha, list(recipe.targets or ()) or "all-linear")
    _refuse_misfits(model, recipe.rank, recipe.targets or ())
    adapters.add(model, NAME, shape, dropout=recipe.dropout)
    try:
        adapters.use(model, NAME)
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        if task.start is not None:
            adapters.fill(model, NAME, adapters.tensors(task.start))
        yield _mode(model, recipe)
    finally:
        adapters.remove(model, NAME)
        model.eval()


def _mode(model: Any, recipe: Recipe) -> Any:
    """Dropout belongs to SFT alone: the others compare probabilities, which must not be noisy."""
    if recipe.gradient_checkpointing:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
    return model.train(recipe.method == "sft" or recipe.gradient_checkpointing)


class _Run:
    """A run under way: what is trained, AdamW's state, the step it is at, the best weights so far, the curve."""

    def __init__(self, engine: Engine, task: Task, model: Any) -> None:
        self.engine, self.task, self.model = engine, task, model
        self.checkpoint, self.recipe = engine.checkpoint, task.recipe
        self.trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
        self.optimizer = torch.optim.AdamW(
            self.trained.values(), lr=self.recipe.learning_rate, weight_decay=self.recipe.weight_decay
        )
        items = [losses.encode(self.checkpoint, row, self.recipe.max_length) for row in task.rows]
        held = round(self.recipe.validation * len(items))
        drawn = rng.stream(self.recipe.seed, "validation").sample(range(len(items)), held)
        self.held = [items[at] for at in sorted(drawn)]
        self.items = [item for at, item in enumerate(items) if at not in set(drawn)]
        self.total = self.recipe.total(len(self.items))
        self.curve: list[Step] = []
        self.best: dict[str, Any] = {}
        self.snapshots: list[str] = []

    def finish(self) -> Trained:
        """All steps that are left."""
        self._look_back()
        while len(self.curve) < self.total and not self._stopped():
            number = len(self.curve)
            loss = self._step(number)
            validation = self._validated() if self._measures(number + 1) else None
            self.curve.append(Step(number + 1, self.total, loss, validation))
            if validation is not None and validation <= min(self._validations()):
                self.best = {name: value.detach().clone() for name, value in self.trained.items()}
            if number + 1 in self._places():
                self.snapshots.append(self._kept())
            self._report(number + 1)
        with torch.no_grad():
            for name, value in self.best.items():
                self.trained[name].copy_(value)
        moments = weights.keep(adapters.packed(self._moments(), {"kind": "moments"}))
        return Trained((*self.snapshots, self._kept()), moments, tuple(self.curve))

    def _places(self) -> set[int]:
        """The steps after which weights are kept beside the last ones."""
        count = self.task.snapshots
        return {round(self.total * part / count) for part in range(1, count)} - {0, self.total}

    def _report(self, done: int) -> None:
        """Tell of the step; whoever objects (a spent budget, an interrupt) ends the run, which can be taken up from here."""
        if done % self.recipe.checkpoint_every == 0 and done < self.total:
            self.save()
        try:
            self.task.on_step(self.curve[-1])
        except BaseException:
            self.save()
            raise

    # One step ----------------------------------------------------------------------------------------------------

    def _step(self, number: int) -> float:
        torch.manual_seed(rng.stream(self.recipe.seed, "step", number).getrandbits(63))  # dropout, the same after a resume
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(number, self.total)
        items = self._batch(number)
        weight = 1.0 / losses.units(items, self.recipe)
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for part in self._parts(items):
            with self._precision():
                loss = losses.loss(self.checkpoint, self.model, part, self.recipe, weight)
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self.trained.values(), self.recipe.clip_norm)
        self.optimizer.step()
        if math.isnan(total):
            message = f"the loss of step {number + 1} is not a number: lower the learning rate {self.recipe.learning_rate}."
            raise UsageError(message)
        return total

    def _batch(self, number: int) -> list[losses.Item]:
        """The rows of a step: epoch after epoch, each in an order of its own."""
        size, count = self.recipe.batch_size, len(self.items)
        orders: dict[int, list[int]] = {}
        found = []
        for place in range(number * size, (number + 1) * size):
            epoch = place // count
            if epoch not in orders:
                orders[epoch] = rng.stream(self.recipe.seed, "order", epoch).sample(range(count), count)
            found.append(self.items[orders[epoch][place % count]])
        return found

    def _parts(self, items: Sequence[losses.Item]) -> list[Sequence[losses.Item]]:
        """What is in memory at once; rows of similar length together, since they are padded to the longest."""
        ordered = sorted(items, key=lambda item: len(item.chosen.prompt) + len(item.chosen.reply))
        return [ordered[at : at + self.recipe.micro_batch] for at in range(0, len(ordered), self.recipe.micro_batch)]

    def _precision(self) -> Any:
        """All weights are trained in 32 bits and computed with in the checkpoint's own precision."""
        base = self.checkpoint.model.dtype
        return torch.autocast(self.checkpoint.device.type, dtype=base, enabled=self.recipe.rank is None and base != torch.float32)

    # Validation --------------------------------------------------------------------------------------------------

    def _measures(self, step: int) -> bool:
        return bool(self.held) and (step % self.recipe.evaluate_every == 0 or step == self.total)

    def _validated(self) -> float:
        training = self.model.training
        self.model.eval()
        weight = 1.0 / losses.units(self.held, self.recipe)
        with torch.no_grad(), self._precision():
            found = sum(
                float(losses.loss(self.checkpoint, self.model, part, self.recipe, weight)) for part in self._parts(self.held)
            )
        self.model.train(training)
        return found

    def _validations(self) -> list[float]:
        return [step.validation for step in self.curve if step.validation is not None]

    def _stopped(self) -> bool:
        """Whether the minimum of the validation loss lies `patience` measurements back."""
        found = self._validations()
        return bool(found) and len(found) - 1 - found.index(min(found)) >= self.recipe.patience

    # What the losses compare with --------------------------------------------------------------------------------

    def _look_back(self) -> None:
        """Let the items know what the reference says of their replies, and for GRPO what the sampling model said."""
        recipe = self.recipe
        if recipe.method == "dpo" or (recipe.method == "grpo" and recipe.beta):
            self.items, self.held = ([self._with_reference(item) for item in items] for items in (self.items, self.held))
        if recipe.method == "grpo":
            self.items = [replace(item, before=self._said(self.model, item.chosen)) for item in self.items]

    def _with_reference(self, item: losses.Item) -> losses.Item:
        model = self.engine.adapters.model(self.task.reference)
        try:
            texts = [text for text in (item.chosen, item.rejected) if text is not None]
            said = [self._said(model, text) for text in texts]
        finally:
            self._again()
        return replace(item, reference=tuple(said) if self.recipe.method == "grpo" else tuple(float(one.sum()) for one in said))

    def _said(self, model: Any, text: losses.Text) -> Any:
        with torch.no_grad(), self._precision():
            found, _ = losses.logprobs(self.checkpoint, model, [text])
        return found[0]

    def _again(self) -> None:
        if self.recipe.rank is not None:
            adapters.use(self.checkpoint.model, NAME)

    # Checkpoints -------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Everything that decides the steps to come, as one file that is whole or not there."""
        held = {f"weights/{name}": value.detach() for name, value in self.trained.items()}
        held |= {f"best/{name}": value for name, value in self.best.items()}
        held |= self._moments()
        curve = [[step.loss, step.validation] for step in self.curve]
        self.task.folder.mkdir(parents=True, exist_ok=True)
        part = self.task.folder / "checkpoint.part"
        save_file(
            {name: value.contiguous() for name, value in held.items()},
            part,
            metadata={"curve": json.dumps([curve, self.snapshots])},
        )
        part.replace(self.task.folder / "checkpoint.safetensors")

    def restore(self) -> None:
        """Go on from the checkpoint, or from the moments of an earlier run."""
        path = self.task.folder / "checkpoint.safetensors"
        if path.exists():
            with safe_open(path, "pt", device=str(self.checkpoint.device)) as file:
                held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
                curve, self.snapshots = json.loads(file.metadata()["curve"])
            self.curve = [Step(number, self.total, *values) for number, values in enumerate(curve, 1)]
            self.best = {name.removeprefix("best/"): value for name, value in held.items() if name.startswith("best/")}
            with torch.no_grad():
                for name, value in self.trained.items():
                    value.copy_(held[f"weights/{name}"])
            self._set_moments(held)
        elif self.task.moments is not None:
            self._set_moments(adapters.tensors(self.task.moments))

    def _moments(self) -> dict[str, Any]:
        """AdamW's state by name."""
        return {
            f"{key}/{name}": value
            for name, parameter in self.trained.items()
            for key, value in self.optimizer.state.get(parameter, {}).items()
        }

    def _set_moments(self, held: dict[str, Any]) -> None:
        for name, parameter in self.trained.items():
            keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"{key}/{name}" in held]
            if keys:
                self.optimizer.state[parameter] = {
                    key: held[f"{key}/{name}"].to("cpu" if key == "step" else parameter.device) for key in keys
                }

    def _kept(self) -> str:
        """The trained weights in the store."""
        about: dict[str, Any] = {"kind": "full", "base": self.checkpoint.fingerprint}
        if self.recipe.rank is None:
            base = self.checkpoint.model.dtype
            return weights.keep(adapters.packed({name: value.to(base) for name, value in self.trained.items()}, about))
        targets = adapters.targets_of(self.model, NAME)
        about |= {"kind": "lora", "rank": self.recipe.rank, "alpha": self.recipe.alpha, "targets": targets}
        return weights.keep(adapters.packed(adapters.parameters(self.model, NAME), about))
