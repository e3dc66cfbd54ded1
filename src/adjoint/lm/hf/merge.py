"""A checkpoint with trained weights in it, for every other program that reads checkpoints."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import save_file

from adjoint.base.errors import UsageError
from adjoint.lm.hf.adapters import bare_copy

if TYPE_CHECKING:
    from pathlib import Path

    from adjoint.lm.hf.engine import Engine


def merge(engine: Engine, digest: str, folder: Path) -> None:
    """Write the checkpoint with these weights, in its own precision, into a new directory: run it by `engine.run`."""
    if folder.exists() and any(folder.iterdir()):
        message = f"{folder} is not empty; give a directory that a checkpoint can be written to."
        raise UsageError(message)
    model = engine.adapters.model(digest)
    made = bare_copy(model)
    for path, layer in model.named_modules():
        if isinstance(layer, BaseTunerLayer) and digest in layer.active_adapters:
            made.get_submodule(path).weight.data += layer.get_delta_weight(digest)
    folder.mkdir(parents=True, exist_ok=True)
    source = engine.checkpoint.folder
    for file in source.iterdir():
        if file.is_file() and not file.name.endswith((".safetensors", ".safetensors.index.json")):
            shutil.copyfile(file, folder / file.name)
    tensors = {name: value.detach().to("cpu").contiguous() for name, value in made.named_parameters()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
