"""Random numbers that depend on (recipe seed, record id, attempt) and on nothing else."""

import hashlib

import numpy as np


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed from the parts, stable across processes, hosts and Python versions."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*parts: int | str) -> np.random.Generator:
    """A fresh NumPy generator (PCG64) for the derived seed."""
    return np.random.Generator(np.random.PCG64(derive_seed(*parts)))
