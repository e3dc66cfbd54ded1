"""Conversations as token ids: by the checkpoint's chat template, or plainly where it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2.exceptions import TemplateError

from adjoint.base.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.lm.types import Message

PLAIN_STOP = "\nUser:"
"""Where a reply of a decoder without a chat template ends: where the next turn would begin."""
_NAMES = {"user": "User", "assistant": "Assistant", "tool": "Tool"}
_HOLE = "\ue000{}\ue001"
"""Stands for a content while the template is applied; private-use characters, which no template knows."""


def prompt_ids(tokenizer: Any, messages: Sequence[Message], *, encodes: bool = False) -> list[int]:
    """The ids of a prompt, up to where the reply begins.

    With a chat template it decides. Without one a decoder reads `User: ...` and `Assistant:` paragraphs, and an encoder
    (`encodes`) the texts line by line. Words of the user can never become the checkpoint's special tokens.
    """
    if tokenizer.chat_template is None:
        ids: list[int] = tokenizer(_plain(messages, encodes=encodes), split_special_tokens=True).input_ids
        return ids
    turns = [{"role": message.role, "content": message.text} for message in messages]
    if not _holds_special(tokenizer, turns):
        return _ids(tokenizer, _templated(tokenizer, turns))
    holes = [{**turn, "content": _HOLE.format(number)} for number, turn in enumerate(turns)]
    return _filled(tokenizer, _templated(tokenizer, holes), [turn["content"] for turn in turns])


def reply_ids(
    tokenizer: Any, messages: Sequence[Message], reply: str, ends: frozenset[int], *, encodes: bool = False
) -> list[int]:
    """The ids that a model is to write after `prompt_ids(...)` to give this reply, with the token that ends it."""
    if tokenizer.chat_template is None:
        said = reply if encodes else f" {reply}"
        ids = tokenizer(said, add_special_tokens=False, split_special_tokens=True).input_ids
    else:
        turns = [{"role": message.role, "content": message.text} for message in messages]
        whole = _rendered(tokenizer, [*turns, {"role": "assistant", "content": _HOLE.format(0)}], opened=False)
        # Up to the hole stands what the template puts between the mark of the reply and its words.
        between = whole.partition(_HOLE.format(0))[0].removeprefix(_rendered(tokenizer, turns))
        space = between if between.isspace() else ""
        ids = tokenizer(space + reply, add_special_tokens=False, split_special_tokens=True).input_ids
    return [*ids, tokenizer.eos_token_id if tokenizer.eos_token_id in ends else min(ends)]


def _plain(messages: Sequence[Message], *, encodes: bool) -> str:
    if encodes:
        return "\n".join(message.text for message in messages)
    parts = [f"{_NAMES[message.role]}: {message.text}" if message.role in _NAMES else message.text for message in messages]
    return "\n\n".join([*parts, "Assistant:"])


def _templated(tokenizer: Any, turns: list[dict[str, str]]) -> str:
    """The conversation as text. A template that knows no system message gets its words before the first user's."""
    try:
        return _rendered(tokenizer, turns)
    except TemplateError as error:
        system = [turn["content"] for turn in turns if turn["role"] == "system"]
        rest = [turn for turn in turns if turn["role"] != "system"]
        if not (system and rest and rest[0]["role"] == "user"):
            message = f"the chat template of this checkpoint refuses the conversation: {error}."
            raise RequestError(message) from error
        first = {**rest[0], "content": "\n\n".join([*system, rest[0]["content"]])}
    try:
        return _rendered(tokenizer, [first, *rest[1:]])
    except TemplateError as error:
        message = f"the chat template of this checkpoint refuses the conversation: {error}."
        raise RequestError(message) from error


def _rendered(tokenizer: Any, turns: list[dict[str, str]], *, opened: bool = True) -> str:
    text: str = tokenizer.apply_chat_template(turns, add_generation_prompt=opened, tokenize=False)
    return text


def _holds_special(tokenizer: Any, turns: list[dict[str, str]]) -> bool:
    return any(token in turn["content"] for turn in turns for token in tokenizer.added_tokens_encoder)


def _filled(tokenizer: Any, text: str, contents: list[str]) -> list[int]:
    """The ids of a template's text with the contents put into its holes, in which nothing is a special token."""
    ids: list[int] = []
    for number, content in enumerate(contents):
        before, found, after = text.partition(_HOLE.format(number))
        if found:
            ids += [*_ids(tokenizer, before), *tokenizer(content, add_special_tokens=False, split_special_tokens=True).input_ids]
            text = after
    return ids + _ids(tokenizer, text)


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False).input_ids
    return ids
