"""A Beam FileSystem for memory:// paths, kept in a dict of this process: whatever reads or writes files past Beam's
FileSystems fails on it. Like a bucket it has no folders, only names."""

import hashlib
import io
from collections.abc import Iterator
from typing import Any, ClassVar

from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem


class MemoryFileSystem(FileSystem):  # type: ignore[misc]
    """Beam finds it by its scheme as soon as this module is imported."""

    stored: ClassVar[dict[str, bytes]] = {}

    @classmethod
    def scheme(cls) -> str:
        return "memory"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *(path.strip("/") for path in paths)])

    def split(self, path: str) -> tuple[str, str]:
        folder, _, name = path.rpartition("/")
        return folder, name

    def mkdirs(self, path: str) -> None:
        pass

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        for path, data in list(self.stored.items()):
            if path.startswith(dir_or_prefix):
                yield FileMetadata(path, len(data), 0.0)

    def create(self, path: str, mime_type: str = "", compression_type: str = "") -> io.BytesIO:
        return _Upload(self.stored, path)

    def open(self, path: str, mime_type: str = "", compression_type: str = "") -> io.BytesIO:
        return io.BytesIO(self._data(path))

    def copy(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        for source, destination in zip(source_file_names, destination_file_names, strict=True):
            self.stored[destination] = self._data(source)

    def rename(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        self.copy(source_file_names, destination_file_names)
        self.delete(source_file_names)

    def exists(self, path: str) -> bool:
        return path in self.stored

    def size(self, path: str) -> int:
        return len(self._data(path))

    def last_updated(self, path: str) -> float:
        self._data(path)
        return 0.0

    def checksum(self, path: str) -> str:
        return hashlib.sha256(self._data(path)).hexdigest()

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, self.size(path), 0.0)

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            self._data(path)
            del self.stored[path]

    def _data(self, path: str) -> bytes:
        if path not in self.stored:
            raise BeamIOError(f"no such file: {path}", {path: FileNotFoundError(path)})
        return self.stored[path]


class _Upload(io.BytesIO):
    """Appears under its name when it is closed, as an upload to a bucket does."""

    def __init__(self, stored: dict[str, bytes], path: str) -> None:
        super().__init__()
        self.stored = stored
        self.path = path

    def close(self) -> None:
        if not self.closed:
            self.stored[self.path] = self.getvalue()
        super().close()


def stored(folder: str) -> dict[str, Any]:
    """What lies below a folder, by the path from there."""
    prefix = folder.rstrip("/") + "/"
    return {p.removeprefix(prefix): data for p, data in MemoryFileSystem.stored.items() if p.startswith(prefix)}
