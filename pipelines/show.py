"""A row of a corpus, cut short enough to read."""

from typing import Any

import pyarrow as pa

from pipelines import files
from pipelines.manifests import Manifest

SHOWN_FRAMES = 1
SHOWN_TURNS = 2


def first_row(out: str, manifest: Manifest) -> dict[str, Any]:
    """The first dialogue of the corpus; of its codes and turns only the first few. Empty if there is none."""
    shards = [shard for shard in manifest["shards"] if shard["file"].startswith("dialogues/")]
    if not shards:
        return {}
    with pa.ipc.open_stream(files.read_bytes(files.join(out, shards[0]["file"]))) as reader:
        row: dict[str, Any] = reader.read_next_batch().slice(0, 1).to_pylist()[0]
    for turn in row["turns"]:
        turn["codes"] = f"{turn['codes'][:SHOWN_FRAMES]} ... {len(turn['codes'])} frames"
    for character in row["characters"].values():
        character["traits"] = f"{len(character['traits'])} numbers"
    row["turns"] = [*row["turns"][:SHOWN_TURNS], f"... {len(row['turns'])} turns"]
    return row
