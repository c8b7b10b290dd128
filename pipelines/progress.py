"""The progress bar: accepted, rejected and dead dialogues and the time left, read from finished manifests."""

import time
from typing import Any

from tqdm import tqdm

from pipelines import files
from pipelines.manifests import Manifest
from schemas.limits import Limits
from schemas.take import Measures
from stages.judge import judge

REREAD_S = 1.0


class Progress:
    """A bar over dialogues. `read` looks at manifests at most once a second; other runners' output shows as well."""

    def __init__(self, work: str, planned: int, limits: Limits) -> None:
        self.pattern = files.join(work, "chunk-*.json")
        self.limits = limits
        self.seen: set[str] = set()
        self.counts = {"accepted": 0, "rejected": 0, "dead": 0}
        self.bar: Any = tqdm(total=planned, unit="dialogue", desc="perform", dynamic_ncols=True)
        self.last = 0.0

    def __call__(self, force: bool = False) -> None:
        if not force and time.monotonic() - self.last < REREAD_S:
            return
        self.last = time.monotonic()
        for path in files.listing(self.pattern):
            if path not in self.seen:
                self.seen.add(path)
                for name, count in tally(files.read_json(path), self.limits).items():
                    self.counts[name] += count
        self.bar.n = sum(self.counts.values())
        self.bar.set_postfix(self.counts)

    def close(self) -> None:
        self(force=True)
        self.bar.close()


def tally(manifest: Manifest, limits: Limits) -> dict[str, int]:
    """Dialogues of a take chunk that are accepted, rejected and dead under the limits."""
    kept: dict[str, dict[int, bool]] = {}
    for take in manifest["takes"]:
        verdict = judge(Measures(**take["measures"]), limits.of(take["kind"], take["language"], take["manner"]))
        turns = kept.setdefault(take["dialogue_id"], {})
        turns[take["turn_index"]] = turns.get(take["turn_index"], False) or verdict.accepted
    dead = {name for name in manifest["dialogues"] if any(d["record_id"].startswith(name) for d in manifest["dead"])}
    accepted = sum(all(turns.values()) for name, turns in kept.items() if name not in dead)
    return {"accepted": accepted, "rejected": len(manifest["dialogues"]) - accepted - len(dead), "dead": len(dead)}
