"""The progress bars: what became of the dialogues, and the time left, from finished manifests."""

from collections.abc import Callable
from types import TracebackType
from typing import Any

from tqdm import tqdm

from pipelines.manifests import Manifest, full_manifest
from pipelines.script_chunks import STATUSES
from schemas.limits import Limits
from stages.select_takes import judge_facts


class Progress:
    """A bar over dialogues, for a with block; `tally` says what became of those of a chunk."""

    def __init__(self, phase: str, planned: int, tally: Callable[[Manifest], dict[str, int]]) -> None:
        self.tally = tally
        self.counts: dict[int, dict[str, int]] = {}
        self.bar: Any = tqdm(total=planned, unit="dialogue", desc=phase, dynamic_ncols=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bar.close()

    def show(self, manifests: dict[int, Manifest]) -> None:
        """Move the bar to what these chunks hold; each is counted once."""
        for index, manifest in manifests.items():
            if index not in self.counts:
                self.counts[index] = self.tally(manifest)
        names = next(iter(self.counts.values()), {})
        sums = {name: sum(count[name] for count in self.counts.values()) for name in names}
        self.bar.n = sum(sums.values())
        self.bar.set_postfix(sums)


def tally_scripts(manifest: Manifest) -> dict[str, int]:
    """Dialogues of a script chunk by status."""
    return {status: len(manifest[status]) for status in STATUSES}


def tally_takes(work: str, manifest: Manifest, limits: Limits) -> dict[str, int]:
    """Dialogues of a take chunk that are accepted, rejected and dead under the limits; its takes are read for that."""
    kept: dict[str, dict[int, bool]] = {}
    for take in full_manifest(work, manifest)["takes"]:
        turns = kept.setdefault(take["dialogue_id"], {})
        turns[take["turn_index"]] = turns.get(take["turn_index"], False) or judge_facts(take, limits).accepted
    dead = {letter["dialogue_id"] for letter in manifest["dead"]}
    accepted = sum(all(turns.values()) for name, turns in kept.items() if name not in dead)
    return {"accepted": accepted, "rejected": len(manifest["dialogues"]) - accepted - len(dead), "dead": len(dead)}
