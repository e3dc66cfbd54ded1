"""The base class of types whose value is a list: one field holds it, and in JSON the list stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from pydantic import model_validator

from adjoint.signature.types.base import Type

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")


class Listed(Type, Generic[T]):
    """Iterates over, counts and gives the items of its only field. A list is read as the items themselves."""

    @classmethod
    def from_dict_list(cls, items: list[dict[str, Any]]) -> Self:
        return cls.model_validate(items)

    @classmethod
    def _field(cls) -> str:
        return next(iter(cls.model_fields))

    @property
    def _items(self) -> list[T]:
        found: list[T] = getattr(self, self._field())
        return found

    def __iter__(self) -> Iterator[T]:  # type: ignore[override]
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> T:
        return self._items[index]

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, given: Any) -> Any:
        return {cls._field(): given} if isinstance(given, list) else given
