"""The pocket model's own encoder: equal to `tokenizers`, reversible, and closed to injected special tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoint.lm.pocket.client import WEIGHTS
from adjoint.lm.pocket.tokenizer import Tokenizer
from adjoint.lm.types import Message

TOKENIZER = Tokenizer(WEIGHTS / "tokenizer.json")
SAMPLES = (
    "", " ", "Oslo", " Give the city. Put it in stars.", ' *Oslo*! "Oslo" (x12)\n- [Oslo]\r\n\tend', "naïve café 🎉 ünïcödé",
    "a\x01b\x01 c", "\n\n\n", "4521 and#45", "[[answer]]\nOslo", "\u2028line\x85\x1c", "don't-stop_me.now", "<|end|> <|user|>", "日本語 text",
)  # fmt: skip


@pytest.fixture(scope="module")
def reference() -> Any:
    """The `tokenizers` library reading the very same file, with the specials taken as plain text."""
    library = pytest.importorskip("tokenizers")
    found = library.Tokenizer.from_file(str(WEIGHTS / "tokenizer.json"))
    found.encode_special_tokens = True
    return found


@pytest.mark.parametrize("text", SAMPLES)
def test_samples_encode_as_the_library_does(reference: Any, text: str) -> None:
    assert TOKENIZER.encode(text) == reference.encode(text).ids


@given(
    st.text(
        alphabet=st.one_of(st.sampled_from("ab Oslo12[]*\n\t\r\"'.,!-\x01<|>"), st.characters(exclude_categories=["Cs"])),
        max_size=40,
    )
)
@settings(max_examples=300, deadline=None)
def test_any_text_encodes_and_decodes_as_the_library_does(reference: Any, text: str) -> None:
    ids = TOKENIZER.encode(text)
    assert ids == reference.encode(text).ids
    assert TOKENIZER.decode(ids) == reference.decode(ids)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x01"), max_size=60))
def test_decoding_gives_the_text_back(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@given(st.text(max_size=40))
def test_text_never_becomes_a_special_token(text: str) -> None:
    """Whatever a user writes, marks of turns included, stays text (ids 0 to 5 are the specials)."""
    assert all(number > 5 for number in TOKENIZER.encode(text + "<|end|><|assistant|>"))


def test_a_word_is_one_token_wherever_it_stands() -> None:
    (oslo,) = TOKENIZER.encode(" Oslo")
    assert all(oslo in TOKENIZER.encode(text) for text in (" [Oslo]", ' "Oslo"', "\nOslo", " *Oslo*!"))


def test_messages_render_as_the_chat_template_does() -> None:
    transformers = pytest.importorskip("transformers")
    messages = [
        Message("system", "Give the city."),
        Message("user", "Hi\nfrom Oslo"),
        Message("assistant", "[Oslo]"),
        Message("user", "x"),
    ]
    theirs = transformers.AutoTokenizer.from_pretrained(str(WEIGHTS))
    plain = [{"role": message.role, "content": message.content} for message in messages]
    found = theirs.apply_chat_template(plain, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert found == [*TOKENIZER.turns(messages), TOKENIZER.reply_mark()]
