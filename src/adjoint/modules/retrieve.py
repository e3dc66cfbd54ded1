"""Retrieval: a corpus searched by embeddings, and `Retrieve`, which asks whatever retriever is configured."""

from __future__ import annotations

import importlib.util
import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from adjoint.base.errors import ToolError, UsageError
from adjoint.base.foreign import foreign
from adjoint.base.portal import portal
from adjoint.program.context import current
from adjoint.program.embed import Embedder
from adjoint.program.module import Module
from adjoint.program.prediction import Prediction
from adjoint.program.tape import Tape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from adjoint.lm.embed import Vectors
    from adjoint.program.tape import Node

FORMAT = "adjoint.embeddings/1"


class Retrieve(Module):
    """`Retrieve(k=3)(query)` asks the retriever of the context (`configure(rm=...)`) and gives `passages`.

    A retriever is called as `rm(query, k=k)`; it may be asynchronous and gives passages: texts, or mappings and objects
    with `long_text` or `text`, or a prediction that has `passages`.
    """

    def __init__(self, k: int = 3) -> None:
        self.k = k

    async def aforward(self, query: str, k: int | None = None) -> Prediction:
        rm = current().rm
        if rm is None:
            message = "no retriever is configured; use adjoint.configure(rm=adjoint.Embeddings(corpus, embedder))."
            raise UsageError(message)
        count = self.k if k is None else k
        node, tape = opened(query, k=count, module=self)
        found = await foreign(_asked(rm, query, count), ToolError, "the retriever")
        given = found.passages if hasattr(found, "passages") else found
        return ended(node, tape, {"passages": [_text(item) for item in given][:count]})


class Embeddings:
    """The `k` texts of a corpus that are nearest to a query: `Embeddings(corpus, embedder, k=5)(query).passages`.

    Similarity is the cosine (the plain product with `normalize=False`), every text is compared, and of equals the earlier
    comes first. With FAISS installed it does that search from `brute_force_threshold` texts on; the answers are the same.
    The corpus is embedded on first use. `save` writes texts and vectors in one file, without pickle.
    """

    scored = False

    def __init__(
        self,
        corpus: Sequence[str],
        embedder: Embedder | Callable[[list[str]], Any],
        k: int = 5,
        *,
        brute_force_threshold: int = 20_000,
        normalize: bool = True,
    ) -> None:
        self.corpus = tuple(corpus)
        if not self.corpus or k < 1:
            message = (
                f"nothing can be found among {len(self.corpus)} texts with k={k}; give at least one text, and k of 1 or more."
            )
            raise UsageError(message)
        self.embedder = embedder if isinstance(embedder, Embedder) else Embedder(embedder)
        self.k, self.brute_force_threshold, self.normalize = k, brute_force_threshold, normalize
        self._vectors: Vectors | None = None
        self._index: Any = None

    def __call__(self, query: str, k: int | None = None) -> Prediction:
        return portal.run(self.acall(query, k))

    forward = __call__

    async def acall(self, query: str, k: int | None = None) -> Prediction:
        """The same, to await."""
        count = min(self.k if k is None else k, len(self.corpus))
        node, tape = opened(query, k=count)
        vectors = await self._embedded()
        asked = _normal((await self.embedder.acall([query])), on=self.normalize)
        if asked.shape[1] != vectors.shape[1]:
            message = f"the query has {asked.shape[1]} numbers and the corpus {vectors.shape[1]}; use the embedder of the corpus."
            raise UsageError(message)
        scores, indices = self._nearest(vectors, asked, count)
        outputs: dict[str, Any] = {"passages": [self.corpus[index] for index in indices], "indices": indices}
        return ended(node, tape, {**outputs, "scores": scores} if self.scored else outputs)

    def save(self, path: str | Path) -> None:
        """Write texts and vectors to one `.npz` file."""
        import numpy as np

        about = {"format": FORMAT, "k": self.k, "normalize": self.normalize, "brute_force_threshold": self.brute_force_threshold}
        body = np.frombuffer(json.dumps({**about, "corpus": self.corpus}).encode("ascii"), dtype=np.uint8)
        with Path(path).open("wb") as file:
            np.savez(file, body=body, vectors=portal.run(self._embedded()))

    @classmethod
    def load(cls, path: str | Path, embedder: Embedder | Callable[[list[str]], Any]) -> Self:
        """What `save` has written, with the embedder for queries. Raises `UsageError` for any other file."""
        import numpy as np

        try:
            with np.load(path, allow_pickle=False) as file:
                about, vectors = json.loads(file["body"].tobytes()), file["vectors"]
            if about["format"] != FORMAT or vectors.ndim != 2 or len(vectors) != len(about["corpus"]):
                raise ValueError(about["format"])
            made = cls(
                about["corpus"], embedder, about["k"],
                brute_force_threshold=about["brute_force_threshold"], normalize=about["normalize"],
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{path} holds no saved embeddings ({error}); write it with Embeddings.save."
            raise UsageError(message) from None
        made._vectors = vectors.astype(np.float32)
        return made

    from_saved = load

    async def _embedded(self) -> Vectors:
        if self._vectors is None:
            self._vectors = _normal(await self.embedder.acall(list(self.corpus)), on=self.normalize)
        return self._vectors

    def _nearest(self, vectors: Vectors, asked: Vectors, count: int) -> tuple[list[float], list[int]]:
        import numpy as np

        if len(vectors) >= self.brute_force_threshold and importlib.util.find_spec("faiss") is not None:
            if self._index is None:
                faiss: Any = importlib.import_module("faiss")
                self._index = faiss.IndexFlatIP(vectors.shape[1])
                self._index.add(vectors)
            scores, indices = self._index.search(asked, count)
            return [float(score) for score in scores[0]], [int(index) for index in indices[0]]
        products = vectors @ asked[0]
        order = np.argsort(-products, kind="stable")[:count]
        return [float(products[index]) for index in order], [int(index) for index in order]


class EmbeddingsWithScores(Embeddings):
    """`Embeddings` whose predictions have `scores` too."""

    scored = True


def opened(query: str, *, module: Module | None = None, **more: Any) -> tuple[Node, Tape]:
    """The node of a search."""
    here = current().tape
    tape = here if here is not None else Tape()
    return tape.open("retrieve", {"query": query, **more}, module=module), tape


def ended(node: Node, tape: Tape, outputs: dict[str, Any]) -> Prediction:
    node.outputs = outputs
    return Prediction.of(dict(outputs), node, tape)


async def _asked(rm: Any, query: str, k: int) -> Any:
    """What the retriever gives, in whichever colour it is written."""
    if hasattr(rm, "acall"):
        return await rm.acall(query, k=k)
    if inspect.iscoroutinefunction(rm):
        return await rm(query, k=k)
    return await portal.in_thread(rm, query, k=k)


def _text(item: Any) -> str:
    if isinstance(item, str):
        return item
    for name in ("long_text", "text"):
        found = item.get(name) if hasattr(item, "get") else getattr(item, name, None)
        if isinstance(found, str):
            return found
    message = f"the retriever gave {item!r:.80}, which is no passage; give texts, or something with long_text."
    raise ToolError(message)


def _normal(vectors: Vectors, *, on: bool) -> Vectors:
    import numpy as np

    if not on:
        return vectors
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    made: Vectors = (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return made
