"""Adapters of a model in memory: put on, taken off and read out, without touching the base."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from adjoint.base.errors import UsageError
from adjoint.lm import weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.base.json import Json
    from adjoint.lm.hf.checkpoint import Checkpoint

_KEPT = 8
"""Adapters that stay on a model at once; whole models that stay beside it are half as many."""


class Adapters:
    """What a checkpoint can answer with: its own weights, adapters on top of them, or other weights of the same shape."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._lora: OrderedDict[str, None] = OrderedDict()
        self._whole: OrderedDict[str, Any] = OrderedDict()

    def model(self, digest: str | None) -> Any:
        """The model that answers with these weights; None are the checkpoint's own. Raises `UsageError` if they do not fit."""
        if digest is None:
            use(self.checkpoint.model, None)
            return self.checkpoint.model
        about = weights.about(digest)
        if about["base"] != self.checkpoint.fingerprint:
            message = f"the weights {digest[:12]} were trained from another checkpoint than {self.checkpoint.folder}; use the LM that they were trained from."
            raise UsageError(message)
        if about["kind"] == "full":
            return self._own(digest)
        if digest not in self._lora:
            self._put_on(digest, about)
        self._lora.move_to_end(digest)
        use(self.checkpoint.model, digest)
        return self.checkpoint.model

    def _put_on(self, digest: str, about: Mapping[str, Any]) -> None:
        add(self.checkpoint.model, digest, Shape(about["rank"], about["alpha"], about["targets"]))
        self._lora[digest] = None
        try:
            fill(self.checkpoint.model, digest, tensors(digest))
        except UsageError:
            self._take_off(digest)
            raise
        while len(self._lora) > _KEPT:
            self._take_off(next(iter(self._lora)))

    def _take_off(self, digest: str) -> None:
        del self._lora[digest]
        remove(self.checkpoint.model, digest)

    def _own(self, digest: str) -> Any:
        if digest not in self._whole:
            made = bare_copy(self.checkpoint.model)
            held = tensors(digest)
            if {name: tensor.shape for name, tensor in held.items()} != {
                name: one.shape for name, one in made.named_parameters()
            }:
                message = f"the weights {digest[:12]} do not fit {self.checkpoint.folder}; train again."
                raise UsageError(message)
            made.load_state_dict(held, strict=False)  # what shares the numbers of another name is not repeated in a file
            self._whole[digest] = made
        self._whole.move_to_end(digest)
        while len(self._whole) > _KEPT // 2:
            self._whole.popitem(last=False)
        return self._whole[digest]


@dataclass(frozen=True)
class Shape:
    """The form of a LoRA adapter: its rank, its scale `alpha`, and the layers it sits on ("all-linear": all but the head)."""

    rank: int
    alpha: float
    targets: str | list[str]


def add(model: Any, name: str, shape: Shape, *, dropout: float = 0.0) -> None:
    """Put a fresh LoRA adapter on a model (Hu et al., 2021): W x + alpha / rank * B A x, with B = 0 to begin with."""
    # PEFT writes down the layers that "all-linear" has found, and that only for its own kind of model.
    targets = shape.targets if isinstance(shape.targets, list) else list(linear_layers(model))
    config = LoraConfig(r=shape.rank, lora_alpha=shape.alpha, target_modules=targets, lora_dropout=dropout, bias="none")
    known = vars(model).pop("peft_config", {})  # PEFT warns of adapters that are on already; here they are meant to be
    inject_adapter_in_model(config, model, adapter_name=name)
    model.peft_config = {**known, **model.peft_config}


def linear_layers(model: Any) -> dict[str, int]:
    """All linear layers but the output head, which shares the embeddings in small models: the last part of the name, and the width."""
    head = model.get_output_embeddings()
    found: dict[str, int] = {}
    for path, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear) and layer is not head and ".lora_" not in path:
            name = path.removesuffix(".base_layer").rpartition(".")[2]  # beneath an adapter that is on already
            found[name] = max(found.get(name, 0), layer.in_features, layer.out_features)
    return dict(sorted(found.items()))


def fill(model: Any, name: str, tensors: Mapping[str, Any]) -> None:
    """Set the numbers of an adapter. Raises `UsageError` if they do not fit the model."""
    try:
        report = set_peft_model_state_dict(model, dict(tensors), adapter_name=name)
    except RuntimeError as error:
        message = f"the weights {name[:12]} do not fit the model: {str(error).splitlines()[0]}"
        raise UsageError(message) from error
    if report.unexpected_keys:
        message = f"the weights {name[:12]} do not fit the model: it has no {min(report.unexpected_keys)}."
        raise UsageError(message)


def remove(model: Any, name: str) -> None:
    """Take an adapter off, with its numbers."""
    for layer in _layers(model):
        layer.set_adapter([])  # PEFT would put another one in its place, and say so
        layer.delete_adapter(name)
    del model.peft_config[name]


def bare_copy(model: Any) -> Any:
    """A model of its own with the base's weights and without adapters."""
    made = type(model)(model.config).to(device=model.device, dtype=model.dtype)
    base = {name.replace(".base_layer.", "."): value for name, value in model.state_dict().items() if ".lora_" not in name}
    made.load_state_dict(base)
    made.generation_config = model.generation_config
    return made.eval()


def parameters(model: Any, name: str) -> dict[str, Any]:
    """The numbers of an adapter by name, in a fixed order."""
    found = get_peft_model_state_dict(model, adapter_name=name)
    return {key: found[key] for key in sorted(found)}


def targets_of(model: Any, name: str) -> list[str]:
    """The last parts of the names of the layers that an adapter sits on."""
    return sorted(
        {
            path.rpartition(".")[2]
            for path, layer in model.named_modules()
            if isinstance(layer, BaseTunerLayer) and name in layer.active_adapters
        }
    )


def packed(tensors: Mapping[str, Any], about: Mapping[str, Json]) -> bytes:
    """Numbers as the bytes of a safetensors file, which are the same for the same numbers."""
    held = {name: tensor.detach().to("cpu").contiguous() for name, tensor in sorted(tensors.items())}
    made: bytes = save(held, metadata=weights.metadata(about))
    return made


def use(model: Any, name: str | None) -> None:
    """Let an adapter answer; None lets the base alone."""
    for layer in _layers(model):
        layer.enable_adapters(name is not None)
        if name is not None:
            layer.set_adapter(name)


def _layers(model: Any) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, BaseTunerLayer)]


def tensors(digest: str) -> dict[str, Any]:
    """The numbers of weights of the store by name."""
    try:
        found: dict[str, Any] = load_file(weights.find(digest))
    except SafetensorError as error:
        message = f"{weights.find(digest)} cannot be read: {error}. Train again."
        raise UsageError(message) from None
    return found
