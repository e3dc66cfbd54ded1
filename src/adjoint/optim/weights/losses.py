"""What a step minimises: the losses of SFT, DPO and GRPO over the log-probabilities of replies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import logsigmoid

from adjoint.base.errors import UsageError
from adjoint.lm.hf.chat import prompt_ids, reply_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.lm.hf.checkpoint import Checkpoint
    from adjoint.optim.weights.recipe import Recipe
    from adjoint.optim.weights.rows import Row


@dataclass(frozen=True)
class Text:
    """A prompt and a reply as token ids."""

    prompt: list[int]
    reply: list[int]


@dataclass(frozen=True)
class Item:
    """A training row in tokens, with what the reference model and the sampling model say of its replies, where that counts."""

    chosen: Text
    rejected: Text | None = None
    advantage: float = 1.0
    reference: tuple[Any, ...] = ()
    before: Any = None


def encode(checkpoint: Checkpoint, row: Row, max_length: int) -> Item:
    """A row as tokens, exactly as they stand when the model is asked. `UsageError` if it is too long."""
    tokenizer, encodes = checkpoint.tokenizer, checkpoint.encodes
    prompt = prompt_ids(tokenizer, row.messages, encodes=encodes)

    def text(reply: str) -> Text:
        made = Text(prompt, reply_ids(tokenizer, row.messages, reply, checkpoint.ends, encodes=encodes))
        size = len(made.reply) if encodes else len(prompt) + len(made.reply)
        most = min(max_length, checkpoint.context or max_length)
        if size > most:
            message = f"a training row has {size} tokens, above {most}: leave out demos (exclude_demos), drop the row, or raise max_length."
            raise UsageError(message)
        return made

    return Item(text(row.reply), None if row.rejected is None else text(row.rejected), row.advantage)


def logprobs(checkpoint: Checkpoint, model: Any, texts: Sequence[Text]) -> tuple[Any, Any]:
    """Log-probabilities of the tokens of the replies, and a mask of the same shape (texts, longest reply)."""
    size = max(len(text.reply) for text in texts)
    side = "right" if checkpoint.encodes else "left"
    labels = _padded([text.reply for text in texts], checkpoint, side)
    mask = _padded([[1] * len(text.reply) for text in texts], checkpoint, side, fill=0)
    run = _encoded if checkpoint.encodes else _decoded
    logits = run(checkpoint, model, texts, size, labels).float()
    found = torch.log_softmax(logits, -1).gather(-1, labels[..., None])[..., 0]
    return found * mask, mask


def _decoded(checkpoint: Checkpoint, model: Any, texts: Sequence[Text], size: int, labels: Any) -> Any:
    """Prompts and replies end in the same column, so that the logits of the replies are the last ones of all rows."""
    del labels
    ids = _padded([[*text.prompt, *text.reply] for text in texts], checkpoint, "left")
    mask = _padded([[1] * (len(text.prompt) + len(text.reply)) for text in texts], checkpoint, "left", fill=0)
    places = (mask.cumsum(-1) - 1).clamp(min=0)
    made = model(input_ids=ids, attention_mask=mask, position_ids=places, logits_to_keep=size + 1, use_cache=False)
    return made.logits[:, :-1]


def _encoded(checkpoint: Checkpoint, model: Any, texts: Sequence[Text], size: int, labels: Any) -> Any:
    del size
    start = torch.full((len(texts), 1), model.config.decoder_start_token_id, device=checkpoint.device)
    ids = _padded([text.prompt for text in texts], checkpoint, "right")
    mask = _padded([[1] * len(text.prompt) for text in texts], checkpoint, "right", fill=0)
    made = model(input_ids=ids, attention_mask=mask, decoder_input_ids=torch.cat([start, labels[:, :-1]], 1), use_cache=False)
    return made.logits


def _padded(rows: list[list[int]], checkpoint: Checkpoint, side: str, fill: int | None = None) -> Any:
    size, pad = max(map(len, rows)), checkpoint.pad if fill is None else fill
    if side == "left":
        return torch.tensor([[pad] * (size - len(row)) + row for row in rows], device=checkpoint.device)
    return torch.tensor([row + [pad] * (size - len(row)) for row in rows], device=checkpoint.device)


def loss(checkpoint: Checkpoint, model: Any, items: Sequence[Item], recipe: Recipe, weight: float) -> Any:
    """The share that these rows have in the loss of a step; `weight` is one over what the step sums over (`units`)."""
    return _LOSSES[recipe.method](checkpoint, model, items, recipe) * weight


def units(items: Sequence[Item], recipe: Recipe) -> int:
    """What the loss of a step is the mean over: tokens of replies for SFT, rows for the others."""
    return sum(len(item.chosen.reply) for item in items) if recipe.method == "sft" else len(items)


def _sft(checkpoint: Checkpoint, model: Any, items: Sequence[Item], recipe: Recipe) -> Any:
    del recipe
    found, _ = logprobs(checkpoint, model, [item.chosen for item in items])
    return -found.sum()


def _dpo(checkpoint: Checkpoint, model: Any, items: Sequence[Item], recipe: Recipe) -> Any:
    """-log sigmoid(beta (log p(chosen)/ref(chosen) - log p(rejected)/ref(rejected))); Rafailov et al. (2023), equation 7."""
    texts = [text for item in items for text in (item.chosen, item.rejected) if text is not None]
    found, _ = logprobs(checkpoint, model, texts)
    reference = torch.tensor([value for item in items for value in item.reference], device=found.device)
    gain = (found.sum(-1) - reference).view(-1, 2)
    return -logsigmoid(recipe.beta * (gain[:, 0] - gain[:, 1])).sum()


def _grpo(checkpoint: Checkpoint, model: Any, items: Sequence[Item], recipe: Recipe) -> Any:
    """The clipped surrogate with the k3 estimate of the KL divergence; Shao et al. (2024), equations 3 and 4."""
    found, mask = logprobs(checkpoint, model, [item.chosen for item in items])
    before = _laid_out([item.before for item in items], mask)
    gains = torch.tensor([[item.advantage] for item in items], device=found.device)
    ratio = torch.exp(found - before)
    surrogate = torch.minimum(ratio * gains, ratio.clamp(1 - recipe.clip, 1 + recipe.clip) * gains)
    if recipe.beta:
        apart = _laid_out([item.reference[0] for item in items], mask) - found
        surrogate = surrogate - recipe.beta * (torch.exp(apart) - apart - 1)
    return -((surrogate * mask).sum(-1) / mask.sum(-1)).sum()


def _laid_out(values: list[Any], mask: Any) -> Any:
    """Values of tokens, one tensor a row, where the mask has the tokens of that row."""
    made = torch.zeros(mask.shape, device=mask.device)
    made[mask.bool()] = torch.cat(values).to(mask.device)
    return made


_LOSSES = {"sft": _sft, "dpo": _dpo, "grpo": _grpo}
