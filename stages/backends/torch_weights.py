"""Reading what others trained: no code out of their files, every weight accounted for."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any


@contextmanager
def only_weights() -> Iterator[None]:
    """Within it, `torch.load` runs no code out of a file, even for those who ask it to."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def lacking(net: Any, stored: Mapping[str, Any]) -> list[str]:
    """Names of the net's weights that are not stored, or have another shape there."""
    return [name for name, own in net.state_dict().items() if name not in stored or stored[name].shape != own.shape]


def file_digest(path: Path) -> str:
    """sha256 of a file, read once as long as it is the same: checkpoints have gigabytes."""
    status = path.stat()
    return _digest(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
