"""Processes that start together leave a cache that later ones can load."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROCESSES = 3


@pytest.mark.slow
def test_processes_that_start_together_share_one_sound_cache(tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "stages.backends.librosa_cache"]
    started = [subprocess.Popen(command, env=environment) for _ in range(PROCESSES)]
    assert [process.wait(timeout=300) for process in started] == [0] * PROCESSES
    compiled = {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")}
    assert compiled
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")} == compiled
