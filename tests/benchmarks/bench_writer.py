"""The writer that asks an endpoint: what concurrency gains it, and whether faults of the endpoint change a script."""

import time
from collections.abc import Sequence
from typing import Any

from schemas.recipe import BackendChoice, Service
from schemas.script import DialoguePlan, Script
from stages.backends.protocols import Written
from stages.backends.registry import load
from tests.chat_server import ChatServer
from tests.stages.scripts import plan

LATENCY_S = 0.2
FAULTS = 0.2
SERIAL, CONCURRENT = 12, 160
"""Plans of the two timed runs; rates are compared."""
FAULTED = 300
SEEDS = (1, 2)


def opened(server: ChatServer, concurrency: int) -> Any:
    """A writer that has been answered once."""
    service = Service(base_url=server.url, key_variable="BENCH_KEY", timeout_s=1.0, concurrency=concurrency, attempts=8)
    writer = load("script", BackendChoice(name="openai", settings={"model": "m"}, service=service))
    writer.open()
    writer.probe()
    return writer


def rate(count: int, concurrency: int) -> float:
    """Scripts a second."""
    with ChatServer(latency_s=LATENCY_S) as server:
        writer = opened(server, concurrency)
        started_s = time.monotonic()
        writer.write([plan(index) for index in range(count)])
        return count / (time.monotonic() - started_s)


def scripts(server: ChatServer, plans: Sequence[DialoguePlan]) -> list[Script | str]:
    """What comes of the plans: a script, or the cause of its failure."""
    written = opened(server, 16).write(plans)
    return [one.script if isinstance(one, Written) else str(one) for one in written]


def changed_by_faults(seed: int) -> tuple[int, int]:
    """Scripts that differ from those of a faultless endpoint, and how many faults there were."""
    plans = [plan(index, language) for index in range(FAULTED // 2) for language in ("en", "zh")]
    with ChatServer() as server:
        faultless = scripts(server, plans)
    with ChatServer(faults=FAULTS, seed=seed) as server:
        found = scripts(server, plans)
        faults = server.counts.total() - server.counts["requests"]
    return sum(one != other for one, other in zip(found, faultless, strict=True)), faults


def main() -> None:
    print("Writer: an endpoint of 200 ms\n\n| figure | value | held to |\n|---|---|---|")
    serial, concurrent = rate(SERIAL, 1), rate(CONCURRENT, 16)
    print(f"| scripts a second, 16 requests at once against one | {concurrent / serial:.1f} x | - |")
    changes = [changed_by_faults(seed) for seed in SEEDS]
    changed, faults = (sum(column) for column in zip(*changes, strict=True))
    print(
        f"| scripts that differ at {FAULTS:.0%} faults, of {len(SEEDS) * FAULTED} ({faults} faults) | {changed} | 0 |"
    )
