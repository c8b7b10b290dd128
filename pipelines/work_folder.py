"""The work folder of one build: who may use it, what shaped it, and starting a phase over."""

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


@contextmanager
def only_builder(work: str) -> Iterator[None]:
    """Holds the work folder against other builders on this machine; the hold ends with the process.

    Raises FolderError if another build holds it. Remote folders (with a scheme) cannot be held.
    """
    if "://" in work:
        yield
        return
    with open(os.path.join(work, ".lock"), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderError(
                f"{work}: another build is using this work folder; wait until it ends, or name another with --work."
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


def claim_output(out: str) -> None:
    """Make the output folder ours. Raises FolderError if something else lies there."""
    manifest = files.join(out, "manifest.json")
    if files.exists(manifest):
        try:
            ours = "troupe" in files.read_json(manifest)
        except ValueError:
            ours = False
        if not ours:
            raise FolderError(f"{out}: its manifest.json is not a corpus of ours; choose another --out.")
        return
    files.make_folder(out)
    if files.listing(files.join(out, "*")):
        raise FolderError(f"{out}: not empty, and not a corpus of ours; choose another --out, or empty it.")
    files.write_json(manifest, {"troupe": "building", "complete": False})
