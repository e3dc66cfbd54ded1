"""Paths inside DSPy and TextGrad that programs import from, as in `from dspy.utils.callback import BaseCallback`."""

from __future__ import annotations

import sys


def inside(package: str, *paths: str) -> None:
    """What they spread over files is in one module here, and each of those paths leads to that module."""
    module = sys.modules[package]
    for path in paths:
        sys.modules[f"{package}.{path}"] = module
        if "." not in path and path not in vars(module):
            setattr(module, path, module)
