"""The dataset card: YAML that `load_dataset` reads, the figures, the licence and the synthetic-voice notice."""

from collections.abc import Callable, Iterator
from typing import Any

from datasets import DatasetInfo, Features, SplitInfo
from datasets.info import DatasetInfosDict
from datasets.splits import SplitDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard, DatasetCardData

from pipelines import files
from pipelines.books import render
from pipelines.manifests import Manifest
from schemas.columns import TABLES, earlier_features, table_features
from schemas.printable import SHOWN, printable

Form = Callable[[str, int], Features]

CARD = "README.md"
USUAL_SPLITS = ("train", "validation", "test")

_TEXT = """
# {name}

A synthetic spoken corpus of {kinds}, made by Troupe from the recipe in
`manifest.json`.

**All voices are synthetic.** No person spoke these lines; the characters are invented. Say so wherever this audio or a
model trained on it is used.

| table | one row is |
|---|---|
| `dialogues` | a dialogue: chat messages, its two characters, and every turn's codes and place in time |
| `utterances` | a turn: audio (FLAC, 24 kHz), text, phone alignment, every measure, codes |
| `rejects` | what did not pass, with the reason |

```python
import io, soundfile
from datasets import load_dataset

dialogues = load_dataset("path/to/this/folder", "dialogues", split="train")
utterance = load_dataset("path/to/this/folder", "utterances", split="train")[0]
samples, rate = soundfile.read(io.BytesIO(utterance["audio"]["bytes"]))
```

Codes are undelayed, uint16 [T, {num_codebooks}], by the codec `{codec}` (revision {revision}):
{frame_rate} frames/s, {cardinality} codes a codebook.

## Books

```
{books}
```
"""


def write_card(out: str, manifest: Manifest) -> None:
    """Write README.md of a finished corpus."""
    codec = manifest["codec"]
    text = _TEXT.format(
        name=manifest["name"],
        kinds=", ".join(sorted({key.split()[0] for key in manifest["books"]})),
        books=render(manifest["books"]),
        codec=codec["name"],
        **{key: codec[key] for key in ("num_codebooks", "revision", "frame_rate", "cardinality")},
    )
    files.write_bytes(files.join(out, CARD), f"---\n{_head(manifest).to_yaml()}\n---\n{text}".encode())


def card_faults(out: str, manifest: Manifest) -> Iterator[str]:
    """What would keep `load_dataset` from finding the tables of a corpus; words and tags are their editor's."""
    path = files.join(out, CARD)
    if not files.exists(path):
        yield f"{path}: missing"
        return
    try:
        found: dict[str, Any] = DatasetCard(files.read_bytes(path).decode()).data.to_dict()  # type: ignore[no-untyped-call]
    except Exception as error:  # of YAML's own making, among others
        yield f"{path}: damaged: its head is not YAML: {printable(str(error), SHOWN)}"
        return
    heads = [_head(manifest, form).to_dict() for form in (table_features, earlier_features)]  # type: ignore[no-untyped-call]
    for key in ("configs", "dataset_info"):
        if all(found.get(key) != head.get(key) for head in heads):
            yield f"{path}: damaged: '{key}' in its head is not what the manifest says"


def _head(manifest: Manifest, form: Form = table_features) -> DatasetCardData:
    """The machine-read part of the card."""
    data = DatasetCardData(
        language=sorted({key.split()[1] for key in manifest["books"]}),
        license="cc0-1.0",
        task_categories=["text-to-speech", "automatic-speech-recognition", "audio-to-audio"],
        tags=["synthetic", "spoken-dialogue", "troupe"],
        size_categories=[size_category(sum(s["rows"] for s in _shards(manifest, "utterances")))],
        pretty_name=manifest["name"],
    )
    filled = [table for table in TABLES if _shards(manifest, table)]  # `datasets` refuses a table without rows
    MetadataConfigs({table: _config(manifest, table) for table in filled}).to_dataset_card_data(data)
    DatasetInfosDict({table: _info(manifest, table, form) for table in filled}).to_dataset_card_data(data)
    return data


def size_category(rows: int) -> str:
    """The Hub's name for a number of rows."""
    edges = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((name for edge, name in edges if rows < edge), "n>1M")


def _shards(manifest: Manifest, table: str) -> list[Manifest]:
    return [shard for shard in manifest["shards"] if shard["file"].startswith(f"{table}/")]


def _splits(manifest: Manifest, table: str) -> dict[str, list[Manifest]]:
    """The table's shards by split: train, validation, test, then others by name."""
    by_split: dict[str, list[Manifest]] = {}
    for shard in _shards(manifest, table):
        by_split.setdefault(split_of(shard["file"]), []).append(shard)
    rank = {split: place for place, split in enumerate(USUAL_SPLITS)}
    return dict(sorted(by_split.items(), key=lambda item: (rank.get(item[0], len(rank)), item[0])))


def split_of(file: str) -> str:
    """The split in a shard's name."""
    return file.rsplit("/", 1)[-1].split("-", 1)[0]


def _config(manifest: Manifest, table: str) -> dict[str, Any]:
    data_files = [{"split": split, "path": f"{table}/{split}-*.arrow"} for split in _splits(manifest, table)]
    return {"data_files": data_files} | ({"default": True} if table == "dialogues" else {})


def _info(manifest: Manifest, table: str, form: Form) -> DatasetInfo:
    splits = SplitDict()
    for split, shards in _splits(manifest, table).items():
        splits.add(SplitInfo(split, sum(s["bytes"] for s in shards), sum(s["rows"] for s in shards), dataset_name=None))
    size = sum(shard["bytes"] for shard in _shards(manifest, table))
    features = form(table, manifest["codec"]["num_codebooks"])
    return DatasetInfo(features=features, splits=splits, download_size=size, dataset_size=size)
