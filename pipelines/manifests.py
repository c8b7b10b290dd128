"""Chunks of the work folder and the manifest beside each.

A manifest is written last and holds a digest of everything that shapes its chunk's bytes; a chunk with a manifest of
the current digest is never done again.
"""

from collections.abc import Callable
from typing import Any

from pipelines import files
from schemas.errors import FolderError

Manifest = dict[str, Any]


def script_chunk(work: str, index: int) -> str:
    return files.join(work, f"scripts-{index:05d}.jsonl")


def take_chunk(work: str, index: int) -> str:
    return files.join(work, f"chunk-{index:05d}.arrow")


def manifest_of(chunk: str) -> str:
    """The manifest's path, beside its chunk."""
    return chunk.rsplit(".", 1)[0] + ".json"


def write_chunk(chunk: str, data: bytes, manifest: Manifest) -> None:
    """The chunk, then its manifest with the chunk's name, size and digest added."""
    files.write_bytes(chunk, data)
    files.write_json(
        manifest_of(chunk),
        {"file": files.split(chunk)[1], "bytes": len(data), "sha256": files.sha256(data), **manifest},
    )


def valid_manifests(work: str, chunk_of: Callable[[str, int], str], shapes: dict[int, str]) -> dict[int, Manifest]:
    """Manifests, by index, of the chunks that have the shape expected of them and lie there in full."""
    sizes = files.listing(files.join(work, "*"))
    valid: dict[int, Manifest] = {}
    for index, shape in shapes.items():
        chunk = chunk_of(work, index)
        if chunk not in sizes or manifest_of(chunk) not in sizes:
            continue
        try:
            manifest = files.read_json(manifest_of(chunk))
            if manifest["bytes"] == sizes[chunk] and manifest["shape"] == shape:
                valid[index] = manifest
        except (ValueError, KeyError, TypeError):
            continue  # a damaged manifest is no manifest: its chunk is done again
    return valid


def checked_bytes(path: str, sha256: str) -> bytes:
    """The bytes of a file. Raises FolderError, naming it, if their digest is another than `sha256`."""
    data = files.read_bytes(path)
    if files.sha256(data) != sha256:
        raise FolderError(f"{path}: damaged: its sha256 is not the one in its manifest; delete it and build again.")
    return data
