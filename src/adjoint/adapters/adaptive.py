"""The adaptive adapter: a Chat adapter that counts the replies it cannot read, and changes the form where these are too many."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from adjoint.adapters.chat import OTHER, ChatAdapter
from adjoint.adapters.forms.choice import shape_of
from adjoint.base.errors import ParseError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from adjoint.signature.fields import Field

_log = logging.getLogger("adjoint.adapters")


class AdaptiveAdapter(ChatAdapter):
    """`context(adapter=AdaptiveAdapter())` for a model that nobody has measured.

    After `after` replies to outputs of one shape, of which more than the share `tolerated` could not be read at first, this shape is
    asked for in its other form, once and for good; a warning says so. Evaluations and searches run their first `after` rows
    before the others and decide only then, so that a run that is resumed takes the same decision; the ledger keeps that of an evaluation. Keep an
    adapter to one model: what is counted is how this model replies.
    """

    name = "adaptive"

    def __init__(
        self,
        *,
        after: int = 8,
        tolerated: float = 0.25,
        forms: Mapping[str, str] | None = None,
        use_json_adapter_fallback: bool = True,
        use_native_function_calling: bool = True,
    ) -> None:
        super().__init__(
            forms=forms,
            use_json_adapter_fallback=use_json_adapter_fallback,
            use_native_function_calling=use_native_function_calling,
        )
        if after < 1 or not 0 <= tolerated <= 1:
            message = (
                f"after={after} and tolerated={tolerated} cannot be; give a number of replies from 1 and a share from 0 to 1."
            )
            raise UsageError(message)
        self.after, self.tolerated = after, tolerated
        self._replies: Counter[str] = Counter()
        self._unread: Counter[str] = Counter()
        self._settled: set[str] = set()
        self._held = False

    def read(self, outputs: Sequence[Field], text: str, *, whole: bool) -> dict[str, Any]:
        shape = shape_of(outputs)
        if shape in self._settled:
            return super().read(outputs, text, whole=whole)
        self._replies[shape] += 1
        try:
            return super().read(outputs, text, whole=whole)
        except ParseError:
            self._unread[shape] += 1
            raise
        finally:
            if not self._held and self._replies[shape] >= self.after:
                self._settle(shape)

    @contextlib.contextmanager
    def trial(self) -> Iterator[None]:
        """A block whose replies are all counted before any form is changed."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        for shape in sorted(self._replies.keys() - self._settled):
            self._settle(shape)

    @property
    def unsettled(self) -> bool:
        """Whether nothing has been decided yet."""
        return not self._settled

    def _settle(self, shape: str) -> None:
        self._settled.add(shape)
        replies, unread, form = self._replies[shape], self._unread[shape], self.forms[shape]
        if unread <= self.tolerated * replies or OTHER[form] == form:
            return
        self.forms = {**self.forms, shape: OTHER[form]}
        self.varies = tuple(self.forms.values())
        vars(self).pop("second", None)  # it is made of the forms
        _log.warning(
            "%d of %d replies could not be read: outputs of the shape %r are asked for as %s and no longer as %s. "
            "`adjoint probe MODEL` measures which form this model does best.",
            unread, replies, shape, OTHER[form], form,
        )  # fmt: skip
