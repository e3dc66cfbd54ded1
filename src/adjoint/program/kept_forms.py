"""The forms that `adjoint probe` has measured best for a model, kept in a file beside the ledger: `.adjoint/forms.json`."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from adjoint.base.errors import UsageError
from adjoint.base.json import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping


_NONE: Mapping[str, str] = {}


def forms_path() -> Path:
    """The file: `ADJOINT_FORMS`, by default `forms.json` in the directory of the default ledger."""
    named = os.environ.get("ADJOINT_FORMS")
    return Path(named) if named else Path(os.environ.get("ADJOINT_LEDGER", ".adjoint/ledger.db")).parent / "forms.json"


def kept_forms(model: str) -> Mapping[str, str]:
    """The form of each shape of outputs that was measured for the model; empty if nobody has probed it."""
    return _here(os.environ.get("ADJOINT_FORMS"), os.environ.get("ADJOINT_LEDGER"), os.getcwd()).get(model, _NONE)  # noqa: PTH109 - for every call


def keep_forms(model: str, forms: Mapping[str, str]) -> Path:
    """Keep the forms of a model, in the place of those that were kept before."""
    path = forms_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = {**_load(path), model: dict(forms)}
    path.write_bytes(canonical(known) + b"\n")
    _here.cache_clear()
    return path


@functools.lru_cache(maxsize=16)
def _here(*_: str | None) -> Mapping[str, Mapping[str, str]]:
    """The file, read once in a process and directory: a run is asked in one form from beginning to end."""
    return _load(forms_path())


def _load(path: Path) -> dict[str, Mapping[str, str]]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if all(isinstance(name, str) and isinstance(forms, dict) for name, forms in found.items()):
            return dict(found)
    except (ValueError, AttributeError):
        pass
    message = f"{path} does not hold forms by model; delete it, and run `adjoint probe MODEL` again."
    raise UsageError(message)
