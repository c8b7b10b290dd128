"""The last step of the assemble graph: the card and the manifest of the corpus, when every shard lies there.

It is a step of the graph so that a launcher on another machine need not wait for its job.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines import files
from pipelines.card import write_card
from pipelines.manifests import Manifest


@dataclass(frozen=True)
class FinishCorpus:
    """Writes README.md and manifest.json of `out`: `head` is the manifest but for its shards, which stand in receipts.

    Called with the names of the shards that were written just now; doing it twice gives the same bytes.
    """

    out: str
    head: Manifest
    receipts: tuple[str, ...]

    def __call__(self, written: Sequence[str]) -> str:
        receipts = [files.read_sealed(path) for path in self.receipts]
        shards = [{key: value for key, value in receipt.items() if key != "digest"} for receipt in receipts]
        manifest = self.head | {"shards": shards}
        path = files.join(self.out, "manifest.json")
        write_card(self.out, manifest)
        files.write_sealed(path, manifest)
        return path
