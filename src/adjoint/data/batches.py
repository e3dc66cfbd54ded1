"""DataLoader: rows in batches, epoch after epoch, in an order that the seed decides and that can be taken up again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.base import rng
from adjoint.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class DataLoader:
    """`for batch in DataLoader(rows, batch_size=4, shuffle=True, seed=0)`: lists of rows, each epoch in another order.

    Rows that are tuples come as columns, as in TextGrad: `for questions, answers in loader`. `state_dict` says where an
    epoch stands; after `load_state_dict` the next iteration goes on there.

    >>> [batch for batch in DataLoader([("a", 1), ("b", 2), ("c", 3)], batch_size=2)]
    [(['a', 'b'], [1, 2]), (['c'], [3])]
    """

    def __init__(self, data: Sequence[Any], batch_size: int = 4, shuffle: bool = False, seed: int = 0) -> None:  # noqa: FBT001, FBT002 - PyTorch's signature
        if batch_size < 1:
            message = f"batch_size={batch_size} would give no rows; give 1 or more."
            raise UsageError(message)
        self.data, self.batch_size, self.shuffle, self.seed = data, batch_size, shuffle, seed
        self.epoch, self.position = 0, 0
        self._begin_at = 0

    def __len__(self) -> int:
        return (len(self.data) + self.batch_size - 1) // self.batch_size

    def __iter__(self) -> Iterator[Any]:
        order = list(range(len(self.data)))
        if self.shuffle:
            rng.stream(self.seed, "batches", self.epoch).shuffle(order)
        self.position, self._begin_at = self._begin_at, 0
        while self.position < len(self):
            start = self.position * self.batch_size
            self.position += 1
            yield _columns([self.data[index] for index in order[start : start + self.batch_size]])
        self.epoch, self.position = self.epoch + 1, 0

    def state_dict(self) -> dict[str, int]:
        """The epoch, and how many of its batches were given."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on where `state_dict` was taken."""
        self.epoch, self._begin_at = state["epoch"], state["position"]


def _columns(rows: list[Any]) -> Any:
    """Rows of columns as columns of rows."""
    if all(isinstance(row, tuple) for row in rows):
        return tuple(list(column) for column in zip(*rows, strict=True))
    return rows
