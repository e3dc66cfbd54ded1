"""Optimizers and allocators that are known by name. Each is imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.optim.allocate import Allocator
    from adjoint.optim.base import Optimizer

OPTIMIZERS = {
    "labeled-few-shot": "adjoint.optim.strategies.bootstrap:LabeledFewShot",
    "bootstrap": "adjoint.optim.strategies.bootstrap:BootstrapFewShot",
    "bootstrap-rs": "adjoint.optim.strategies.bootstrap:BootstrapFewShotWithRandomSearch",
    "tgd": "adjoint.optim.strategies.tgd:TextualGradientDescent",
}
"""Where the optimizers are; by name they have their default settings."""

ALLOCATORS = {
    "racing": "adjoint.optim.allocators.racing:Racing",
}
"""Where the allocators are; by name they have their default settings."""


def optimizer_of(optimizer: str | Optimizer) -> Optimizer:
    """An optimizer by name, or as it is.

    >>> optimizer_of("bootstrap").name
    'bootstrap'
    """
    return _made("optimizer", optimizer, OPTIMIZERS) if isinstance(optimizer, str) else optimizer


def allocator_of(allocator: str | Allocator) -> Allocator:
    """An allocator by name, or as it is.

    >>> allocator_of("racing").settings()
    {'delta': 0.05}
    """
    return _made("allocator", allocator, ALLOCATORS) if isinstance(allocator, str) else allocator


def _made(kind: str, name: str, known: Mapping[str, str]) -> Any:
    if name not in known:
        raise UnknownNameError.of(kind, name, known)
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)()
