"""Which failures of the operating system are the user's to mend, and how they are said."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import FolderError

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free space, then build again: finished chunks are kept",
    errno.EDQUOT: "the disk quota is used up; free space, then build again: finished chunks are kept",
    errno.EFBIG: "the file would pass the size limit of this process or disk; raise it, then build again",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.EACCES: "permission denied; choose another folder, or mend its permissions",
    errno.EPERM: "permission denied; choose another folder, or mend its permissions",
    errno.ENOTDIR: "part of the path is a file; choose another folder",
}


def explain(error: BaseException, where: str) -> FolderError | None:
    """The user's side of a disk error anywhere in the chain of causes; None if it is not one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, FolderError):
            return seen
        for code, remedy in _REMEDIES.items():
            # Beam wraps exceptions of a step in its own, keeping only their text.
            if (isinstance(seen, OSError) and seen.errno == code) or f"[Errno {code}]" in str(seen):
                return FolderError(f"{getattr(seen, 'filename', None) or where}: {remedy}.")
        seen = seen.__cause__ or seen.__context__
    return None


@contextmanager
def disk_errors(where: str) -> Iterator[None]:
    """Turns disk errors inside the block into a FolderError that names `where`."""
    try:
        yield
    except Exception as error:
        if (plain := explain(error, where)) is not None:
            raise plain from error
        raise
