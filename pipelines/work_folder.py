"""The folders of one build: who may use them, what shaped their contents, and starting a phase over."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from pipelines import files
from pipelines.shape import Phase, Shape, changes
from schemas.errors import FolderError

Restart = Literal["write", "perform"]
PHASE_FILES: dict[Phase, tuple[str, ...]] = {
    "write": ("scripts-*", "duplicates*.json"),
    "perform": ("chunk-*",),
}
OTHERS = ("shards/*",)
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
    elif files.exists(path):
        changed = changes(files.read_json(path), shape)
        if changed:
            redo = "" if phase == "perform" else ", and with them all takes"
            raise FolderError(
                f"{work}: what shapes its {phase} phase has changed since it was made: {'; '.join(changed)}. Undo the "
                f"change, build into another folder, or do the phase again{redo}: --restart {phase}."
            )
    files.write_json(path, shape)


def _visible(folder: str) -> list[str]:
    """What lies in a folder and below it, our own lock and unfinished files apart."""
    paths = [*files.listing(files.join(folder, "*")), *files.listing(files.join(folder, "*", "*"))]
    return [path for path in paths if not files.split(path)[1].startswith(".")]


def claim_work(work: str) -> None:
    """Make the work folder ours. Raises FolderError if something else lies there."""
    files.make_folder(work)
    if _visible(work) and not files.listing(files.join(work, "shape-*.json")):
        raise FolderError(f"{work}: not empty, and not a work folder of ours; choose another --work, or empty it.")


def claim_output(out: str, name: str) -> None:
    """Make the output folder ours. Raises FolderError if something else lies there, or a corpus of another name."""
    path = files.join(out, "manifest.json")
    if not files.exists(path):
        files.make_folder(out)
        if _visible(out):
            raise FolderError(f"{out}: not empty, and not a corpus of ours; choose another --out, or empty it.")
        open_output(out, name)
        return
    try:
        manifest = files.read_json(path)
        ours = isinstance(manifest, dict) and "troupe" in manifest
    except ValueError:  # damaged: ours if our shards lie beside it; this build writes it anew
        manifest, ours = {}, bool(files.listing(files.join(out, "dialogues", "*.arrow")))
    if not ours:
        raise FolderError(f"{path}: not the manifest of a corpus of ours; choose another --out.")
    if manifest.get("name", name) != name:
        raise FolderError(f"{out}: holds the corpus '{manifest['name']}', not '{name}'; choose another --out.")


def open_output(out: str, name: str) -> None:
    """Say that the corpus is being written: until its manifest is complete, nobody should take it for finished."""
    files.write_json(files.join(out, "manifest.json"), {"troupe": VERSION, "name": name, "complete": False})
