"""Answers that were paid for, on disk, and the purse: a restart asks nothing twice and knows what is spent.

    answers/3f/3f0c….json      {"answer": …, "usd": …}, by digest of the request
    spending-UUID.json         what one process has paid so far

The limit counts what is spent by all earlier processes and by this one: it holds for one process at a time, which is
how the write phase runs locally.
"""

import threading
import uuid
from typing import Any

from pipelines import files
from pipelines.trouble import disk_errors, tell
from schemas.errors import CostLimitError, DamagedError


def spent(work: str) -> float:
    """USD paid so far by all processes of a work folder. Raises DamagedError for a file that does not say."""
    return sum(float(files.read_sealed(path)["usd"]) for path in files.listing(files.join(work, "spending-*.json")))


class FileAnswers:
    """`Answers` in a work folder; threads may share it. `max_cost_usd` None: costs are counted, and not limited."""

    def __init__(self, work: str, max_cost_usd: float | None) -> None:
        self._work = work
        self._limit = max_cost_usd
        self._before = _spent_or_recounted(work)
        self._paid = {"usd": 0.0, "requests": 0}
        self._reserved: list[float] = []
        self._room = threading.Condition()
        self._writing = threading.Lock()
        self._spending_path = files.join(work, f"spending-{uuid.uuid4().hex}.json")

    def find(self, digest: str) -> dict[str, Any] | None:
        """The kept answer; None if there is none that can be read: it is asked for again."""
        path = self._path(digest)
        try:
            answer = files.read_sealed(path)["answer"] if files.exists(path) else None
        except (OSError, DamagedError, KeyError):
            return None
        return answer if isinstance(answer, dict) else None

    def reserve(self, usd: float) -> None:
        with self._room:
            while not self._fits(usd):
                if not self._reserved or not self._could_fit(usd):
                    raise CostLimitError(self._refusal(usd))
                self._room.wait()
            self._reserved.append(usd)

    def keep(self, digest: str, answer: dict[str, Any], usd: float, reserved_usd: float) -> None:
        with self._room:
            self._paid["usd"] += usd
            self._paid["requests"] += 1
            self._let_go(reserved_usd)
        with disk_errors(self._work):
            files.write_sealed(self._path(digest), {"answer": answer, "usd": usd})
            with self._writing:
                files.write_sealed(self._spending_path, self._paid)

    def release(self, reserved_usd: float) -> None:
        with self._room:
            self._let_go(reserved_usd)

    def _let_go(self, usd: float) -> None:
        self._reserved.remove(usd)
        self._room.notify_all()

    def _fits(self, usd: float) -> bool:
        return self._limit is None or self._spent() + sum(self._reserved) + usd <= self._limit

    def _could_fit(self, usd: float) -> bool:
        return self._limit is None or self._spent() + usd <= self._limit

    def _spent(self) -> float:
        return self._before + self._paid["usd"]

    def _refusal(self, usd: float) -> str:
        return (
            f"run.max_cost_usd: the limit is {self._limit:g} USD, {self._spent():.4f} are spent, and the next request "
            f"could cost {usd:.4f}. Raise run.max_cost_usd and build again: what is paid for is kept."
        )

    def _path(self, digest: str) -> str:
        return files.join(self._work, "answers", digest[:2], f"{digest}.json")


def _spent_or_recounted(work: str) -> float:
    """What was spent; where a file that says so is damaged, all of them give way to the sum of the kept answers."""
    try:
        return spent(work)
    except DamagedError as error:
        tell(error)
    usd = 0.0
    kept = list(files.listing(files.join(work, "answers", "*", "*.json")))
    for path in kept:
        try:
            usd += float(files.read_sealed(path)["usd"])
        except DamagedError as error:
            tell(error)
    files.delete(list(files.listing(files.join(work, "spending-*.json"))))
    files.write_sealed(files.join(work, "spending-recounted.json"), {"usd": usd, "requests": len(kept)})
    return usd
