"""Builds as a user runs them, in processes of their own that a test may kill."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 240.0


def command(
    arguments: list[str], fakes: bool = True, env: dict[str, str] | None = None, **options: Any
) -> subprocess.Popen[str]:
    """`troupe ARGUMENTS`, started; with the fake back ends registered in all its processes if asked for."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.command_line", *arguments],
        env=environment(fakes) | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **{"preexec_fn": _interruptible} | options,
    )


def _interruptible() -> None:
    """Ctrl-C reaches it, though the tests themselves may run in the background, where shells have it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def environment(fakes: bool = True) -> dict[str, str]:
    """Where processes find the code, and the fakes if asked for; `python` is this one."""
    paths = [str(ROOT), *([str(ROOT / "tests" / "fake_site")] if fakes else [])]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PATH": path}


def finish(process: subprocess.Popen[str], patience_s: float = PATIENCE_S) -> tuple[int, str, str]:
    """Return code, stdout and stderr of a process that ends by itself."""
    out, err = process.communicate(timeout=patience_s)
    return process.returncode, out, err


def wait_until(condition: Callable[[], Any], process: subprocess.Popen[str], what: str) -> None:
    """Poll until the condition holds. Fails if the process ends first."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, f"the build ended before {what}: {process.communicate()}"
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.002)


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def manifests(work: Path) -> list[Path]:
    return sorted(work.glob("chunk-*.json"))


def stamps(work: Path) -> dict[str, tuple[int, int]]:
    """mtime and inode of every finished chunk and its manifest."""
    chunks = [path for manifest in manifests(work) for path in (manifest, manifest.with_suffix(".arrow"))]
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in chunks}


def digests(*folders: Path) -> dict[str, str]:
    """sha256 of every chunk and shard below the folders."""
    files = [p for folder in folders for pattern in ("*.arrow", "*.jsonl") for p in folder.rglob(pattern)]
    return {f"{p.parent.name}/{p.name}".replace(".work", ""): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def write_recipe(path: Path, data: dict[str, Any]) -> Path:
    """A recipe as TOML; values are numbers, strings, booleans, lists and dicts of those."""
    path.write_text("\n".join(f"{key} = {_toml(value)}" for key, value in data.items()), encoding="utf-8")
    return path


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value)
