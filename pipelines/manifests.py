"""Chunks of the work folder and the manifest beside each.

A manifest is written last and holds a digest of everything that shapes its chunk's bytes; a chunk with a manifest of
the current digest is never done again.
"""

from typing import Any

from pipelines import files

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
    name = chunk.replace("\\", "/").rsplit("/", 1)[-1]
    files.write_json(manifest_of(chunk), {"file": name, "bytes": len(data), "sha256": files.sha256(data), **manifest})


def valid_manifests(work: str, prefix: str, shapes: dict[int, str]) -> dict[int, Manifest]:
    """Manifests of the chunks named `prefix` that have the shape expected of their index and lie there in full."""
    sizes = files.listing(files.join(work, f"{prefix}-*"))
    valid: dict[int, Manifest] = {}
    for path in (p for p in sizes if p.endswith(".json")):
        try:
            manifest = files.read_json(path)
            whole = sizes.get(files.join(work, manifest["file"])) == manifest["bytes"]
            if whole and shapes.get(manifest["index"]) == manifest["shape"]:
                valid[manifest["index"]] = manifest
        except (ValueError, KeyError, TypeError):
            continue  # a damaged manifest is no manifest: its chunk is done again
    return valid


def checked_bytes(path: str, sha256: str) -> bytes:
    """The bytes of a file. Raises ValueError, naming it, if their digest is another than `sha256`."""
    data = files.read_bytes(path)
    if files.sha256(data) != sha256:
        raise ValueError(f"{path}: damaged: its sha256 is not the one in its manifest; delete it and build again")
    return data
