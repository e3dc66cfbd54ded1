"""Text to token ids and back for the pocket model: a small reader of its `tokenizer.json`.

The vocabulary holds 256 bytes and whole words that carry their leading space. Where a word follows something other
than a space or a letter, the normaliser puts a join mark and a space in front of it, and decoding takes both away
again, so one word has one token wherever it stands.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from adjoint.lm.types import Message

JOIN = "\x01"
_NORMALISE = re.compile(r"(?<=[^A-Za-z0-9 \x01])(?=[A-Za-z0-9])")
_PIECES = re.compile(r"\n\x01?| ?[A-Za-z]+| ?[0-9]| ?[^ \t\r\nA-Za-z0-9\x01]\x01?|[ \t\r\x01]")
_CACHE_LIMIT = 50_000
_ROLES = {"system": "<|system|>", "user": "<|user|>", "tool": "<|user|>", "assistant": "<|assistant|>"}


def byte_characters() -> list[str]:
    """The printable character that stands for each of the 256 bytes in a byte-level vocabulary.

    >>> table = byte_characters()
    >>> table[65], table[32], len(set(table))
    ('A', 'Ġ', 256)
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    shifted = (chr(256 + number) for number in range(256))
    return [chr(byte) if byte in printable else next(shifted) for byte in range(256)]


class Tokenizer:
    """Encodes text and conversations; text can never become one of the special tokens."""

    def __init__(self, path: Path) -> None:
        data = json.loads(path.read_text(encoding="utf-8"))
        characters = byte_characters()
        specials = {token["content"]: int(token["id"]) for token in data["added_tokens"]}
        back = {character: byte for byte, character in enumerate(characters)}
        self._bytes: list[bytes] = [b""] * len(data["model"]["vocab"])
        self._ids: dict[bytes, int] = {}
        for token, number in data["model"]["vocab"].items():
            if token not in specials:
                raw = bytes(back[character] for character in token)
                self._bytes[number] = raw
                self._ids[raw] = number
        self._cache: dict[str, tuple[int, ...]] = {}
        self._role_ids = {role: specials[token] for role, token in _ROLES.items()}
        self.bos, self.end = specials["<|bos|>"], specials["<|end|>"]
        self._spelled = frozenset(self._ids[bytes([byte])] for byte in range(256) if byte > 127 or chr(byte).isalpha())

    def __len__(self) -> int:
        return len(self._bytes)

    def encode(self, text: str) -> list[int]:
        """The ids of a text. Lone surrogates, which no UTF-8 can hold, become question marks."""
        ids: list[int] = []
        for piece in _PIECES.findall(_NORMALISE.sub(JOIN + " ", text)):
            found = self._cache.get(piece)
            if found is None:
                found = self._encode_piece(piece)
            ids.extend(found)
        return ids

    def _encode_piece(self, piece: str) -> tuple[int, ...]:
        raw = piece.encode("utf-8", errors="replace")
        whole = self._ids.get(raw)
        found = (whole,) if whole is not None else tuple(self._ids[bytes([byte])] for byte in raw)
        if len(self._cache) < _CACHE_LIMIT:
            self._cache[piece] = found
        return found

    def decode(self, ids: Iterable[int]) -> str:
        """The text of the ids; special tokens are left out, broken UTF-8 becomes U+FFFD."""
        text = b"".join(self._bytes[number] for number in ids).decode("utf-8", errors="replace")
        return text.replace(JOIN + " ", "")

    def turns(self, messages: Sequence[Message]) -> list[int]:
        """The ids of the messages as the chat template writes them, without what opens the reply.

        A user turn is closed by the mark that opens the next turn, an assistant turn by the end mark.
        """
        ids = [self.bos]
        for message in messages:
            ids.append(self._role_ids[message.role])
            ids.extend(self.encode(" " + message.text))
            if message.role == "assistant":
                ids.append(self.end)
        return ids

    def reply_mark(self) -> int:
        """The id that opens a reply."""
        return self._role_ids["assistant"]

    def spelled_share(self, ids: Sequence[int]) -> float:
        """The share of ids, in [0, 1], that spell words byte by byte: words that the model does not know."""
        return sum(number in self._spelled for number in ids) / len(ids) if ids else 0.0
