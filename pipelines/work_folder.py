"""The folders of one build: who may use them, what shaped their contents, and starting a phase over."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from pipelines import files
from pipelines.shape import Phase, Shape, changes
from pipelines.trouble import tell
from schemas.errors import DamagedError, FolderError

Restart = Literal["write", "perform"]
PHASE_FILES: dict[Phase, tuple[str, ...]] = {
    "write": ("scripts-*", "duplicates*.json", "not-attempted-*"),
    "perform": ("chunk-*", "voices/*"),
}
OTHERS = ("shards/*",)
RECIPE = "recipe.json"
"""The recipe of the last build in a work folder, for `troupe replay`."""
VERSION = "0.1.0"


@contextmanager
def only_builder(folder: str) -> Iterator[None]:
    """Holds a folder against other builders on this machine; the hold ends with the process.

    Raises FolderError if another build holds it. Remote folders (with a scheme) cannot be held.
    """
    if "://" in folder:
        yield
        return
    with open(os.path.join(folder, ".lock"), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderError(
                f"{folder}: another build is using this folder; wait until it ends, or choose others."
            ) from error
        yield


def claim(work: str, phase: Phase, shape: Shape, restart: Restart | None) -> None:
    """Note the shape of a phase in the folder. What was made under another shape is kept, and refused.

    Raises FolderError that names every changed component; `restart` (write, or perform) deletes instead.
    """
    path = files.join(work, f"shape-{phase}.json")
    phases: tuple[Phase, ...] = ("write", "perform") if phase == "write" else ("perform",)
    if restart == phase:
        patterns = [pattern for p in phases for pattern in PHASE_FILES[p]] + list(OTHERS)
        files.delete([found for pattern in patterns for found in files.listing(files.join(work, pattern))])
    elif changed := changes(_noted_shape(path, work, phase, shape), shape):
        redo = "" if phase == "perform" else ", and with them all takes"
        raise FolderError(
            f"{work}: what shapes its {phase} phase has changed since it was made: {'; '.join(changed)}. Undo the "
            f"change, build into another folder, or do the phase again{redo}: --restart {phase}."
        )
    files.write_sealed(path, shape)


def _noted_shape(path: str, work: str, phase: Phase, shape: Shape) -> Shape:
    """The shape noted in the folder; `shape` itself where the note is lost: every chunk holds a digest of its own."""
    try:
        if files.exists(path):
            return files.read_sealed(path)
        if files.listing(files.join(work, PHASE_FILES[phase][0])):
            raise DamagedError(f"{path}: missing, though there are chunks of its phase")
    except DamagedError as error:
        tell(error)
    return shape


def _visible(folder: str) -> list[str]:
    """What lies in a folder and below it, our own lock and unfinished files apart."""
    paths = [*files.listing(files.join(folder, "*")), *files.listing(files.join(folder, "*", "*"))]
    return [path for path in paths if not files.split(path)[1].startswith(".")]


def check_apart(out: str, work: str) -> None:
    """Raises FolderError if one folder is, or is in, the other: the corpus is published, and the work folder is not."""
    real_out, real_work = (folder if "://" in folder else os.path.realpath(folder) for folder in (out, work))
    inner, outer = sorted((real_out.rstrip("/") + "/", real_work.rstrip("/") + "/"), key=len, reverse=True)
    if inner.startswith(outer):
        raise FolderError(
            f"--out {out} and --work {work}: one of these folders is, or lies in, the other; choose two that are apart."
        )


def claim_work(work: str) -> None:
    """Make the work folder ours. Raises FolderError if something else lies there."""
    files.make_folder(work)
    if _visible(work) and not is_work_folder(work):
        raise FolderError(f"{work}: not empty, and not a work folder of ours; choose another --work, or empty it.")


def is_work_folder(work: str) -> bool:
    """Whether a shape lies there, or our recipe or the manifest of a chunk: the shape may be lost, or yet to come."""
    if files.listing(files.join(work, "shape-*.json")):
        return True
    others = [path for name in (RECIPE, "scripts-*.json") for path in files.listing(files.join(work, name))]
    return any(_is_sealed(path) for path in others)


def _is_sealed(path: str) -> bool:
    try:
        files.read_sealed(path)
    except DamagedError:
        return False
    return True


def claim_output(out: str, name: str, work: str) -> None:
    """Make the output folder ours. Raises FolderError if something else lies there, or a corpus of another name.

    A corpus whose manifest is damaged or missing is ours if the work folder has a receipt for one of its shards.
    """
    path = files.join(out, "manifest.json")
    files.make_folder(out)
    if not _visible(out):
        open_output(out, name)
        return
    try:
        if not files.exists(path):
            raise DamagedError(f"{path}: missing")
        manifest = files.read_sealed(path)
    except DamagedError as error:
        if not _has_our_shards(out, work):
            raise FolderError(
                f"{out}: not empty, and not a corpus of ours that the work folder {work} knows; choose another --out, "
                "or empty it."
            ) from error
        tell(error)
        open_output(out, name)
        return
    if "troupe" not in manifest:
        raise FolderError(f"{path}: not the manifest of a corpus of ours; choose another --out.")
    if manifest["name"] != name:
        raise FolderError(f"{out}: holds the corpus '{manifest['name']}', not '{name}'; choose another --out.")


def _has_our_shards(out: str, work: str) -> bool:
    """Whether any shard in `out` has the size that a receipt in the work folder notes for it."""
    sizes = files.listing(files.join(out, "*", "*.arrow"))
    for path in files.listing(files.join(work, "shards", "*.json")):
        try:
            receipt = files.read_sealed(path)
        except DamagedError:
            continue
        if sizes.get(files.join(out, receipt["file"])) == receipt["bytes"]:
            return True
    return False


def open_output(out: str, name: str) -> None:
    """Say that the corpus is being written: until its manifest is complete, nobody should take it for finished."""
    files.write_sealed(files.join(out, "manifest.json"), {"troupe": VERSION, "name": name, "complete": False})
