"""All pipeline I/O: through Beam's FileSystems, so that gs:// and s3:// are paths like any other.

A file appears under its final name only when it is complete: it is written under a name of its own and renamed.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from apache_beam.io.filesystems import FileSystems

from schemas.errors import FolderError

UNFINISHED = ".tmp"


def join(folder: str, *names: str) -> str:
    return str(FileSystems.join(folder, *names))


def split(path: str) -> tuple[str, str]:
    """Folder and name."""
    folder, name = FileSystems.split(path)
    return str(folder), str(name)


def exists(path: str) -> bool:
    return bool(FileSystems.exists(path))


def make_folder(path: str) -> None:
    """Create a folder and its parents; a folder that exists is fine. Raises FolderError where it cannot be made."""
    try:
        if not exists(path):
            FileSystems.mkdirs(path)
    except (OSError, ValueError) as error:
        raise FolderError(
            f"{path}: cannot make this folder: {error}. Choose another, or mend its permissions."
        ) from error


def listing(pattern: str) -> dict[str, int]:
    """Paths that match the glob pattern, with their sizes in bytes, sorted by path."""
    found = FileSystems.match([pattern])[0].metadata_list
    return {str(m.path): int(m.size_in_bytes) for m in sorted(found, key=lambda m: str(m.path))}


def delete(paths: list[str]) -> None:
    if paths:
        FileSystems.delete(paths)


def sweep(folder: str) -> None:
    """Delete what writers that were killed left unfinished. Only for who alone writes to the folder."""
    delete([path for depth in ("", "*/") for path in listing(join(folder, f"{depth}.*{UNFINISHED}"))])


def read_bytes(path: str) -> bytes:
    with FileSystems.open(path) as stream:
        return bytes(stream.read())


def read_json(path: str) -> Any:
    return json.loads(read_bytes(path))


@contextmanager
def new_file(path: str) -> Iterator[IO[bytes]]:
    """A stream whose bytes appear under `path` when the block ends well, and nowhere when it does not."""
    folder, name = split(path)
    temporary = join(folder, f".{name}.{uuid.uuid4().hex}{UNFINISHED}")
    try:
        with FileSystems.create(temporary) as stream:
            yield stream
        FileSystems.rename([temporary], [path])
    except BaseException:
        if exists(temporary):
            FileSystems.delete([temporary])
        raise


def write_bytes(path: str, data: bytes) -> None:
    with new_file(path) as stream:
        stream.write(data)


def write_json(path: str, value: Any) -> None:
    """Sorted keys, one item a line where it is cheap to read; the same value gives the same bytes."""
    write_bytes(
        path, (json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()
    )


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
