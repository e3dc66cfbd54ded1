"""The conformance suite for embedders: subclass it in a test file, and pytest checks that yours keeps the rules.

```python
from adjoint import Embedder
from adjoint.testing.embedder_suite import EmbedderConformance

class TestMine(EmbedderConformance):
    def embedder(self):
        return Embedder(my_function)
```
Needs pytest. Faults are tested where `broken` says how to cause them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from adjoint.base.errors import LMError
from adjoint.lm.retry import RetryPolicy
from adjoint.program.context import context
from adjoint.testing.lm_suite import ERRORS

if TYPE_CHECKING:
    from adjoint.lm.embed import Vectors
    from adjoint.program.embed import Embedder

TEXTS = [f"text number {number}" for number in range(7)]


class EmbedderConformance:
    """What every embedder must do. `secret` is its key, which must not be seen anywhere."""

    secret: ClassVar[str | None] = None

    def embedder(self) -> Embedder:
        """A fresh embedder that works."""
        raise NotImplementedError

    def broken(self, fault: str) -> Embedder:
        """An embedder whose next call meets this fault (see `adjoint.testing.faults.Fault`)."""
        pytest.skip(f"{type(self).__name__} says no way to cause faults such as {fault}")

    def test_texts_give_rows_of_numbers_in_their_order(self) -> None:
        rows = self.embedder()(TEXTS)
        assert rows.dtype == np.float32
        assert rows.shape[0] == len(TEXTS)
        assert np.isfinite(rows).all()
        np.testing.assert_allclose(self.embedder()(TEXTS[::-1]), rows[::-1], rtol=1e-3, atol=1e-5)

    def test_one_text_gives_the_row_that_it_has_among_others(self) -> None:
        rows, one = self.embedder()(TEXTS), self.embedder()(TEXTS[3])
        np.testing.assert_allclose(one, rows[3], rtol=1e-3, atol=1e-5)

    def test_no_texts_give_no_rows(self) -> None:
        assert self.embedder()([]).shape[0] == 0

    def test_texts_in_any_writing_are_taken(self) -> None:
        assert self.embedder()(["", " ", "\n", "naïve 猫 🐈", "x" * 2000]).shape[0] == 5

    def test_it_can_be_awaited_on_any_loop_and_by_many(self) -> None:
        embedder = self.embedder()

        async def many() -> list[Vectors]:
            return list(await asyncio.gather(*(embedder.acall([text]) for text in TEXTS)))

        np.testing.assert_allclose(np.concatenate(asyncio.run(many())), embedder(TEXTS), rtol=1e-3, atol=1e-5)

    def test_every_fault_is_a_typed_error_of_one_line_without_the_key(self) -> None:
        wrong = []
        for number, (fault, kind) in enumerate(ERRORS.items()):
            with context(retry=RetryPolicy(attempts=1)):
                try:
                    self.broken(fault)(f"text {number}")
                    wrong.append(f"{fault}: no error")
                except LMError as error:
                    if not isinstance(error, kind) or "\n" in str(error) or (self.secret and self.secret in str(error)):
                        wrong.append(f"{fault}: {kind.__name__} of one line expected, got {error!r}")
        assert not wrong, "\n".join(wrong)
