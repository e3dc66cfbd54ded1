"""Settings of the directory: `[tool.adjoint]` in `pyproject.toml`, or `adjoint.toml`, which wins."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adjoint.base.errors import UnknownNameError, UsageError

MODEL = "pocket"
"""The embedded model: what answers if nothing else is named."""


@dataclass(frozen=True)
class Settings:
    """What a directory may set; None where it does not."""

    model: str | None = None
    ledger: str | None = None


def read_settings() -> Settings:
    """The settings of the current directory. Raises `UsageError` for a file that cannot be read."""
    own, shared = Path("adjoint.toml"), Path("pyproject.toml")
    if own.exists():
        return _settings(_toml(own), own)
    return _settings(_toml(shared).get("tool", {}).get("adjoint", {}), shared) if shared.exists() else Settings()


def model_name(given: str | None) -> str:
    """The model to use: as given, else `ADJOINT_MODEL`, else the settings, else the embedded one."""
    return given or os.environ.get("ADJOINT_MODEL") or read_settings().model or MODEL


def ledger_path(given: str | None) -> str:
    """The ledger to use: as given, else `ADJOINT_LEDGER`, else the settings, else the one of this directory."""
    return given or os.environ.get("ADJOINT_LEDGER") or read_settings().ledger or ".adjoint/ledger.db"


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        message = f"{file.name} cannot be read: {error}. Correct it, or move it away."
        raise UsageError(message) from None


def _settings(table: Any, file: Path) -> Settings:
    known = list(Settings.__dataclass_fields__)
    for name, value in table.items():
        if name not in known:
            raise UnknownNameError.of(f"setting in {file.name}", name, known)
        if not isinstance(value, str):
            message = f"{file.name}: {name} is {value!r}; write a text."
            raise UsageError(message)
    return Settings(**table)
