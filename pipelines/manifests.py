"""Chunks of the work folder and the manifest beside each.

A manifest is written last, sealed, and holds a digest of everything that shapes its chunk's bytes; a chunk with a sound
manifest of the current digest is never done again.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pipelines import files
from pipelines.trouble import tell
from schemas.errors import DamagedError

Manifest = dict[str, Any]
ChunkOf = Callable[[str, int], str]
"""Work folder and index -> the path of a chunk."""


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
    files.write_sealed(
        manifest_of(chunk),
        {"file": files.split(chunk)[1], "bytes": len(data), "sha256": files.sha256(data), **manifest},
    )


def read_manifest(chunk: str, sizes: Mapping[str, int]) -> Manifest | None:
    """The manifest of a chunk, of whose bytes only the number is checked; None if neither file is among `sizes`.

    Raises DamagedError that names the one that is missing, cut short or damaged.
    """
    path = manifest_of(chunk)
    if path not in sizes:
        if chunk in sizes:
            raise DamagedError(f"{path}: missing, though its chunk is there")
        return None
    manifest = files.read_sealed(path)
    if chunk not in sizes:
        raise DamagedError(f"{chunk}: missing, though its manifest is there")
    if manifest.get("file") != files.split(chunk)[1]:
        raise DamagedError(f"{path}: damaged: it is the manifest of another file, {manifest.get('file')}")
    if manifest["bytes"] != sizes[chunk]:
        raise DamagedError(f"{chunk}: damaged: {sizes[chunk]} bytes long, its manifest says {manifest['bytes']}")
    return manifest


def full_manifest(work: str, manifest: Manifest) -> Manifest:
    """The whole of a manifest that `valid_manifests` or `sound_manifests` gave without its takes."""
    return files.read_sealed(manifest_of(files.join(work, manifest["file"])))


def valid_manifests(work: str, chunk_of: ChunkOf, shapes: Mapping[int, str]) -> dict[int, Manifest]:
    """Manifests, by index, of the chunks that have the shape expected of them and lie there in full.

    They come without what they say of each take: ten kilobytes a dialogue, and all are held in memory at once.
    The chunks are not read: this is for what has been written just now. See `sound_manifests` for what was found.
    """
    return _valid(work, chunk_of, shapes)[0]


def sound_manifests(work: str, chunk_of: ChunkOf, shapes: Mapping[int, str]) -> dict[int, Manifest]:
    """Those of `valid_manifests` whose chunks have, byte for byte, the digest in their manifest.

    What is damaged is told on stderr, a line a file, and loses its manifest: its chunk counts as not done yet.
    """
    valid, damage = _valid(work, chunk_of, shapes)
    chunks = [chunk_of(work, index) for index in valid]
    for index, chunk, digest in zip(list(valid), chunks, files.sha256_of(chunks), strict=True):
        if digest != valid[index]["sha256"]:
            damage[chunk] = DamagedError(f"{chunk}: damaged: its sha256 is not the one in its manifest")
            del valid[index]
    for error in damage.values():
        tell(error)
    files.delete([path for chunk in damage if files.exists(path := manifest_of(chunk))])
    return valid


def _valid(
    work: str, chunk_of: ChunkOf, shapes: Mapping[int, str]
) -> tuple[dict[int, Manifest], dict[str, DamagedError]]:
    """Valid manifests by index, and what is wrong with others by chunk."""
    kind = files.split(chunk_of(work, 0))[1].split("-")[0]
    sizes = files.listing(files.join(work, f"{kind}-*"))
    valid: dict[int, Manifest] = {}
    damage: dict[str, DamagedError] = {}
    for index, shape in shapes.items():
        chunk = chunk_of(work, index)
        try:
            manifest = read_manifest(chunk, sizes)
        except DamagedError as error:
            damage[chunk] = error
        else:
            if manifest is not None and manifest["shape"] == shape:
                valid[index] = {key: value for key, value in manifest.items() if key != "takes"}
    return valid, damage


def checked_bytes(path: str, sha256: str) -> bytes:
    """The bytes of a file. Raises DamagedError, naming it, if their digest is another than `sha256`."""
    data = files.read_bytes(path)
    if files.sha256(data) != sha256:
        raise DamagedError(f"{path}: damaged: its sha256 is not the one in its manifest; build again: it is done anew.")
    return data
