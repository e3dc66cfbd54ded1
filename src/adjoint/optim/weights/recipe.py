"""The recipe of a training run: everything that decides its result beside the rows and the model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.optim.knobs import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.base.json import Json

Method: TypeAlias = Literal["sft", "dpo", "grpo"]
_LEAST_LENGTH = 2
"""Tokens of a row: one that is read, and one that is learned."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train. The defaults suit LoRA on a few dozen to a few thousand rows.

    `method` is "sft" (learn the reply), "dpo" (prefer it to `rejected`; Rafailov et al., 2023) or "grpo" (weigh it by its
    advantage; Shao et al., 2024). `rank` of the adapter, None trains all weights; `alpha` its scale; `targets` the layers
    by the last part of their name, None all linear ones but the head. `batch_size` rows make one step, `micro_batch` of them
    are in memory at once (gradients are accumulated). `steps` wins over `epochs`. The learning rate rises over `warmup` (a
    share of the steps) and falls linearly to zero. `max_length` in tokens: longer rows are refused.

    `checkpoint_every` steps the run can be taken up again from there. `validation` is the share of rows held back to measure
    the loss `evaluate_every` steps; the weights of its minimum are kept, and the run ends `patience` measurements after it.
    `beta` is DPO's temperature or GRPO's weight of the KL divergence; `clip` is GRPO's bound on the ratio.
    """

    method: Method = "sft"
    rank: int | None = 16
    alpha: float = 32.0
    dropout: float = 0.0
    targets: tuple[str, ...] | None = None
    learning_rate: float = 2e-4
    weight_decay: float = 0.0
    batch_size: int = 16
    micro_batch: int = 8
    epochs: float = 3.0
    steps: int | None = None
    warmup: float = 0.05
    decay: bool = True
    clip_norm: float = 1.0
    max_length: int = 4096
    seed: int = 0
    checkpoint_every: int = 50
    validation: float = 0.0
    evaluate_every: int = 10
    patience: int = 3
    beta: float = 0.1
    clip: float = 0.2
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        if self.method not in ("sft", "dpo", "grpo"):
            kind = "method"
            raise UnknownNameError.of(kind, self.method, ("sft", "dpo", "grpo"))
        for item in fields(self):
            require("Recipe", item.name, getattr(self, item.name), item.type)
        if self.max_length < _LEAST_LENGTH:
            message = f"max_length is {self.max_length}; it must be {_LEAST_LENGTH} or more."
            raise UsageError(message)
        if not 0 <= self.validation < 1:
            message = f"validation is {self.validation}; it is the share of rows held back, from 0 to less than 1."
            raise UsageError(message)
        if not self.learning_rate > 0:
            message = f"learning_rate is {self.learning_rate}; it must be above 0."
            raise UsageError(message)

    @classmethod
    def of(cls, given: Recipe | Mapping[str, Any] | None) -> Recipe:
        """A recipe from one or from its settings by name. Raises `UnknownNameError` for a setting that there is not.

        >>> Recipe.of({"rank": 8}).rank
        8
        """
        if isinstance(given, Recipe):
            return given
        require("Recipe", "train_kwargs", given, "Mapping[str, Any] | None")
        settings, known = dict(given or {}), [item.name for item in fields(cls)]
        for name in settings:
            if name not in known:
                kind = "training setting"
                raise UnknownNameError.of(kind, name, known)
        return cls(**settings)

    def to_dict(self) -> dict[str, Json]:
        made = asdict(self)
        return {**made, "targets": None if self.targets is None else list(self.targets)}

    def total(self, rows: int) -> int:
        """Optimizer steps for so many rows; at least one."""
        return self.steps if self.steps is not None else max(1, round(rows * self.epochs / self.batch_size))

    def rate(self, step: int, total: int) -> float:
        """The learning rate of step 0, 1, ... of `total`."""
        rising = max(1, round(self.warmup * total))
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        return self.learning_rate * ((total - step) / max(1, total - rising) if self.decay else 1.0)
