"""Which failures of a run are the user's to mend, and how they are said."""

import errno
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from schemas import errors
from schemas.errors import DamagedError, FolderError, TroupeError
from schemas.printable import printable

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free space, then build again: finished chunks are kept",
    errno.EDQUOT: "the disk quota is used up; free space, then build again: finished chunks are kept",
    errno.EFBIG: "the file would pass the size limit of this process or disk; raise it, then build again",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.EACCES: "permission denied; choose another folder, or mend its permissions",
    errno.EPERM: "permission denied; choose another folder, or mend its permissions",
    errno.EISDIR: "there is a folder where a file of ours belongs; delete it, then build again",
    errno.EIO: "the disk cannot read or write this file; check the disk, delete the file, then build again",
    errno.ENOTDIR: "part of the path is a file; choose another folder",
}


_AS_TEXT = re.compile(r"^(?:schemas\.errors\.)(\w+Error): (.+?)(?: \[while running .*\])?$", re.MULTILINE)
"""One of our errors at the end of a traceback: Beam wraps exceptions of a step in its own, keeping only their text."""


def explain(error: BaseException, where: str) -> TroupeError | None:
    """The user's side of what went wrong, anywhere in the chain of causes; None if it is not the user's to mend."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, TroupeError):
            words = str(seen).split(" [while running ")[0]  # Beam adds the step's name
            return seen if words == str(seen) else type(seen)(words)
        for name, words in reversed(_AS_TEXT.findall(str(seen))):
            kind: type[TroupeError] = getattr(errors, name, TroupeError)
            return kind(words)
        for code, remedy in _REMEDIES.items():
            if (isinstance(seen, OSError) and seen.errno == code) or f"[Errno {code}]" in str(seen):
                return FolderError(f"{getattr(seen, 'filename', None) or where}: {remedy}.")
        seen = seen.__cause__ or seen.__context__
    return None


def tell(error: DamagedError) -> None:
    """Say on stderr, in a line, that a file is damaged and done again."""
    print(f"damaged: {printable(str(error))}; it is done again.", file=sys.stderr)


@contextmanager
def disk_errors(where: str) -> Iterator[None]:
    """Turns disk errors inside the block into a FolderError that names `where`; our own errors out of Beam's again."""
    try:
        yield
    except Exception as error:
        if (plain := explain(error, where)) is not None:
            raise plain from error
        raise
