"""KNN: the training examples that are nearest to given inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adjoint.adapters.written import write
from adjoint.base.errors import UsageError
from adjoint.base.portal import portal
from adjoint.modules.retrieve import Embeddings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.data.records import Example
    from adjoint.program.embed import Embedder


class KNN:
    """`KNN(k, trainset, vectorizer)(**inputs)` gives the `k` examples with the most similar inputs, the nearest first.

    Similarity is the cosine of what the vectorizer (an `Embedder`, or a function from texts to vectors) makes of the
    inputs, written `name: value | ...`. The trainset is embedded on first use.
    """

    def __init__(self, k: int, trainset: Sequence[Example], vectorizer: Embedder | Callable[[list[str]], Any]) -> None:
        self.k, self.trainset = k, list(trainset)
        if not self.trainset:
            message = "KNN needs examples to choose from: the trainset is empty."
            raise UsageError(message)
        self.embeddings = Embeddings([_text(row.inputs().toDict()) for row in self.trainset], vectorizer, k)

    def __call__(self, **inputs: Any) -> list[Example]:
        return portal.run(self.acall(**inputs))

    async def acall(self, **inputs: Any) -> list[Example]:
        """The same, to await."""
        found = await self.embeddings.acall(_text(inputs))
        return [self.trainset[index] for index in found.indices]


def _text(inputs: dict[str, Any]) -> str:
    return " | ".join(f"{name}: {write(value)}" for name, value in inputs.items())
