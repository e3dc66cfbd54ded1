"""Builds the tokenizer files: 256 bytes, the world's words with a leading space, and the chat specials.

A word has one token wherever it stands. Where no space or letter precedes it, a join mark (U+0001) and a space are put before it
by the normaliser and taken away again by the decoder, so `[Oslo]` is `[`+join, ` Oslo`, `]`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path
from random import Random

import labels
import mixture
import words as w
import world
from render import META, meta_system

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "src" / "adjoint" / "lm" / "pocket" / "weights"

JOIN = "\x01"
NORMALISE = r"(?<=[^A-Za-z0-9 \x01])(?=[A-Za-z0-9])"
PRETOKENS = r"\n\x01?| ?[A-Za-z]+| ?[0-9]| ?[^ \t\r\nA-Za-z0-9\x01]\x01?|[ \t\r\x01]"
SPECIALS = ("<|pad|>", "<|bos|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
#: A user turn has no end mark of its own: the assistant mark follows its last word directly (it closes the turn).
CHAT_TEMPLATE = (
    "{{ '<|bos|>' }}{% for message in messages %}{{ '<|' + message['role'] + '|> ' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
PUNCTUATION = "!\"'()*+,-./:;<=>?@[]_`#&$%|{}"
SIZE = 4096
#: Words of prompts that came later; appended, so that the ids of all others stay.
LATER = (
    "Call", "observations", "enough", "lookup", "string", "Tells", "known", "args", "arguments", "matches", "additionalProperties", "type",
    "observation", "trajectory", "texts", "through", "remarks", "everything", "Points", "rare", "severe", "calls", "edits", "alone", "edit",
    "block", "passage", "thought", "Ends", "once", "schema", "properties", "required", "number", "integer", "boolean", "search", "query",
    "Search", "result", "results",
)  # fmt: skip


def byte_alphabet() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte, as the ByteLevel pre-tokenizer uses it."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in kept}
    for shift, byte in enumerate(b for b in range(256) if b not in table):
        table[byte] = chr(256 + shift)
    return table


def pieces(text: str) -> list[str]:
    """The pre-tokens of `text`, which joined give its normalised form."""
    return re.findall(PRETOKENS, re.sub(NORMALISE, JOIN + " ", text))


def vocabulary() -> list[str]:
    """All tokens after the specials and bytes, most needed first, as raw text."""
    counts: Counter[str] = Counter()
    rng = Random(0)
    for _ in range(25_000):
        talk = mixture.draw(rng)
        if not talk.family.startswith("labels"):  # their made-up codes are to stay bytes
            for _, text, _ in talk.turns:
                counts.update(pieces(" " + text))
    wanted: dict[str, None] = {}
    for name in META:
        wanted.update(dict.fromkeys(pieces(" " + meta_system(name))))
    for group in (
        w.COMMON,
        labels.VOCABULARY,
        w.ING,
        w.LIKE,
        w.DISLIKE,
        (
            piece.strip()
            for lines in (*w.TOPICS.values(), *w.SUBJECTS.values(), *w.URGENCY.values(), *w.LANGUAGES.values())
            for line in lines
            for piece in pieces(" " + line)
            if piece.strip().isalpha()
        ),
    ):
        wanted.update(dict.fromkeys(" " + word for word in group))
    for text in (*world.HELD_OUT_GIVE, *world.HELD_OUT_ASK_TO, *world.HELD_OUT_VAGUE, *world.HELD_OUT_FORMAT_TEXT.values()):
        wanted.update(dict.fromkeys(pieces(" " + text)))
    wanted.update(dict.fromkeys(piece for text in world.wordings() for piece in pieces(" " + text)))
    for mark in PUNCTUATION:
        wanted.update(dict.fromkeys((" " + mark, mark + JOIN, " " + mark + JOIN)))
    wanted.update(dict.fromkeys(("\n" + JOIN, *(f" {d}" for d in range(10)))))
    wanted.update(dict.fromkeys(piece for piece, n in counts.most_common() if n >= 3))
    capitals = [" " + word.capitalize() for word in w.COMMON if word.isalpha()]
    wanted.update(dict.fromkeys(capitals))
    return [piece for piece in wanted if len(piece.encode()) > 1]


def build(size: int) -> tuple[dict[str, object], dict[str, object]]:
    """(tokenizer.json, tokenizer_config.json) with exactly `size` tokens."""
    table = byte_alphabet()
    spell = lambda text: "".join(table[b] for b in text.encode())  # noqa: E731 - used twice, right here
    vocab = {token: i for i, token in enumerate(SPECIALS)}
    for byte in range(256):
        vocab[table[byte]] = len(vocab)
    for piece in vocabulary():
        if len(vocab) < size:
            vocab.setdefault(spell(piece), len(vocab))
    print(f"{len(vocab)} tokens")
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": token, **special} for i, token in enumerate(SPECIALS)],
        "normalizer": {"type": "Replace", "pattern": {"Regex": NORMALISE}, "content": JOIN + " "},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": PRETOKENS}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
            ],
        },
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
                {"type": "Replace", "pattern": {"String": JOIN + " "}, "content": ""},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,
            "vocab": vocab,
            "merges": [],
        },
    }
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|bos|>",
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "model_max_length": 1024,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    return tokenizer, config


def extend(path: Path) -> None:
    """Appends the words of LATER that the file at `path` lacks."""
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    vocab = tokenizer["model"]["vocab"]
    for word in LATER:
        vocab.setdefault(f"Ġ{word}", len(vocab))
    path.write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


class Encoder:
    """Text -> ids for the trainer, with a cache by piece. The package has its own; a test holds the two equal."""

    def __init__(self, path: Path) -> None:
        self.vocab: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
        self._table = byte_alphabet()
        self._cache: dict[str, list[int]] = {}
        self._find = re.compile(PRETOKENS).findall
        self._join = re.compile(NORMALISE).sub

    def __call__(self, text: str) -> list[int]:
        ids: list[int] = []
        for piece in self._find(self._join(JOIN + " ", text)):
            found = self._cache.get(piece)
            if found is None:
                spelled = "".join(self._table[b] for b in piece.encode())
                found = [self.vocab[spelled]] if spelled in self.vocab else [self.vocab[c] for c in spelled]
                if len(self._cache) < 100_000:
                    self._cache[piece] = found
            ids += found
        return ids


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PACKAGE)
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--extend", action="store_true", help="keep the tokens that there are and append LATER")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.extend:
        extend(args.out / "tokenizer.json")
        return
    tokenizer, config = build(args.size)
    (args.out / "tokenizer.json").write_text(
        json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )
    (args.out / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
