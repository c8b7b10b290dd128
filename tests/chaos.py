"""Seeded trouble at length: kills, damage, full disks, broken back ends and a misbehaving endpoint, then the count.

    python -m tests.chaos --seed 1 --faults 60

A corpus is built over and over in processes of its own, and disturbed; at the end of each round it is built to its end,
and must be the undisturbed corpus: no dialogue lost, no byte wrong. Prints what was done, both counts, and how long a
restart takes beyond the work itself.
"""

import argparse
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import fakes
from tests.chat_server import ChatServer
from tests.pipelines import processes
from tests.pipelines.conftest import fake_recipe_data
from tests.pipelines.damages import FAULTS, SORTS, damage
from tests.pipelines.test_dead_letters import FAULTED

KEY = "sk-chaos-0123456789"
STEPS_A_ROUND = 3
RESCUES = 4
"""How often a round's last build may be started: dead letters of a broken endpoint need a second one."""
BREAKS: dict[str, tuple[fakes.Fault, ...]] = {
    "speech": ("raise", "nan", "silence", "length", "rate"),
    "transcription": ("raise", "nan", "length"),
    "quality": ("raise", "nan", "length"),
    "codec": ("raise", "nan", "length", "rate"),
}


@dataclass
class Tally:
    """What was done to the corpora, and what came of it."""

    faults: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    wrong: int = 0
    wasted_s: list[float] = field(default_factory=list)


class Chaos:
    """One recipe, one endpoint, and corpora that are disturbed by a seed."""

    def __init__(self, folder: Path, server: ChatServer, seed: int) -> None:
        self.folder = folder
        self.server = server
        self.chance = random.Random(seed)
        self.tally = Tally()
        self.broken = folder / "faults.json"
        self.env = {"CHAOS_KEY": KEY, fakes.FAULTS: str(self.broken)}
        self.mend()
        self.recipe = processes.write_recipe(folder / "chaos.toml", self._recipe())
        self.out = folder / "undisturbed"
        server.faults.rate = 0.0
        started = time.monotonic()
        code, _, words = processes.finish(self.build())
        assert code == 0, words
        self.undisturbed_s = time.monotonic() - started
        self.expected = self.digests()
        server.faults.rate = 0.2

    def _recipe(self) -> dict[str, Any]:
        service = {"base_url": self.server.url, "key_variable": "CHAOS_KEY", "timeout_s": 1.0, "concurrency": 4}
        backends = fakes.BACKENDS | {
            "script": {"name": "openai", "settings": {"model": "test-model"}, "service": service},
            "speech": {"name": "fake", "settings": {"seconds_per_line": 0.03}},
        }
        kinds = {"conversation": {"dialogues": 24, "user_voices": 9}}
        return fake_recipe_data(name="chaos", chunk_dialogues=2, kinds=kinds, backends=backends)

    def build(self, *options: str, **popen: Any) -> subprocess.Popen[str]:
        return processes.command(
            ["build", str(self.recipe), "--out", str(self.out), "--workers", "2", *options], env=self.env, **popen
        )

    @property
    def work(self) -> Path:
        return self.out.with_name(self.out.name + ".work")

    def digests(self) -> dict[str, str]:
        """Of every chunk and shard, by a name without the corpus's own."""
        return {name.replace(self.out.name, "corpus"): d for name, d in processes.digests(self.out, self.work).items()}

    def mend(self) -> None:
        self.broken.write_text(json.dumps({name: {} for name in FAULTED}))
        self.server.dead = False

    def round(self, number: int) -> None:
        """Disturb a new corpus a few times, then build it to its end and compare."""
        self.out = self.folder / f"round-{number}"
        for _ in range(STEPS_A_ROUND):
            name = self.chance.choice(sorted(STEPS))
            if STEPS[name](self):
                self.tally.faults[name] += 1
        self.mend()
        self.rescue()

    def killed_round(self, number: int) -> None:
        """Kill a build again and again: what do the restarts cost?"""
        self.out = self.folder / f"killed-{number}"
        self.server.faults.rate = 0.0
        started, kills = time.monotonic(), 0
        for _ in range(STEPS_A_ROUND):
            kills += kill_launcher(self)
        self.rescue()
        self.server.faults.rate = 0.2
        self.tally.faults["kill_launcher"] += kills
        if kills:
            self.tally.wasted_s.append((time.monotonic() - started - self.undisturbed_s) / kills)

    def rescue(self) -> None:
        """Build to the end, and count what is lost or wrong."""
        for _ in range(RESCUES):
            code, _, words = processes.finish(self.build("--retry-dead"))
            if code == 0 and not json.loads((self.out / "manifest.json").read_text())["dead"]:
                break
        found = self.digests()
        missing = sorted(self.expected.keys() - found.keys())
        differing = sorted(n for n in found if self.expected.get(n) != found[n])
        self.tally.lost += len(missing)
        self.tally.wrong += len(differing)
        if code or missing or differing:
            print(f"{self.out}: exit {code}, missing {missing}, differing {differing}\n{words}", file=sys.stderr)
        for folder in (self.out, self.work):
            code, _, words = processes.finish(processes.command(["verify", str(folder)]))
            self.tally.wrong += code != 0
            if code:
                print(f"{folder}: {words}", file=sys.stderr)


def kill_launcher(chaos: Chaos) -> bool:
    return _signalled(chaos, signal.SIGKILL)


def interrupt(chaos: Chaos) -> bool:
    return _signalled(chaos, signal.SIGINT)


def _signalled(chaos: Chaos, number: signal.Signals) -> bool:
    """Signal the launcher somewhere on its way; False if it had ended."""
    process = chaos.build()
    time.sleep(chaos.chance.uniform(0.2, 1.0) * chaos.undisturbed_s)
    hit = process.poll() is None
    process.send_signal(number)
    processes.finish(process)
    return hit


def kill_worker(chaos: Chaos) -> bool:
    process = chaos.build()
    deadline = time.monotonic() + 3 * chaos.undisturbed_s
    while process.poll() is None and not processes.children(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(chaos.chance.uniform(0.0, 0.5) * chaos.undisturbed_s)
    victims = processes.children(process.pid)
    if victims:
        processes.kill(chaos.chance.choice(victims))
    processes.finish(process)
    return bool(victims)


def harm_file(chaos: Chaos) -> bool:
    """Damage one file of a random sort, if there is one yet."""
    folder = chaos.folder / "harmed"
    folder.mkdir(exist_ok=True)
    for name, target in (("corpus", chaos.out), ("corpus.work", chaos.work)):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)
    sorts = [sort for sort in SORTS.values() if list(folder.glob(sort.pattern))]
    if not sorts:
        return False
    damage(folder, chaos.chance.choice(sorts), chaos.chance.choice(sorted(FAULTS)), str(chaos.chance.random()))
    return True


def break_backend(chaos: Chaos) -> bool:
    """Build with a back end that fails on one take; it is mended at the end of the round."""
    capability = chaos.chance.choice(sorted(BREAKS))
    language, number = chaos.chance.choice(("en", "zh")), chaos.chance.randrange(6)
    take = f"conversation-{language}-train-{number:06d}-t{chaos.chance.randrange(6):02d}-a0"
    faults: dict[str, dict[str, str]] = {name: {} for name in FAULTED}
    faults[capability][take] = chaos.chance.choice(BREAKS[capability])
    chaos.broken.write_text(json.dumps(faults))
    processes.finish(chaos.build())
    chaos.mend()
    return True


def fill_disk(chaos: Chaos) -> bool:
    """Build where no file can grow beyond a few kilobytes."""
    limit = chaos.chance.randrange(500, 60_000)
    process = chaos.build(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    return processes.finish(process)[0] != 0


def lose_endpoint(chaos: Chaos) -> bool:
    """The endpoint dies while scripts are being written."""
    process = chaos.build()
    asked = chaos.server.counts["requests"]
    wanted = asked + chaos.chance.randrange(1, 20)
    while process.poll() is None and chaos.server.counts["requests"] < wanted and not chaos.digests():
        time.sleep(0.02)
    chaos.server.dead = True
    code = processes.finish(process)[0]
    chaos.server.dead = False
    return code != 0


STEPS: dict[str, Callable[[Chaos], bool]] = {
    step.__name__: step
    for step in (kill_launcher, interrupt, kill_worker, harm_file, break_backend, fill_disk, lose_endpoint)
}
"""Each disturbs the corpus once; False if there was nothing to disturb."""


def run(seed: int, faults: int, folder: Path) -> Tally:
    """Rounds until so many faults have struck, those of the endpoint apart."""
    with ChatServer(seed=seed) as server:
        chaos = Chaos(folder, server, seed)
        number = 0
        while sum(chaos.tally.faults.values()) < faults:
            chaos.killed_round(number) if number % 4 == 3 else chaos.round(number)
            number += 1
            print(f"round {number}: {dict(chaos.tally.faults)}", file=sys.stderr, flush=True)
        for fault, count in sorted(server.counts.items()):
            if fault != "requests":
                chaos.tally.faults[f"endpoint: {fault}"] += count
        for path in folder.rglob("*"):
            if path.is_file() and KEY.encode() in path.read_bytes():
                raise AssertionError(f"{path} holds the key")
        print(f"undisturbed build: {chaos.undisturbed_s:.1f} s")
        return chaos.tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = run(given.seed, given.faults, Path(folder))
    for name, count in sorted(tally.faults.items()):
        print(f"{name:28} {count:5}")
    print(f"{'faults injected':28} {sum(tally.faults.values()):5}")
    print(f"{'lost':28} {tally.lost:5}\n{'wrong bytes':28} {tally.wrong:5}")
    if tally.wasted_s:
        mean = sum(tally.wasted_s) / len(tally.wasted_s)
        print(f"{'wasted by a restart':28} {mean:5.1f} s on average, {max(tally.wasted_s):.1f} s at most")
    return 1 if tally.lost or tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
