"""Checkpoints made on the spot: a Llama and a T5 of random numbers, with the embedded model's tokenizer."""

from __future__ import annotations

import json
import shutil

import pytest

from adjoint.lm.pocket.client import WEIGHTS

TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
EMBEDDED = json.loads((WEIGHTS / "config.json").read_text())
TOKENS = {name: EMBEDDED[name] for name in ("vocab_size", "pad_token_id", "eos_token_id")}


def saved(folder, model):
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = TOKENS["eos_token_id"], TOKENS["pad_token_id"]
    model.save_pretrained(folder)
    for name in TOKENIZER:
        shutil.copyfile(WEIGHTS / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    """A decoder of two layers with grouped heads, as Llama 3 and Qwen have them."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        **TOKENS, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=256, bos_token_id=EMBEDDED["bos_token_id"], initializer_range=0.5,
    )  # fmt: skip
    return saved(tmp_path_factory.mktemp("llama"), transformers.LlamaForCausalLM(config))


@pytest.fixture(scope="session")
def t5(tmp_path_factory):
    """An encoder and a decoder of two layers each; it has no chat template."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.T5Config(
        **TOKENS, d_model=64, d_ff=128, d_kv=16, num_layers=2, num_heads=4, decoder_start_token_id=TOKENS["pad_token_id"], dropout_rate=0.0, feed_forward_proj="gated-gelu", tie_word_embeddings=False,
    )  # fmt: skip
    folder = saved(tmp_path_factory.mktemp("t5"), transformers.T5ForConditionalGeneration(config))
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "pad_token": "<|pad|>", "clean_up_tokenization_spaces": false}'
    )
    return folder
