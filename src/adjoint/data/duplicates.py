"""Near duplicates: rows whose texts are nearly the same, found without comparing every row with every other.

MinHash with bands (Broder (1997); Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3): each row is the set of its
shingles, and the least value of a random hash over the set is equal for two rows with a probability that is their Jaccard
similarity. Rows that agree in a whole band of hashes are candidates, and only candidates are compared. Time and memory grow with
the number of rows, not with its square.
"""

from __future__ import annotations

import math
import zlib
from itertools import accumulate, chain, combinations, pairwise
from typing import TYPE_CHECKING, NamedTuple

from adjoint.base.errors import UsageError
from adjoint.base.json import canonical, plain
from adjoint.data.records import id_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from adjoint.data.records import Example
    from adjoint.data.splits import Split

BANDS, ROWS = 32, 4
"""128 hashes. Rows with similarity s become candidates with probability 1 - (1 - s^4)^32: 0.99999 at 0.8, 0.87 at 0.5, 0.05 at 0.2."""
_NEARLY = 0.8
_SHOWN = 3
"""Pairs that a report names."""
_SHINGLE = 5
"""Bytes of a shingle: about a word."""
_CROWD = 50
"""Candidates of one band bucket that are all compared with each other; in a larger one each is compared with its neighbours."""
_DEVIATIONS = 6
"""Standard deviations by which a similarity may be estimated too low: a chance of 1 in 10^9."""
_CHUNK = 10_000
"""Pairs whose signatures are held against each other at once."""


class Near(NamedTuple):
    """Two rows by their ids, and the Jaccard similarity of their inputs' shingles in [0, 1]."""

    a: str
    b: str
    similarity: float


def near_duplicates(*parts: Sequence[Example], threshold: float = _NEARLY) -> list[Near]:
    """Pairs of rows with nearly the same inputs: within one part, or across several (`near_duplicates(train, test)`).

    Compared are 5-byte shingles of the inputs in lower case with single spaces; `threshold` in (0, 1] is the least Jaccard
    similarity. With several parts only pairs across parts are given: those are what leaks. The most similar come first. A pair at
    the threshold of 0.8 is missed with a chance of 1 in 10^7. Raises `UsageError` for other thresholds.

    >>> from adjoint.data.records import Example
    >>> train = [Example(q="What is the capital of France, please?").with_inputs("q"), Example(q="Who wrote Faust?").with_inputs("q")]
    >>> test = [Example(q="what is the  capital of France, please").with_inputs("q")]
    >>> [round(pair.similarity, 2) for pair in near_duplicates(train, test)]
    [0.97]
    """
    if not 0 < threshold <= 1:
        message = f"near_duplicates(threshold={threshold}): a similarity in (0, 1] is allowed, for example 0.8."
        raise UsageError(message)
    rows = [(place, row) for place, part in enumerate(parts) for row in part]
    shingles = [_shingles(row) for _, row in rows]
    found = []
    for one, other in _candidates(shingles, threshold) if rows else ():
        if len(parts) > 1 and rows[one][0] == rows[other][0]:
            continue
        similarity = len(shingles[one] & shingles[other]) / len(shingles[one] | shingles[other])
        if similarity >= threshold:
            found.append(Near(id_of(rows[one][1]), id_of(rows[other][1]), similarity))
    return sorted(found, key=lambda pair: -pair.similarity)


def leaks(split: Split) -> tuple[str, ...]:
    """What a report says if holdout rows nearly repeat rows that a search sees; nothing if none do."""
    pairs = near_duplicates([*split.feedback, *split.selection], split.holdout, threshold=_NEARLY)
    if not pairs:
        return ()
    rows, shown = len({pair.b for pair in pairs}), ", ".join(f"{pair.b} ~ {pair.a}" for pair in pairs[:_SHOWN])
    said = (
        f"{rows} of {len(split.holdout)} holdout rows nearly repeat rows that the search has seen (similarity >= {_NEARLY}), "
        f"so the certificate may be too kind: {shown}{' and more' if len(pairs) > _SHOWN else ''}"
    )
    return (said,)


def _candidates(shingles: Sequence[set[int]], threshold: float) -> Iterator[tuple[int, int]]:
    """Pairs of places, in order, whose signatures agree in a band and, as far as they can tell, in `threshold` of all hashes."""
    import numpy as np

    signatures = _signatures(shingles)
    # Each band as one number. Two bands that get the same one by chance cost a comparison and no more.
    mixed = np.random.default_rng(1).integers(1 << 63, size=ROWS, dtype=np.uint64) * 2 + 1
    bands = (signatures.reshape(len(shingles), BANDS, ROWS) * mixed).sum(axis=2)
    pairs = sorted({pair for band in bands.T for pair in _agreeing(band)})
    # The share of equal hashes is the similarity up to an error of this deviation: what is far below need not be compared.
    least = threshold - _DEVIATIONS * math.sqrt(threshold * (1 - threshold) / (BANDS * ROWS))
    for start in range(0, len(pairs), _CHUNK):
        one, other = np.array(pairs[start : start + _CHUNK]).T
        likely = (signatures[one] == signatures[other]).mean(axis=1) >= least
        yield from zip(one[likely].tolist(), other[likely].tolist(), strict=True)


def _signatures(shingles: Sequence[set[int]]) -> np.ndarray:
    """The least value of each hash over each set: an array of rows by hashes."""
    import numpy as np

    draw = np.random.default_rng(0)  # any hashes will do, as long as they are the same for all rows
    scale, shift = draw.integers(1 << 63, size=(2, BANDS * ROWS), dtype=np.uint64)
    sizes = [len(one) for one in shingles]
    values, starts = np.fromiter(chain.from_iterable(shingles), np.uint64, sum(sizes)), [0, *accumulate(sizes)][:-1]
    # Multiply and add modulo 2^64; the high bits are the ones that are well mixed, and the least value depends on them alone.
    hashed = (values * (2 * scale[number] + 1) + shift[number] for number in range(BANDS * ROWS))
    return np.stack([np.minimum.reduceat(one, starts) for one in hashed], axis=1)


def _agreeing(band: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pairs of places whose numbers are the same."""
    import numpy as np

    order = np.argsort(band, kind="stable")
    starts = np.flatnonzero(np.diff(band[order], prepend=band[order[0]] - 1))
    sizes = np.diff(starts, append=len(band))
    for start, size in zip(starts[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
        bucket = order[start : start + size].tolist()
        yield from combinations(bucket, 2) if size <= _CROWD else pairwise(bucket)


def _shingles(row: Example) -> set[int]:
    """The shingles of the inputs as 32-bit checksums; a text shorter than one shingle is one itself."""
    values = row.inputs().values()
    written = " ".join(value if isinstance(value, str) else canonical(plain(value)).decode() for value in values)
    text = " ".join(written.lower().split()).encode("utf-8", "surrogatepass")
    return {zlib.crc32(text[start : start + _SHINGLE]) for start in range(max(1, len(text) - _SHINGLE + 1))}
