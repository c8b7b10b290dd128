"""Which scripts say nearly the same: MinHash over word shingles (English) or character shingles (Mandarin)."""

from collections.abc import Iterator, Sequence

import numpy as np
from datasketch import MinHash

from schemas.script import Script

TWIN_SIMILARITY = 0.8
"""Estimated Jaccard similarity from which two scripts are twins, as is usual for text corpora."""

SHINGLE = 3
"""Words or characters in a shingle."""

PERMUTATIONS = 126
BANDS, ROWS = 21, 6
"""21 bands of 6 rows: twins at similarity .8 share a band with probability 1 - (1 - .8^6)^21 = .998."""


def signature(script: Script) -> tuple[int, ...]:
    """PERMUTATIONS MinHash values of the words of all turns, back-channels apart."""
    sketch = MinHash(num_perm=PERMUTATIONS, seed=1)
    sketch.update_batch(sorted({shingle.encode() for shingle in _shingles(script)}))
    return tuple(int(value) for value in sketch.hashvalues)


def bands(values: Sequence[int]) -> list[str]:
    """BANDS keys; scripts that share none of them are not compared."""
    rows = np.asarray(values, dtype=np.uint32).reshape(BANDS, ROWS)
    return [f"{band:02d}:{row.astype('>u4').tobytes().hex()}" for band, row in enumerate(rows)]


def similarity(a: Sequence[int], b: Sequence[int]) -> float:
    """Estimated Jaccard similarity of two signatures, 0 to 1. Raises ValueError if their lengths differ."""
    return sum(x == y for x, y in zip(a, b, strict=True)) / len(a)


def _shingles(script: Script) -> Iterator[str]:
    text = " ".join(turn.text for turn in script.turns if turn.overlap != "backchannel")
    plain = "".join(c if c.isalnum() or c == "'" else " " for c in text.lower())
    units = plain.split() if script.plan.language == "en" else list(plain.replace(" ", ""))
    for start in range(max(1, len(units) - SHINGLE + 1)):
        yield " ".join(units[start : start + SHINGLE])
