"""One thread, in whatever thread a batch runs and however little of the environment was ours to set."""

import json
import os
import subprocess
import sys

from pipelines.one_thread import ONE_THREAD

PROGRAM = """
import json, sys, threading
import numpy  # as a worker of Beam's has it before any code of ours
from pipelines.one_thread import compute_on_one_thread
if sys.argv[1] == "ours":
    compute_on_one_thread()
import scipy.linalg, torch, threadpoolctl
found = []
def look():
    found.extend(library["num_threads"] for library in threadpoolctl.threadpool_info())
thread = threading.Thread(target=look)
thread.start()
thread.join()
print(json.dumps([found, torch.get_num_threads()]))
"""


def threads(how: str) -> tuple[list[int], int]:
    """Threads of OpenMP and of each OpenBLAS as another thread sees them, and torch's own number."""
    bare = {key: value for key, value in os.environ.items() if key not in ONE_THREAD}
    command = [sys.executable, "-c", PROGRAM, how]
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=True, timeout=120)
    found, torchs = json.loads(done.stdout)
    return found, torchs


def test_every_library_computes_on_one_thread() -> None:
    found, torchs = threads("ours")
    assert len(found) >= 3  # OpenMP, numpy's OpenBLAS and scipy's
    assert set(found) == {1}
    assert torchs == 1
    if len(os.sched_getaffinity(0)) > 1:
        assert max(threads("theirs")[0]) > 1  # without it the libraries take all cores
