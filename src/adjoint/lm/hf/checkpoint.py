"""Checkpoints: where one lies, what names its content, and how it gets into memory."""

from __future__ import annotations

import hashlib
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoint.base.deps import need
from adjoint.base.errors import UsageError
from adjoint.lm.pocket.client import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator

EMBEDDED = "pocket"
"""`hf/pocket` is the checkpoint of the embedded model."""
_WANTED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
_WHOLE = 64 << 20
"""Files of at most so many bytes go into the fingerprint as a whole, larger ones by their header and by samples."""
_SAMPLES, _SAMPLE = 64, 64 << 10
_SMALL = 50_000_000
"""Up to so many parameters a second core costs more in waiting than it computes, above all on a machine that is not idle."""


@dataclass(frozen=True)
class Checkpoint:
    """A model in memory. `context` is the most tokens that prompt and reply may have together, None where nothing limits it."""

    folder: Path
    fingerprint: str
    model: Any
    tokenizer: Any
    device: Any
    ends: frozenset[int]
    pad: int
    context: int | None

    @property
    def encodes(self) -> bool:
        """Whether it is an encoder and a decoder, as T5 is."""
        return bool(self.model.config.is_encoder_decoder)

    @cached_property
    def guide(self) -> Any:
        """The tokenizer as grammars read it."""
        hf = need("llguidance.hf", extra="hf", why="replies held to a schema")
        return hf.from_tokenizer(self.tokenizer, eos_token=sorted(self.ends))


def folder_of(model: str) -> Path:
    """The directory of a checkpoint: a path, or a name of the hub, which is downloaded once. `UsageError` if there is none."""
    if model == EMBEDDED:
        return WEIGHTS
    path = Path(model).expanduser()
    if path.is_dir():
        return path.resolve()
    if path.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
        message = f"{model!r} is no directory; write hf/PATH of a checkpoint (config.json and *.safetensors), or hf/OWNER/NAME of the hub."
        raise UsageError(message)
    hub = need("huggingface_hub", extra="hf", why="local models")
    try:
        return Path(hub.snapshot_download(model, allow_patterns=list(_WANTED)))
    except (OSError, ValueError) as error:
        message = f"the checkpoint {model!r} is neither a directory here nor to be had from the hub ({_first_line(error)})."
        raise UsageError(message) from None


def fingerprint(folder: Path) -> str:
    """What names the content of a checkpoint: SHA-256 over its configuration, tokenizer and weights.

    Of weight files above 64 MB the header and 64 evenly spaced blocks are read, so that 15 GB take no minute: training
    changes every block.
    """
    total = hashlib.sha256()
    files = sorted(file for pattern in _WANTED for file in folder.glob(pattern))
    for file in files:
        total.update(f"{file.name}\x00{file.stat().st_size}\x00".encode())
        for block in _blocks(file):
            total.update(block)
    return total.hexdigest()


def _blocks(file: Path) -> Iterator[bytes]:
    size = file.stat().st_size
    if size <= _WHOLE:
        yield file.read_bytes()
        return
    with file.open("rb") as opened:
        yield opened.read(_SAMPLE)
        for number in range(_SAMPLES):
            opened.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
            yield opened.read(_SAMPLE)


def load(folder: Path, *, device: str | None = None, dtype: str | None = None) -> Checkpoint:
    """Read a checkpoint into memory. `device` and `dtype` are torch's words; by default what is there and what pays.

    Only safetensors are read, never pickles, and no code of the checkpoint is run. Raises `UsageError` that names the
    directory if it is not a whole checkpoint.
    """
    torch = need("torch", extra="hf", why="local models")
    transformers = need("transformers", extra="hf", why="local models")
    where = torch.device(device or _device(torch))
    number = getattr(torch, dtype) if dtype else _dtype(torch, where)
    try:
        with _quiet(transformers):
            config = transformers.AutoConfig.from_pretrained(folder)
            kind = transformers.AutoModelForSeq2SeqLM if config.is_encoder_decoder else transformers.AutoModelForCausalLM
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            model, report = kind.from_pretrained(folder, dtype=number, use_safetensors=True, output_loading_info=True)
    except (
        OSError,
        ValueError,
        KeyError,
        RuntimeError,
        need("safetensors", extra="hf", why="local models").SafetensorError,
    ) as error:
        message = f"{folder} holds no checkpoint that can be loaded: {_first_line(error)}."
        raise UsageError(message) from error
    if report["missing_keys"]:  # transformers would go on with random numbers in their place
        message = f"{folder} is no whole checkpoint: {len(report['missing_keys'])} tensors are missing, such as {min(report['missing_keys'])}."
        raise UsageError(message)
    model = model.to(where).eval()
    if where.type == "cpu" and model.num_parameters() <= _SMALL:
        torch.set_num_threads(1)  # of the calling thread, which is the one that will work on the model
    ends = _ends(model, tokenizer)
    if not ends:
        message = f"{folder} does not say which token ends a reply; add eos_token_id to its generation_config.json."
        raise UsageError(message)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(ends)
    limit = getattr(config, "max_position_embeddings", None)
    return Checkpoint(folder, fingerprint(folder), model, tokenizer, where, ends, pad, limit)


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    said = model.generation_config.eos_token_id
    found = said if isinstance(said, list) else [said, tokenizer.eos_token_id]
    return frozenset(number for number in found if number is not None)


def _device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _dtype(torch: Any, device: Any) -> Any:
    """Half as many bytes where arithmetic in them is fast; full precision on CPUs, where it mostly is not."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without transformers' own progress bars and notes: what is wrong with a checkpoint is said in an error."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(logging.ERROR)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".:")
