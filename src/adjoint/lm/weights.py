"""Weights that training has made: one safetensors file for an adapter or a whole model, named by the SHA-256 of its bytes.

Files are read as safetensors only, which holds numbers and no code, and a file whose bytes do not fit its name is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.errors import UsageError
from adjoint.base.json import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from adjoint.base.json import Json

ADAPTER, MODEL = "adapter", "model"
"""What a `weights` parameter may name: a file of this store, or a model that a provider has tuned."""
_ABOUT = "adjoint"
_BLOCK = 1 << 20

_places: dict[str, Path] = {}
"""Where this process has found weights and seen that they are whole."""


def home() -> Path:
    """The directory of weights: `ADJOINT_WEIGHTS`, by default `.adjoint/weights` of this directory."""
    return Path(os.environ.get("ADJOINT_WEIGHTS", ".adjoint/weights")).resolve()


def metadata(about: Mapping[str, Json]) -> dict[str, str]:
    """The header that says what a file holds, for safetensors' `metadata=`."""
    return {_ABOUT: canonical(about).decode()}


def keep(data: bytes) -> str:
    """Put the bytes of a safetensors file into the store; gives their digest. Doing it again changes nothing."""
    digest = hashlib.sha256(data).hexdigest()
    path = _file(home(), digest)
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(data)
        part.replace(path)  # a file under its name is always whole
    _places[digest] = path
    return digest


def find(digest: str) -> Path:
    """The file of these weights, checked once in a process. Raises `UsageError` if there is none or it is not whole."""
    known = _places.get(digest)
    if known is None or not known.exists():
        known = _places[digest] = _checked(_file(home(), digest), digest)
    return known


def about(digest: str) -> dict[str, Any]:
    """What the weights are: `kind` ("lora" or "full"), the `base` that they were trained from, and their settings."""
    path = find(digest)
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size)) if size < path.stat().st_size else {}
    try:
        found: dict[str, Any] = json.loads(header["__metadata__"][_ABOUT])
    except (KeyError, TypeError, ValueError):
        message = f"{path} does not say what its weights are; it was not made by training here. Train again, or take it out of the program."
        raise UsageError(message) from None
    return found


def named(state: Mapping[str, Any]) -> list[str]:
    """The digests that the weights parameters of a state name, each once, in order."""
    values = [value for name, value in state.items() if name.rpartition(".")[2] == "weights" and isinstance(value, dict)]
    return list(dict.fromkeys(value[ADAPTER] for value in values if ADAPTER in value))


def save_beside(program: Path, digests: Iterable[str]) -> None:
    """Copy weights into the directory that belongs to a saved program."""
    for digest in digests:
        target = _file(_beside(program), digest)
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(find(digest), target)


def load_beside(program: Path, digests: Iterable[str]) -> None:
    """Make the weights beside a saved program known, after checking each of them; those of the store will do as well."""
    for digest in digests:
        path = _file(_beside(program), digest)
        _places[digest] = _checked(path if path.exists() else _file(home(), digest), digest)


def _beside(program: Path) -> Path:
    return program.with_suffix(".weights")


def _file(folder: Path, digest: str) -> Path:
    if len(digest) != hashlib.sha256().digest_size * 2 or not digest.isalnum():
        message = f"{digest!r} names no weights; their name is the SHA-256 of their file in hexadecimal digits."
        raise UsageError(message)
    return folder / f"{digest}.safetensors"


def _checked(path: Path, digest: str) -> Path:
    """The path, if its bytes are those that the name says."""
    if not path.is_file():
        message = (
            f"the weights {digest[:12]} are not in {path.parent}. A program is saved with its weights in the directory beside it "
            "(NAME.weights): keep the two together, or set ADJOINT_WEIGHTS to the directory that has them."
        )
        raise UsageError(message)
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total.update(block)
    if total.hexdigest() != digest:
        message = f"{path} is not as it was saved: its bytes do not fit its name. Copy it again, or train again."
        raise UsageError(message)
    return path
