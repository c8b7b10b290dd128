"""Which scripts say nearly the same: MinHash over word shingles (English) or character shingles (Mandarin)."""

from collections.abc import Iterator

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


def signature(script: Script) -> bytes:
    """PERMUTATIONS MinHash values of the words of all turns, back-channels and songs apart, two bytes each.

    The low 16 bits of a value are as good as all (b-bit minwise hashing, Li and König 2010), and a corpus of millions
    is grouped by them.
    """
    sketch = MinHash(num_perm=PERMUTATIONS, seed=1)
    sketch.update_batch(sorted({shingle.encode() for shingle in _shingles(script)}))
    return np.asarray(sketch.hashvalues, dtype=np.uint64).astype(">u2").tobytes()


def bands(signed: bytes) -> list[bytes]:
    """BANDS keys; scripts that share none of them are not compared."""
    return [bytes([band]) + signed[band * 2 * ROWS : (band + 1) * 2 * ROWS] for band in range(BANDS)]


def similarity(a: bytes, b: bytes) -> float:
    """Estimated Jaccard similarity of two signatures, 0 to 1. Raises ValueError if their lengths differ."""
    if len(a) != len(b):
        raise ValueError(f"signatures of {len(a)} and {len(b)} bytes are not comparable")
    return float(np.mean(np.frombuffer(a, ">u2") == np.frombuffer(b, ">u2")))


def _shingles(script: Script) -> Iterator[str]:
    text = " ".join(turn.text for turn in script.turns if turn.overlap != "backchannel" and not turn.song)
    plain = "".join(c if c.isalnum() or c == "'" else " " for c in text.lower())
    units = plain.split() if script.plan.language == "en" else list(plain.replace(" ", ""))
    for start in range(max(1, len(units) - SHINGLE + 1)):
        yield " ".join(units[start : start + SHINGLE])
