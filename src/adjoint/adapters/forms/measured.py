"""Models that were measured and do better in other forms than the default ones; `adjoint probe` measures yours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_MEASURED: tuple[tuple[re.Pattern[str], Mapping[str, str]], ...] = (
    # 24 rows of one-step arithmetic: JSON is read at first in 16, labelled lines in 2.
    (re.compile(r"smollm2?[-_:](?:135|360)m", re.IGNORECASE), {"reasoned": "json"}),
)


def measured_forms(model: str) -> Mapping[str, str]:
    """The forms of a model, known by its name; empty for most.

    >>> measured_forms("openai/smollm2-135m"), measured_forms("openai/gpt-4o")
    ({'reasoned': 'json'}, {})
    """
    return next((forms for name, forms in _MEASURED if name.search(model)), {})
