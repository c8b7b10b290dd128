"""`troupe export`: a finished corpus in the layout of another trainer or tool.

An export is written under a name of its own beside the folder asked for, and renamed when it is complete.
"""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from schemas.errors import FolderError, RecipeError
from trainer.export_corpus import Job, open_corpus

FORMATS = {
    "vita-qinyu": "trainer.export_vita_qinyu",
    "parquet": "trainer.export_parquet",
    "webdataset": "trainer.export_webdataset",
    "moshi": "trainer.export_moshi",
}
"""Name -> module with `check_folder(out)` and `export(job)`, which returns lines that say what was written."""


def export(
    corpus: str,
    out: str,
    layout: str,
    foreign_caches: bool = False,
    tick: Callable[[int], object] = lambda rows: None,
) -> list[str]:
    """Write the corpus in folder `corpus` into the new or empty local folder `out`, in a layout of FORMATS.

    `tick` gets utterances done (for parquet: rows). Returns what was written and what was left out, in lines.
    Raises RecipeError for options that do not go together, FolderError for folders that cannot be used, and
    DamagedError for a corpus that is not what was built.
    """
    if layout not in FORMATS:
        raise RecipeError(f"--format: there is no layout '{layout}'; use one of: {', '.join(FORMATS)}.")
    if foreign_caches and layout != "vita-qinyu":
        raise RecipeError(f"--foreign-caches: only vita-qinyu has caches, '{layout}' has none; leave the option out.")
    if "://" in out:
        raise FolderError(f"{out}: exports are written to local folders; name one, and copy it from there.")
    module = import_module(FORMATS[layout])
    target = Path(out).absolute()
    refuse_unless_free(target)
    module.check_folder(target)
    source = open_corpus(corpus)
    with new_folder(target) as folder:
        lines: list[str] = module.export(Job(source, folder, target, foreign_caches, tick))
    return lines


def refuse_unless_free(out: Path) -> None:
    """Raises FolderError for what is neither an empty folder nor a free name."""
    if out.is_dir():
        if any(out.iterdir()):
            raise FolderError(f"{out}: this folder is not empty; name another, or empty it.")
    elif out.exists() or out.is_symlink():
        raise FolderError(f"{out}: there is a file of this name; name another folder, or move it.")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when the block ends well, and nothing when it does not."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.parent / f".{out.name}.{uuid.uuid4().hex}.tmp"
    temporary.mkdir()
    try:
        yield temporary
        refuse_unless_free(out)
        os.replace(temporary, out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
