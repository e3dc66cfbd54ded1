"""The Llama of the trainer: plain torch, explicit softmax attention (faster than SDPA on a CPU), names as in transformers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Shape:
    """Sizes of the model; heads have `width / heads` dimensions."""

    vocab: int
    width: int = 128
    layers: int = 6
    heads: int = 4
    hidden: int = 384
    context: int = 1024
    rope_base: float = 100_000.0
    eps: float = 1e-5

    def config(self) -> dict[str, Any]:
        """The `config.json` that transformers reads."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocab,
            "hidden_size": self.width,
            "intermediate_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads,
            "max_position_embeddings": self.context,
            "rope_theta": self.rope_base,
            "rms_norm_eps": self.eps,
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
            "tie_word_embeddings": True,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 5,
            "torch_dtype": "float16",
        }

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Block(nn.Module):
    """One layer: attention and a gated feed-forward, each behind an RMS norm."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.heads = s.heads
        self.eps = s.eps
        self.input_layernorm = nn.Parameter(torch.ones(s.width))
        self.post_attention_layernorm = nn.Parameter(torch.ones(s.width))
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Parameter(torch.empty(s.width, s.width)) for _ in range(4))
        self.gate_proj, self.up_proj = (nn.Parameter(torch.empty(s.hidden, s.width)) for _ in range(2))
        self.down_proj = nn.Parameter(torch.empty(s.width, s.hidden))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """x: [batch, time, width] -> the same."""
        b, t, d = x.shape
        h = F.rms_norm(x, (d,), self.input_layernorm.to(x.dtype), self.eps)
        qkv = F.linear(h, torch.cat([self.q_proj, self.k_proj, self.v_proj]))
        qk, v = qkv.view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).split((2, 1))
        (q, k), v = rotate(qk, cos, sin), v[0]
        scores = torch.matmul(q * (d // self.heads) ** -0.5, k.transpose(-1, -2)) + mask
        weights = torch.softmax(scores, -1)
        x = x + F.linear(torch.matmul(weights, v).transpose(1, 2).reshape(b, t, d), self.o_proj)
        h = F.rms_norm(x, (d,), self.post_attention_layernorm.to(x.dtype), self.eps)
        gate, up = F.linear(h, torch.cat([self.gate_proj, self.up_proj])).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, self.down_proj)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions, the halves of a head paired as transformers pairs them."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Llama(nn.Module):
    """Token ids -> hidden states; logits are the product with the tied embeddings."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Parameter(torch.empty(shape.vocab, shape.width))
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        size = shape.width // shape.heads
        inverse = shape.rope_base ** (-torch.arange(0, size, 2).float() / size)
        angles = torch.arange(shape.context).float()[:, None] * inverse
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        self.register_buffer("mask", torch.full((shape.context, shape.context), -1e9).triu(1), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """ids: [batch, time], padded on the right -> final normed hidden states [batch, time, width]."""
        t = ids.shape[1]
        x = F.embedding(ids, self.embed_tokens)
        dtype = torch.bfloat16 if torch.is_autocast_enabled("cpu") else x.dtype
        x = x.to(dtype)
        cos, sin, mask = self.cos[:t].to(dtype), self.sin[:t].to(dtype), self.mask[:t, :t].to(dtype)
        for block in self.layers:
            x = block(x, cos, sin, mask)
        return F.rms_norm(x.float(), (x.shape[-1],), self.norm, self.shape.eps)

    def matrices(self) -> list[nn.Parameter]:
        """The weight matrices of the layers, in a fixed order."""
        return [p for p in self.layers.parameters() if p.dim() == 2]


def exported(model: Llama) -> dict[str, Tensor]:
    """The weights under the names that transformers uses."""
    out = {"model.embed_tokens.weight": model.embed_tokens, "model.norm.weight": model.norm}
    for i, block in enumerate(model.layers):
        for name, value in block.named_parameters():
            group = (
                "self_attn."
                if name[0] in "qkvo" and name.endswith("_proj") and len(name) == 6
                else "mlp."
                if name.endswith("_proj")
                else ""
            )
            out[f"model.layers.{i}.{group}{name}.weight"] = value
    return {name: value.detach() for name, value in out.items()}
