"""Which adapter a language model is asked with: the one that was set, the one that suits the model, or the Chat adapter."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from adjoint.adapters.chat import ChatAdapter
from adjoint.adapters.compact import CompactAdapter, CompactJSONAdapter
from adjoint.adapters.forms.measured import measured_forms
from adjoint.adapters.json import JSONAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from adjoint.adapters.base import Adapter

_COMPACT: Mapping[type, Adapter] = {
    type(None): CompactAdapter(),
    ChatAdapter: CompactAdapter(),
    JSONAdapter: CompactJSONAdapter(),
}
"""What stands for an adapter where the embedded model is asked, which knows no other forms."""


def suited(adapter: Adapter | None, lm: object, forms: Mapping[str, str] | None = None) -> Adapter:
    """The adapter for the LM: the one that was set, the LM's own (`lm.adapter`), or the Chat adapter with the `forms` measured for it.

    >>> from adjoint.lm.pocket import Pocket
    >>> suited(None, Pocket()).name, suited(JSONAdapter(), Pocket()).name, suited(None, object()).name
    ('compact', 'compact_json', 'chat')
    """
    own = getattr(lm, "adapter", None)
    if own == "compact":
        return _COMPACT.get(type(adapter)) or adapter or _COMPACT[type(None)]
    return adapter or own or (_chat(tuple(sorted(forms.items()))) if forms else _known(str(getattr(lm, "name", ""))))


@functools.lru_cache(maxsize=64)
def _chat(forms: tuple[tuple[str, str], ...]) -> Adapter:
    return ChatAdapter(forms=dict(forms))


@functools.lru_cache(maxsize=256)
def _known(model: str) -> Adapter:
    return _chat(tuple(sorted(measured_forms(model).items())))
