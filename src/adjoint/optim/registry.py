"""Optimizers and allocators that are known by name. Each is imported on first use."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.optim.allocate import Allocator
    from adjoint.optim.base import Optimizer

OPTIMIZERS = {
    "labeled-few-shot": "adjoint.optim.strategies.bootstrap:LabeledFewShot",
    "bootstrap": "adjoint.optim.strategies.bootstrap:BootstrapFewShot",
    "bootstrap-rs": "adjoint.optim.strategies.bootstrap:BootstrapFewShotWithRandomSearch",
    "bootstrap-finetune": "adjoint.optim.strategies.finetune:BootstrapFinetune",
    "bootstrap-optuna": "adjoint.optim.strategies.optuna_search:BootstrapFewShotWithOptuna",
    "auto": "adjoint.optim.strategies.auto:Auto",
    "better-together": "adjoint.optim.strategies.better_together:BetterTogether",
    "ensemble": "adjoint.optim.strategies.ensemble:EnsembleSearch",
    "demo-order": "adjoint.optim.strategies.numeric:DemoOrder",
    "distill": "adjoint.optim.strategies.finetune:Distill",
    "gepa": "adjoint.optim.strategies.gepa:GEPA",
    "grpo": "adjoint.optim.strategies.grpo:GRPO",
    "models": "adjoint.optim.strategies.numeric:Models",
    "numbers": "adjoint.optim.strategies.numeric:Numbers",
    "optoprime": "adjoint.optim.strategies.optoprime:OptoPrime",
    "polca": "adjoint.optim.strategies.polca:POLCA",
    "preferences": "adjoint.optim.strategies.finetune:Preferences",
    "rejection-sampling": "adjoint.optim.strategies.finetune:RejectionSampling",
    "simba": "adjoint.optim.strategies.simba:SIMBA",
    "capo": "adjoint.optim.strategies.capo:CAPO",
    "copro": "adjoint.optim.strategies.copro:COPRO",
    "evoprompt": "adjoint.optim.strategies.capo:EvoPrompt",
    "infer-rules": "adjoint.optim.strategies.infer_rules:InferRules",
    "mipro": "adjoint.optim.strategies.mipro:MIPROv2",
    "opro": "adjoint.optim.strategies.opro:OPRO",
    "prompt-wizard": "adjoint.optim.strategies.prompt_wizard:PromptWizard",
    "protegi": "adjoint.optim.strategies.protegi:ProTeGi",
    "tgd": "adjoint.optim.strategies.tgd:TextualGradientDescent",
}
"""Where the optimizers are; by name they have their default settings."""

ALLOCATORS = {
    "asha": "adjoint.optim.allocators.halving:ASHA",
    "frace": "adjoint.optim.allocators.frace:FRace",
    "grid": "adjoint.optim.allocators.grid:Grid",
    "halving": "adjoint.optim.allocators.halving:Halving",
    "minibatch": "adjoint.optim.allocators.minibatch:Minibatch",
    "pareto": "adjoint.optim.allocators.pareto:Pareto",
    "racing": "adjoint.optim.allocators.racing:Racing",
    "rungs": "adjoint.optim.allocators.rungs:Rungs",
    "ucb": "adjoint.optim.allocators.ucb:UCB",
}
"""Where the allocators are; by name they have their default settings."""


def optimizer_of(optimizer: str | Optimizer) -> Optimizer:
    """An optimizer by name, or as it is; `"a -> b"` names several that follow each other. Raises `UsageError` for anything else.

    >>> optimizer_of("bootstrap").name, optimizer_of("bootstrap -> tgd").name
    ('bootstrap', 'sequence')
    """
    if not isinstance(optimizer, str):
        _refuse_others("optimizer", optimizer, "ask", "'gepa' or adjoint.GEPA()")
        return optimizer
    if "->" in optimizer:
        from adjoint.optim.strategies.combine import Chain

        return Chain([name.strip() for name in optimizer.split("->")])
    made: Optimizer = _made("optimizer", optimizer, OPTIMIZERS)
    return made


def about(name: str) -> str:
    """What a known optimizer does, in the first line of its documentation.

    >>> about("labeled-few-shot")
    'The same `k` labelled rows as demos of every predictor, drawn at random or the first ones. No LM call to propose.'
    """
    return str(inspect.getdoc(type(optimizer_of(name)))).splitlines()[0]


def allocator_of(allocator: str | Allocator) -> Allocator:
    """An allocator by name, or as it is.

    >>> allocator_of("racing").settings()
    {'delta': 0.05}
    """
    if not isinstance(allocator, str):
        _refuse_others("allocator", allocator, "choose", "'racing' or Racing(0.2)")
        return allocator
    made: Allocator = _made("allocator", allocator, ALLOCATORS)
    return made


def _refuse_others(kind: str, found: Any, method: str, example: str) -> None:
    """Raise `UsageError` for what is no object of that kind, a class for example."""
    if isinstance(found, type) or not callable(getattr(found, method, None)):
        message = f"{found!r:.80} is no {kind}; give a name or an object, for example {example}."
        raise UsageError(message)


def _made(kind: str, name: str, known: Mapping[str, str]) -> Any:
    if name not in known:
        raise UnknownNameError.of(kind, name, known)
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)()
