"""A finished corpus as the exports read it: its manifest, and the rows of its tables in order, shard after shard."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import soundfile

from schemas.errors import DamagedError, FolderError
from schemas.take import SAMPLE_RATE, Samples

Row = dict[str, Any]
ANEW = "build again: it is written anew from the work folder"
NOTICE = (
    "**All voices are synthetic.** No person spoke these lines; the characters are invented. Say so wherever this\n"
    "audio or a model trained on it is used."
)
"""What every export tells its users."""


@dataclass(frozen=True)
class Shard:
    """One Arrow file of a table."""

    table: str
    split: str
    path: Path
    rows: int
    sha256: str


@dataclass(frozen=True)
class Corpus:
    """A corpus folder that `build` has finished. Reading it never changes it."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def codec(self) -> dict[str, Any]:
        """Name, revision, rates and sizes of the codec whose codes the rows hold."""
        return dict(self.manifest["codec"])

    @property
    def splits(self) -> list[str]:
        """In the order of the manifest."""
        return list(dict.fromkeys(shard.split for shard in self.shards("dialogues")))

    def backend(self, capability: str) -> str:
        """The name of the back end that the recipe chose; "" for none."""
        choice = self.manifest["recipe"]["backends"].get(capability, "")
        return str(choice["name"] if isinstance(choice, dict) else choice)

    def shards(self, table: str, split: str | None = None) -> list[Shard]:
        """The shards of a table, or of one split of it."""
        found = []
        for entry in self.manifest["shards"]:
            folder, name = entry["file"].split("/")
            shard = Shard(folder, name.split("-", 1)[0], self.folder / folder / name, entry["rows"], entry["sha256"])
            if folder == table and split in (None, shard.split):
                found.append(shard)
        return found

    def rows(self, table: str, split: str, columns: list[str] | None = None) -> Iterator[Row]:
        """The rows of one split of a table; with `columns`, only those that there are."""
        for shard in self.shards(table, split):
            with opened(shard) as reader:
                for batch in reader:
                    kept = batch if columns is None else batch.select([c for c in columns if c in batch.schema.names])
                    yield from kept.to_pylist()

    def dialogues(self, split: str) -> Iterator[tuple[Row, list[Row]]]:
        """Each dialogue, its turns less their codes, with the utterances that are its turns, one for one.

        Both tables are read once, side by side: in memory are the utterances of a few dialogues. Raises DamagedError
        for a turn without an utterance.
        """
        utterances = self.rows("utterances", split)
        waiting: dict[str, Row] = {}
        for shard in self.shards("dialogues", split):
            with opened(shard) as reader:
                for batch in reader:
                    for row in _without_codes(batch).to_pylist():
                        wanted = [turn["utterance_id"] for turn in row["turns"]]
                        while any(utterance_id not in waiting for utterance_id in wanted):
                            utterance = next(utterances, None)
                            if utterance is None:
                                raise DamagedError(f"{shard.path}: a turn of {row['dialogue_id']} is missing; {ANEW}.")
                            waiting[utterance["utterance_id"]] = utterance
                        yield row, [waiting.pop(utterance_id) for utterance_id in wanted]


@dataclass(frozen=True)
class Job:
    """What an export is given: where to read, the unfinished folder to write into, the name that it will have, and
    whom to tell of rows done. `foreign_caches` is of vita-qinyu alone."""

    corpus: Corpus
    folder: Path
    out: Path
    foreign_caches: bool
    tick: Callable[[int], object]


def open_corpus(folder: str) -> Corpus:
    """The corpus in a local folder, every shard of it as its manifest says.

    Raises FolderError for a folder without a finished corpus, and DamagedError, naming the file, for one that is not
    what was written.
    """
    if "://" in folder:
        raise FolderError(f"{folder}: exports read local folders; copy the corpus here first.")
    path = Path(folder) / "manifest.json"
    if not path.is_file():
        raise FolderError(f"{folder}: there is no manifest.json here; is this the folder given to build as --out?")
    try:
        manifest = json.loads(path.read_bytes())
        corpus = Corpus(Path(folder), dict(manifest))
        shards = [shard for table in ("dialogues", "utterances", "rejects") for shard in corpus.shards(table)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(f"{path}: damaged: it is not the manifest that was written; {ANEW}.") from error
    if not manifest.get("complete"):
        raise FolderError(f"{folder}: this build has not finished; run it again to its end.")
    for shard in shards:
        _check(shard)
    return corpus


def _check(shard: Shard) -> None:
    if not shard.path.is_file():
        raise DamagedError(f"{shard.path}: missing; {ANEW}.")
    with shard.path.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != shard.sha256:
            raise DamagedError(f"{shard.path}: damaged: its sha256 is not the manifest's; {ANEW}.")


@contextmanager
def opened(shard: Shard) -> Iterator[pa.RecordBatchStreamReader]:
    """A shard's record batches, mapped rather than read."""
    with pa.memory_map(str(shard.path)) as source, pa.ipc.open_stream(source) as reader:
        yield reader


def _without_codes(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Dialogues whose turns have no codes: as Python numbers they would be most of the work."""
    turns: Any = batch.column("turns")
    fields = [field for field in turns.type.value_type if field.name != "codes"]
    values = pa.StructArray.from_arrays([turns.values.field(field.name) for field in fields], fields=fields)
    index = batch.schema.get_field_index("turns")
    return batch.set_column(index, "turns", pa.ListArray.from_arrays(turns.offsets, values))


def samples_of(audio: bytes) -> Samples:
    """int16 [N] of a row's FLAC file. Raises DamagedError for what is not mono at 24 kHz."""
    samples, rate_hz = soundfile.read(io.BytesIO(audio), dtype="int16")
    if rate_hz != SAMPLE_RATE or samples.ndim != 1:
        raise DamagedError(f"audio is {rate_hz} Hz with shape {samples.shape}, not mono at {SAMPLE_RATE} Hz; {ANEW}.")
    return np.asarray(samples, dtype=np.int16)
