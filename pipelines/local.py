"""Performing on this machine: in N processes that share the chunks among them.

Each worker process runs its own in-memory FnApiRunner over its share of the chunks (Beam's own multi-processing hangs
on a killed worker and loses large results). A dead worker is a return code: it is started again over what is left.
Workers die with the launcher.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import IO, Any

from pipelines.one_thread import ONE_THREAD
from schemas.errors import TroupeError

STARTS_PER_WORKER = 3
"""How often a worker is started before giving up on chunks that keep killing it."""
EXIT_TROUBLE = 2
POLL_S = 0.2
LOOK_S = 1.0

Counter = tuple[str, str, int]


def run_workers(
    build: dict[str, Any],
    jobs: dict[int, str],
    costs: dict[int, int],
    count: int,
    look: Callable[[], set[int]],
) -> list[Counter]:
    """Run `python -m pipelines.worker` over the jobs (index -> JSON) in `count` processes until all are finished.

    `build` is what every job shares; `costs` tells how long each job may take, in any unit. `look` tells which jobs
    are finished; it is called every second. Returns the workers' counters as (step, counter, value). Raises
    TroupeError with a worker's own words where the recipe or the disk is in trouble, or if a worker keeps dying.
    """
    workers = [_Worker(build, {i: jobs[i] for i in hand}, look) for hand in deal(costs, count) if hand]
    looked = time.monotonic()
    try:
        for worker in workers:
            worker.start()
        while any([worker.running() for worker in workers]):
            time.sleep(POLL_S)
            if time.monotonic() - looked > LOOK_S:
                look()
                looked = time.monotonic()
    finally:
        for worker in workers:
            worker.stop()
    return [counter for worker in workers for counter in worker.counters]


def deal(costs: dict[int, int], count: int) -> list[list[int]]:
    """Jobs dealt to `count` hands of about the same cost: the costliest first, each to the lightest hand."""
    hands: list[list[int]] = [[] for _ in range(count)]
    held = [0] * count
    for job in sorted(costs, key=lambda job: (-costs[job], job)):
        lightest = held.index(min(held))
        hands[lightest].append(job)
        held[lightest] += costs[job]
    return [sorted(hand) for hand in hands]


class _Worker:
    """One worker process and the jobs that are its own."""

    def __init__(self, build: dict[str, Any], jobs: dict[int, str], look: Callable[[], set[int]]) -> None:
        self.build = json.dumps(build)
        self.jobs = jobs
        self.look = look
        self.starts = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.counters: list[Counter] = []

    def start(self) -> None:
        self.starts += 1
        self.input, self.output, self.words = (tempfile.TemporaryFile() for _ in range(3))  # noqa: SIM115
        self.input.write("\n".join([self.build, *self.jobs.values()]).encode())
        self.input.seek(0)
        self.process = subprocess.Popen(
            # -P: what lies in the user's current folder must not shadow a package.
            [sys.executable, "-P", "-m", "pipelines.worker", str(os.getpid())],
            stdin=self.input,
            stdout=self.output,
            stderr=self.words,
            env=os.environ | ONE_THREAD,
        )

    def running(self) -> bool:
        """Whether there is work left; starts the process again if it died over its work."""
        if not self.jobs:
            return False
        assert self.process is not None
        code = self.process.poll()
        if code is None:
            return True
        words = _text(self.words)[-2000:].strip()
        if code == EXIT_TROUBLE:
            raise TroupeError(words.splitlines()[-1] if words else "a worker stopped without saying why")
        done = self.look()
        left = {index: job for index, job in self.jobs.items() if index not in done}
        if not left:
            self.counters = [tuple(counter) for counter in json.loads(_text(self.output) or "[]")]
            self.jobs = {}
            return False
        if len(left) < len(self.jobs):
            self.starts = 0  # it got somewhere: what killed it may be another chunk each time
        if self.starts >= STARTS_PER_WORKER:
            raise TroupeError(
                f"A worker died {self.starts} times (last return code {code}) over the same {len(left)} chunks; what "
                f"is finished is kept. Its last words: {words or 'none'}"
            )
        self.jobs = left
        self.start()
        return True

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def die_with(parent: int) -> None:
    """Make this process end when the process `parent` does, whatever ends that one."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
