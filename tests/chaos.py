"""Seeded trouble at length: kills, damage, full disks, broken back ends and a misbehaving endpoint, then the count.

    python -m tests.chaos --seed 1 --faults 30

A corpus is built over and over in processes of its own, and disturbed; at the end of each round it is built to its end,
and must be the undisturbed corpus: no dialogue lost, no byte wrong, its manifest and card the same, no payment off the
books, the key nowhere. Prints what was done, both counts, and how long a restart takes beyond the work itself.
"""

import argparse
import json
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests import fakes
from tests.chaos_corpus import TIMEOUT_S, Chaos, Tally
from tests.chat_server import ChatServer
from tests.pipelines import processes
from tests.pipelines.damages import FAULTS, PAID, SORTS, damage
from tests.pipelines.test_dead_letters import FAULTED

FAULT_RATE = 0.2
STEPS_A_ROUND = 3
RESCUES = 4
"""How often a round's last build may be started: dead letters of a broken endpoint need a second one."""
BREAKS: dict[str, tuple[fakes.Fault, ...]] = {
    "speech": ("raise", "nan", "silence", "length", "rate"),
    "transcription": ("raise", "nan", "length"),
    "quality": ("raise", "nan", "length"),
    "codec": ("raise", "nan", "length", "rate"),
}


def kill_launcher(chaos: Chaos) -> bool:
    return _signalled(chaos, signal.SIGKILL) != 0


def interrupt(chaos: Chaos) -> bool:
    code = _signalled(chaos, signal.SIGINT)
    if code not in (0, 130):
        chaos.tally.blame(f"{chaos.out}: an interrupted build ended with {code}")
    return code != 0


def _signalled(chaos: Chaos, number: signal.Signals) -> int:
    """Signal the launcher somewhere on its way; its return code, 0 if it had ended."""
    process = chaos.build()
    time.sleep(chaos.chance.uniform(0.2, 1.0) * chaos.undisturbed_s)
    hit = process.poll() is None
    process.send_signal(number)
    code, _, words = chaos.finish(process)
    if code not in (0, -number, 130):
        print(words, file=sys.stderr)
    return code if hit else 0


def kill_worker(chaos: Chaos) -> bool:
    process = chaos.build()
    deadline = time.monotonic() + 3 * chaos.undisturbed_s
    while process.poll() is None and not processes.children(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(chaos.chance.uniform(0.0, 0.5) * chaos.undisturbed_s)
    victims = processes.children(process.pid)
    if victims:
        processes.kill(chaos.chance.choice(victims))
    chaos.finish(process)
    return bool(victims)


def harm_file(chaos: Chaos) -> bool:
    """Damage one file of a random sort, if there is one yet."""
    folder = chaos.folder / "harmed"
    folder.mkdir(exist_ok=True)
    for name, target in (("corpus", chaos.out), ("corpus.work", chaos.work)):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)
    sorts = {name: sort for name, sort in (SORTS | PAID).items() if list(folder.glob(sort.pattern))}
    if not sorts:
        return False
    name = chaos.chance.choice(sorted(sorts))
    chaos.purse.harmed |= name in PAID
    damage(folder, sorts[name], chaos.chance.choice(sorted(FAULTS)), str(chaos.chance.random()))
    return True


def break_backend(chaos: Chaos) -> bool:
    """Build with a back end that fails on one take; False if no dead letter comes of it."""
    capability = chaos.chance.choice(sorted(BREAKS))
    faults: dict[str, dict[str, str]] = {name: {} for name in FAULTED}
    faults[capability][chaos.chance.choice(chaos.takes)] = chaos.chance.choice(BREAKS[capability])
    before = chaos.dead()
    chaos.broken.write_text(json.dumps(faults))
    chaos.finish(chaos.build())
    chaos.mend()
    return chaos.dead() > before


def fill_disk(chaos: Chaos) -> bool:
    """Build where no file can grow beyond a few kilobytes."""
    limit = chaos.chance.randrange(500, 60_000)
    process = chaos.build(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    return chaos.finish(process)[0] != 0


def lose_endpoint(chaos: Chaos) -> bool:
    """The endpoint dies while scripts are being written."""
    process = chaos.build()
    asked = chaos.server.counts["requests"]
    wanted = asked + chaos.chance.randrange(1, 20)
    while process.poll() is None and chaos.server.counts["requests"] < wanted and not _written(chaos):
        time.sleep(0.02)
    chaos.server.dead = True
    code = chaos.finish(process)[0]
    chaos.server.dead = False
    return code != 0


def _written(chaos: Chaos) -> bool:
    return any(chaos.work.glob("scripts-*.jsonl"))


STEPS: dict[str, Callable[[Chaos], bool]] = {
    step.__name__: step
    for step in (kill_launcher, interrupt, kill_worker, harm_file, break_backend, fill_disk, lose_endpoint)
}
"""Each disturbs the corpus once; False if there was nothing to disturb."""


def broken_round(chaos: Chaos, number: int) -> None:
    """Disturb a new corpus a few times, then build it to its end and compare."""
    chaos.begin(f"round-{number}", FAULT_RATE)
    for _ in range(STEPS_A_ROUND):
        chaos.deck = chaos.deck or chaos.chance.sample(sorted(STEPS), len(STEPS))
        name = chaos.deck.pop()
        if STEPS[name](chaos):
            chaos.tally.faults[name] += 1
    chaos.mend()
    rescue(chaos)
    chaos.compare()


def killed_round(chaos: Chaos, number: int) -> None:
    """Kill a build again and again: what do the restarts cost?"""
    chaos.begin(f"killed-{number}", 0.0)
    started = time.monotonic()
    kills = sum(kill_launcher(chaos) for _ in range(STEPS_A_ROUND))
    rescue(chaos)
    chaos.tally.faults["kill_launcher"] += kills
    if kills:
        chaos.tally.wasted_s.append((time.monotonic() - started - chaos.undisturbed_s) / kills)
    chaos.compare()


def rescue(chaos: Chaos) -> None:
    """Build to the end, where nothing may be short or dead."""
    for _ in range(RESCUES):
        code, _, words = chaos.finish(chaos.build("--retry-dead"))
        if code == 0 and not chaos.dead():
            return
    chaos.tally.blame(f"{chaos.out}: exit {code} with {chaos.dead()} dead letters\n{words}")


def run(seed: int, faults: int, folder: Path) -> Tally:
    """Rounds until so many faults have struck, those of the endpoint apart."""
    with ChatServer(stall_s=TIMEOUT_S + 0.5) as server:
        chaos = Chaos(folder, server, seed)
        number = 0
        while sum(chaos.tally.faults.values()) < faults:
            (killed_round if number % 4 == 3 else broken_round)(chaos, number)
            number += 1
            print(f"round {number}: {dict(chaos.tally.faults)}", file=sys.stderr, flush=True)
        for fault, count in sorted(server.counts.items()):
            if fault != "requests":
                chaos.tally.faults[f"endpoint: {fault}"] += count
        chaos.seek_key()
        print(f"undisturbed build: {chaos.undisturbed_s:.1f} s")
        return chaos.tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=30, help="how many, those of the endpoint apart")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = run(given.seed, given.faults, Path(folder))
    for name, count in sorted(tally.faults.items()):
        print(f"{name:28} {count:5}")
    print(f"{'faults injected':28} {sum(tally.faults.values()):5}")
    print(f"{'lost':28} {tally.lost:5}\n{'wrong':28} {tally.wrong:5}")
    if tally.wasted_s:
        mean = sum(tally.wasted_s) / len(tally.wasted_s)
        print(f"{'wasted by a restart':28} {mean:5.1f} s on average, {max(tally.wasted_s):.1f} s at most")
    return 1 if tally.lost or tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
