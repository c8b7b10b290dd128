"""The whole embedded pipeline: real-time factor of each stage, what Beam and processes add, and memory.

Prints ratios of runs made one after the other on the same machine; run it on an idle one.
"""

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.pipelines import processes

DIALOGUES = 40
CHUNK = 2
SHORTER = 10
"""The short recipe has this many times fewer dialogues."""


@dataclass(frozen=True)
class Run:
    """One build in processes of its own."""

    wall_s: float
    audio_s: float
    counters: list[tuple[str, str, int]]

    def seconds(self, what: str) -> dict[str, float]:
        """Seconds per stage by counter name (cpu_us or wall_us), summed over workers."""
        sums: dict[str, float] = defaultdict(float)
        for stage, name, value in self.counters:
            if name == what:
                sums[stage] += value / 1e6
        return dict(sums)

    @property
    def peak_mb(self) -> float:
        return max(value for _, name, value in self.counters if name == "rss_kb") / 1024


def build(folder: Path, dialogues: int, workers: int) -> Run:
    """Build a corpus of so many dialogues on the embedded back ends."""
    recipe = {
        "name": "bench",
        "seed": 11,
        "chunk_dialogues": CHUNK,
        "splits": {"train": 1.0},
        "kinds": {"conversation": {"dialogues": dialogues}},
        "select": {"max_rejected_share": 1.0},
    }
    path = processes.write_recipe(folder / f"bench-{dialogues}-{workers}.toml", recipe)
    out = folder / f"corpus-{dialogues}-{workers}"
    start = time.perf_counter()
    process = processes.command(["build", str(path), "--out", str(out), "--workers", str(workers)], fakes=False)
    code, _, err = processes.finish(process, patience_s=3600)
    wall = time.perf_counter() - start
    if code != 0:
        sys.exit(err)
    manifest = json.loads((out / "manifest.json").read_text())
    audio = sum(account["seconds"]["performed"] for account in manifest["books"].values())
    counters = json.loads((out.with_name(out.name + ".work") / "counters.json").read_text())
    return Run(wall, audio, [tuple(counter) for counter in counters])


def rows(short: Run, one: Run, two: Run) -> Iterator[tuple[str, str]]:
    compute = sum(one.seconds("wall_us").values())
    for stage, seconds in one.seconds("cpu_us").items():
        yield f"{stage}: CPU s per s of audio", f"{seconds / one.audio_s:.3f}"
    cpu = sum(one.seconds("cpu_us").values())
    yield "all stages: CPU s per s of audio", f"{cpu / one.audio_s:.3f}"
    yield "all stages: times real time, one core", f"{one.audio_s / cpu:.1f}"
    yield "`build` wall time / the stages' own, one worker", f"{one.wall_s / compute:.3f}"
    yield "two workers against one, wall time of `build`", f"{one.wall_s / two.wall_s:.2f} x"
    yield f"peak memory of a worker, {SHORTER} x longer recipe", f"{one.peak_mb / short.peak_mb - 1:+.1%}"
    yield "peak memory of a worker", f"{one.peak_mb:.0f} MB"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = build(folder, DIALOGUES // SHORTER, 1)
        one = build(folder, DIALOGUES, 1)
        two = build(folder, DIALOGUES, 2)
    print(f"Pipeline: {DIALOGUES} dialogues, {one.audio_s:.0f} s of audio performed\n")
    print("| figure | value |\n|---|---|")
    for label, value in rows(short, one, two):
        print(f"| {label} | {value} |")


if __name__ == "__main__":
    main()
