"""BetterTogether: optimizers of prompts and of weights, one after the other. Soylu et al. (2024), "Fine-Tuning and Prompt
Optimization: Two Great Steps that Work Better Together".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UnknownNameError, UsageError
from adjoint.optim.registry import optimizer_of
from adjoint.optim.strategies.combine import Chain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.base.json import Json
    from adjoint.optim.base import Optimizer
    from adjoint.program.metric import Metric
    from adjoint.program.module import Module

_ARROW = "->"
_DEFAULT = "bootstrap-rs"


class BetterTogether(Chain):
    """`BetterTogether(metric, p=GEPA(...), w=BootstrapFinetune(...))`, in the order of `strategy`: `"p -> w -> p"`.

    Every step starts from the best so far, and what it makes must win its race; so a step that fails costs calls and nothing
    else. Rows are dealt once for all steps: `valset_ratio` and `shuffle_trainset_between_steps` are accepted by `compile` and
    change nothing, since no step ever sees the rows on which it is judged. Without optimizers, `p` is `bootstrap-rs`; DSPy's
    older names `prompt_optimizer` and `weight_optimizer` stand for `p` and `w`.
    """

    name = "better-together"

    def __init__(
        self,
        metric: Metric | None = None,
        *,
        strategy: str | None = None,
        seed: int | None = None,
        **optimizers: Optimizer | str | None,
    ) -> None:
        named = {_letter(name): optimizer_of(one) for name, one in optimizers.items() if one is not None}
        self.named: dict[str, Any] = named or {"p": optimizer_of(_DEFAULT)}
        self.strategy = strategy or _usual(self.named)
        super().__init__(self._steps(), metric=metric)
        self.compile_options = {} if seed is None else {"seed": seed}

    def _steps(self) -> list[Optimizer]:
        letters = [letter.strip() for letter in self.strategy.split(_ARROW)]
        for letter in letters:
            if letter not in self.named:
                if not letter:
                    message = f"strategy={self.strategy!r} has an empty step; write for example 'p {_ARROW} w {_ARROW} p'."
                    raise UsageError(message)
                raise UnknownNameError.of("step of the strategy", letter, self.named)
        return [self.named[letter] for letter in letters]

    def settings(self) -> Mapping[str, Json]:
        return {**super().settings(), "strategy": self.strategy}

    def compile(
        self,
        student: Module,
        *,
        strategy: str | None = None,
        valset_ratio: float | None = None,
        shuffle_trainset_between_steps: bool | None = None,
        **options: Any,
    ) -> Module:
        """As every optimizer's; `strategy` says the steps, `"p -> w -> p"`."""
        del valset_ratio, shuffle_trainset_between_steps
        if strategy is not None:
            return BetterTogether(self.metric, strategy=strategy, **self.named).compile(
                student, **{**self.compile_options, **options}
            )
        return super().compile(student, **options)


def _usual(named: Mapping[str, Any]) -> str:
    """DSPy's default where both kinds are given, else one step of each."""
    return f"p {_ARROW} w {_ARROW} p" if set(named) == {"p", "w"} else f" {_ARROW} ".join(named)


def _letter(name: str) -> str:
    return {"prompt_optimizer": "p", "weight_optimizer": "w"}.get(name, name)
