"""Answers that were paid for, on disk, and the purse: a restart asks nothing twice and knows what is spent.

    answers/3f/3f0c….json      {"answer": …, "usd": …}, by digest of the request; "unfit": true if it was of no use
    spending-UUID.json         what one process has paid so far, and what requests in flight may cost at most

Spending is on disk before an answer is, and what a request may cost before it is asked: a process that is killed, or
meets a full disk, has never spent more than its file says. The other way round, requests in flight at a kill count in
full. A power failure may lose the last files whole, and so count them less; half a file it never leaves on a disk
that keeps its promises.
The limit counts what is spent by all earlier processes and by this one: it holds for one process at a time, which is
how the write phase runs locally.
"""

import math
import threading
import uuid
from typing import Any

from pipelines import files
from pipelines.trouble import disk_errors, tell
from schemas.errors import CostLimitError, DamagedError


def spent(work: str) -> float:
    """USD paid so far by all processes of a work folder, at most. Raises DamagedError for a file that does not say."""
    return math.fsum(_noted(path) for path in _notes(work))


class FileAnswers:
    """`Answers` in a work folder; threads may share it. `max_cost_usd` None: costs are counted, and not limited.

    `retry_unfit`: answers that were disowned count as absent, once in the life of this object.
    """

    def __init__(self, work: str, max_cost_usd: float | None, retry_unfit: bool = False) -> None:
        self._work = work
        self._limit = max_cost_usd
        self._retry_unfit = retry_unfit
        self._renewed_usd: dict[str, float] = {}
        """What the disowned answers cost that are asked anew, by digest."""
        with disk_errors(work):
            self._before = spent_or_recounted(work)
        self._paid_usd, self._requests = 0.0, 0
        self._reserved: list[float] = []
        self._changes = self._changes_noted = 0
        self._room = threading.Condition()
        self._writing = threading.Lock()
        self._spending_path = files.join(work, f"spending-{uuid.uuid4().hex}.json")

    def find(self, digest: str) -> dict[str, Any] | None:
        """The kept answer; None if there is none, or a damaged one, which is said: it is asked for again.

        Raises FolderError where an answer cannot be looked for: it may be there, and is not to be paid for twice.
        """
        kept = self._read(digest)
        if kept is None:
            return None
        if self._retry_unfit and kept.get("unfit") and digest not in self._renewed_usd:
            self._renewed_usd[digest] = kept["usd"]
            return None
        answer = kept.get("answer")
        return answer if isinstance(answer, dict) else None

    def reserve(self, usd: float) -> None:
        """Raises FolderError as well: what cannot be noted is not asked."""
        with self._room:
            while not self._fits(usd):
                if not self._reserved or not self._could_fit(usd):
                    raise CostLimitError(self._refusal(usd))
                self._room.wait()
            self._reserved.append(usd)
            self._changes += 1
        try:
            self._note()
        except BaseException:
            with self._room:
                self._let_go(usd)
            raise

    def keep(self, digest: str, answer: dict[str, Any], usd: float, reserved_usd: float) -> None:
        with self._room:
            self._paid_usd += usd
            self._requests += 1
            self._let_go(reserved_usd)
        self._note()
        with disk_errors(self._work):
            usd_in_all = usd + self._renewed_usd.get(digest, 0.0)
            files.write_sealed(self._path(digest), {"answer": answer, "usd": usd_in_all})

    def release(self, reserved_usd: float) -> None:
        with self._room:
            self._let_go(reserved_usd)
        self._note()

    def disown(self, digest: str) -> None:
        kept = self._read(digest)
        if kept is not None and not kept.get("unfit"):
            with disk_errors(self._work):
                files.write_sealed(self._path(digest), kept | {"unfit": True})

    def _read(self, digest: str) -> dict[str, Any] | None:
        path = self._path(digest)
        with disk_errors(self._work):
            if "://" in path and not files.exists(path):  # each of them says in its own words that it has no such file
                return None
            try:
                return files.read_sealed(path)
            except FileNotFoundError:
                return None
            except DamagedError as error:
                tell(error)
                return None

    def _note(self) -> None:
        """Bring the spending file up to date; one write does for all who wait for it."""
        with self._room:
            wanted = self._changes
        with disk_errors(self._work), self._writing:
            if self._changes_noted >= wanted:
                return
            with self._room:
                changes = self._changes
                in_flight_usd = math.fsum(self._reserved)
                spending = {"usd": self._paid_usd, "requests": self._requests, "in_flight_usd": in_flight_usd}
            files.write_sealed(self._spending_path, spending)
            self._changes_noted = changes

    def _let_go(self, usd: float) -> None:
        self._reserved.remove(usd)
        self._changes += 1
        self._room.notify_all()

    def _fits(self, usd: float) -> bool:
        return self._limit is None or self._spent() + sum(self._reserved) + usd <= self._limit

    def _could_fit(self, usd: float) -> bool:
        return self._limit is None or self._spent() + usd <= self._limit

    def _spent(self) -> float:
        return self._before + self._paid_usd

    def _refusal(self, usd: float) -> str:
        return (
            f"run.max_cost_usd: the limit is {self._limit:g} USD, {self._spent():.4f} are spent, and the next request "
            f"could cost {usd:.4f}. Raise run.max_cost_usd and build again: what is paid for is kept."
        )

    def _path(self, digest: str) -> str:
        return files.join(self._work, "answers", digest[:2], f"{digest}.json")


def _notes(work: str) -> list[str]:
    return list(files.listing(files.join(work, "spending-*.json")))


def _noted(path: str) -> float:
    """USD that a spending file stands for. Raises DamagedError."""
    spending = files.read_sealed(path)
    return float(spending["usd"]) + float(spending.get("in_flight_usd", 0.0))


def spent_or_recounted(work: str) -> float:
    """What was spent. Where a file that says so is damaged, or all are gone, the kept answers are summed instead.

    A kill in the middle may leave what was spent counted twice, never less.
    """
    sound, damaged = [], []
    usd = 0.0
    for path in _notes(work):
        try:
            usd += _noted(path)
            sound.append(path)
        except DamagedError as error:
            tell(error)
            damaged.append(path)
    if sound and not damaged:
        return usd
    kept = list(files.listing(files.join(work, "answers", "*", "*.json")))
    if not kept and not damaged:
        return 0.0
    usd = max(usd, _sum_of(kept))
    recount = files.join(work, "spending-recounted.json")
    files.write_sealed(recount, {"usd": usd, "requests": len(kept)})
    for old in (sound, damaged):  # the damaged ones last: while there is one, the next start counts again
        files.delete([path for path in old if path != recount])
    return usd


def _sum_of(answers: list[str]) -> float:
    usd = 0.0
    for path in answers:
        try:
            usd += float(files.read_sealed(path)["usd"])
        except DamagedError as error:
            tell(error)
    return usd
