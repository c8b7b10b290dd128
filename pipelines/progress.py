"""The progress bar: accepted, rejected and dead dialogues, and the time left, from finished manifests."""

from types import TracebackType
from typing import Any

from tqdm import tqdm

from pipelines.manifests import Manifest
from schemas.limits import Limits
from stages.select_takes import judge_facts


class Progress:
    """A bar over dialogues, for a with block."""

    def __init__(self, planned: int, limits: Limits) -> None:
        self.limits = limits
        self.counts: dict[int, dict[str, int]] = {}
        self.bar: Any = tqdm(total=planned, unit="dialogue", desc="perform", dynamic_ncols=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bar.close()

    def show(self, manifests: dict[int, Manifest]) -> None:
        """Move the bar to what these chunks hold; each is counted once."""
        for index, manifest in manifests.items():
            if index not in self.counts:
                self.counts[index] = tally(manifest, self.limits)
        sums = {name: sum(count[name] for count in self.counts.values()) for name in ("accepted", "rejected", "dead")}
        self.bar.n = sum(sums.values())
        self.bar.set_postfix(sums)


def tally(manifest: Manifest, limits: Limits) -> dict[str, int]:
    """Dialogues of a take chunk that are accepted, rejected and dead under the limits."""
    kept: dict[str, dict[int, bool]] = {}
    for take in manifest["takes"]:
        turns = kept.setdefault(take["dialogue_id"], {})
        turns[take["turn_index"]] = turns.get(take["turn_index"], False) or judge_facts(take, limits).accepted
    dead = {letter["dialogue_id"] for letter in manifest["dead"]}
    accepted = sum(all(turns.values()) for name, turns in kept.items() if name not in dead)
    return {"accepted": accepted, "rejected": len(manifest["dialogues"]) - accepted - len(dead), "dead": len(dead)}
