"""`troupe verify` of a work folder: is every chunk what its manifest says, and does everything in it open?"""

import re
from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa

from pipelines import files
from pipelines.answers import spent
from pipelines.manifests import Manifest, checked_bytes, manifest_of, read_manifest, script_chunk, take_chunk
from pipelines.script_chunks import STATUSES, read_scripts
from pipelines.shape import shape_digest
from pipelines.verify_rows import check_audio, check_codes, check_speaker, check_surroundings
from pipelines.work_folder import RECIPE
from schemas.columns import utterance_features
from schemas.errors import DamagedError

AGAIN = "build again: it is done anew"
PAID_AGAIN = "delete it: if its dialogue is written again, it is asked, and paid for, anew"
SEALED = ("shape-*.json", "recipe.json", "duplicates-*.json", "shards/*.json", "voices/*.json")
"""What is read back besides manifests and answers. Receipts that are not there are left out: only a build knows which
there should be."""


def verify_work(work: str, tick: Callable[[int], None]) -> Iterator[str]:
    """Every fault of a work folder, in words that name file and remedy. `tick` gets rows done.

    What is not there at all is no fault: a build may not have come so far.
    """
    sizes = files.listing(files.join(work, "*"))
    for pattern in SEALED:
        for path in files.listing(files.join(work, *pattern.split("/"))):
            yield from _sealed_faults(path)
    for path in files.listing(files.join(work, "answers", "*", "*.json")):
        yield from _sealed_faults(path, PAID_AGAIN)
    scripts: dict[int, Manifest] = {}
    indices = {int(found[1]) for path in sizes if (found := re.search(r"/(?:scripts|chunk)-(\d{5,})\.\w+$", path))}
    for index in sorted(indices):
        chunk = script_chunk(work, index)
        try:
            scripts[index] = _script_manifest(chunk, sizes)
        except DamagedError as error:
            yield _line(error)
    for index in sorted(indices):
        chunk = take_chunk(work, index)
        try:
            manifest = read_manifest(chunk, sizes)
            if manifest is not None:
                yield from (f"{chunk}: {fault}" for fault in _take_faults(chunk, manifest, tick))
        except DamagedError as error:
            yield _line(error)
    yield from _other_faults(work, sizes, scripts, whole=len(scripts) == len(indices))


def _line(error: DamagedError) -> str:
    words = str(error)
    return words if "build again" in words else f"{words}; {AGAIN}"


def _sealed_faults(path: str, remedy: str = AGAIN) -> Iterator[str]:
    try:
        files.read_sealed(path)
    except DamagedError as error:
        yield f"{error}; {remedy}"


def _script_manifest(chunk: str, sizes: Mapping[str, int]) -> Manifest:
    """The manifest of a script chunk that is whole. Raises DamagedError."""
    manifest = read_manifest(chunk, sizes)
    if manifest is None:
        raise DamagedError(f"{chunk}: missing, though there are takes of its dialogues")
    records = read_scripts(chunk, manifest["sha256"])
    for status in STATUSES:
        if [record.dialogue_id for record in records if record.status == status] != manifest[status]:
            raise DamagedError(f"{chunk}: its {status} dialogues are not those in its manifest")
    return manifest


def _take_faults(chunk: str, manifest: Manifest, tick: Callable[[int], None]) -> Iterator[str]:
    with pa.ipc.open_stream(checked_bytes(chunk, manifest["sha256"])) as reader:
        if not reader.schema.equals(utterance_features(manifest["codec"]["num_codebooks"]).arrow_schema):
            yield "its columns are not those of this version: build --restart perform"
            return
        rows = reader.read_all().to_pylist()
    if [row["take_id"] for row in rows] != [take["take_id"] for take in manifest["takes"]]:
        yield f"its {len(rows)} rows are not those that its manifest lists: build --restart perform"
        return
    for number, row in enumerate(rows):
        codes = check_codes(row["codes"], row["duration_s"], manifest["codec"])
        for fault in (*check_audio(row), *codes, *check_speaker(row["character"]), *check_surroundings(row)):
            yield f"row {number}: {fault}"
    tick(len(rows))


def _other_faults(work: str, sizes: Mapping[str, int], scripts: dict[int, Manifest], whole: bool) -> Iterator[str]:
    """Notes of a phase that are lost though its chunks are there; duplicates that are lost or damaged."""
    performed = any(manifest_of(take_chunk(work, index)) in sizes for index in scripts)
    needed = {RECIPE: bool(scripts), "shape-write.json": bool(scripts), "shape-perform.json": performed}
    for name, begun in needed.items():
        if begun and (path := files.join(work, name)) not in sizes:
            yield f"{path}: missing, though there are chunks that it goes with; {AGAIN}"
    try:
        spent(work)
    except DamagedError as error:
        yield _line(error)
    if whole:  # the duplicates are named after all script chunks
        digest = shape_digest(*(manifest["sha256"] for manifest in scripts.values()))
        path = files.join(work, f"duplicates-{digest}.json")
        if performed and path not in sizes:
            yield f"{path}: missing, though takes were chosen by it; {AGAIN}"
