"""`troupe verify`: is the corpus on disk what its manifest says, and does everything in it open?"""

import hashlib
import io
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import soundfile

from pipelines import files
from pipelines.books import open_accounts
from pipelines.card import split_of
from pipelines.manifests import Manifest
from pipelines.stage_table import backend_of
from schemas.columns import table_features
from schemas.errors import FolderError
from schemas.recipe import Recipe
from schemas.take import SAMPLE_RATE

DECODED_SHARE = 20
"""One utterance in so many is decoded from its codes; all are checked for shape and range."""
DURATION_SLACK_S = 0.5 / SAMPLE_RATE


def verify(out: str, tick: Callable[[int], None] = lambda rows: None) -> list[str]:
    """Every fault of a corpus, in words that name the file and row; empty when it is sound. `tick` gets rows done.

    Raises FolderError if there is no finished corpus in the folder.
    """
    manifest = _read_manifest(out)
    faults = [f"manifest.json: the books do not close: {account}" for account in open_accounts(manifest["books"])]
    faults += _strangers(out, manifest)
    tally = _Tally()
    codec = backend_of("codec", Recipe.model_validate(manifest["recipe"]))
    if codec.fingerprint != manifest["codec"]["revision"]:
        faults.append("codes were made by another revision of the codec than the one installed: they are not decoded")
        codec = None
    else:
        codec.open()
    for shard in manifest["shards"]:
        for fault in _check_shard(out, shard, manifest, tally, codec):
            faults.append(f"{shard['file']}: {fault}")
        tick(shard["rows"])
    return faults + tally.disagreements(manifest)


def _read_manifest(out: str) -> Manifest:
    path = files.join(out, "manifest.json")
    if not files.exists(path):
        raise FolderError(f"{out}: there is no manifest.json here; is this the folder given to build as --out?")
    try:
        manifest: Manifest = files.read_json(path)
    except ValueError as error:
        raise FolderError(f"{path}: damaged ({error}); run build again: it writes it anew.") from error
    if not manifest.get("complete"):
        raise FolderError(f"{out}: this build has not finished; run it again to its end.")
    return manifest


def _strangers(out: str, manifest: Manifest) -> Iterator[str]:
    known = {files.join(out, shard["file"]) for shard in manifest["shards"]}
    for path in files.listing(files.join(out, "*", "*.arrow")):
        if path not in known:
            yield f"{path}: not in the manifest"


class _Tally:
    """What the shards themselves hold, to be laid against the books."""

    def __init__(self) -> None:
        self.amounts: Counter[tuple[str, str, str]] = Counter()
        self.splits: dict[str, set[str]] = {}

    def dialogue(self, row: dict[str, Any]) -> None:
        self.amounts[_key(row), "dialogues", "accepted"] += 1
        people = row["characters"]
        pair = f"{row['scene']} with {people['assistant']['character_id']}"
        for what in (pair, people["user"]["character_id"]):
            self.splits.setdefault(what, set()).add(row["split"])

    def performed(self, row: dict[str, Any], status: str) -> None:
        self.amounts[_key(row), "takes", status] += 1
        self.amounts[_key(row), "seconds", status] += row["duration_s"]
        if status == "accepted":
            self.amounts[_key(row), "turns", status] += 1

    def disagreements(self, manifest: Manifest) -> list[str]:
        wrong = []
        for key, account in manifest["books"].items():
            checked = [(name, "accepted") for name in ("dialogues", "turns", "takes", "seconds")]
            for name, column in [*checked, ("takes", "rejected"), ("seconds", "rejected")]:
                found, said = self.amounts[key, name, column], account[name][column]
                if abs(found - said) > 0.01:
                    wrong.append(f"the shards hold {found:g} {column} {name} of {key}, the books say {said:g}")
        for what, splits in self.splits.items():
            if len(splits) > 1:
                wrong.append(f"splits are not disjoint: {what} is in {' and '.join(sorted(splits))}")
        return wrong


def _key(row: dict[str, Any]) -> str:
    return f"{row['kind']} {row['language']}"


def _check_shard(out: str, shard: Manifest, manifest: Manifest, tally: _Tally, codec: Any) -> Iterator[str]:
    path = files.join(out, shard["file"])
    if not files.exists(path):
        yield "missing; run build again: it is written anew from the work folder"
        return
    data = files.read_bytes(path)
    if hashlib.sha256(data).hexdigest() != shard["sha256"]:
        yield "damaged: its sha256 is not the manifest's; delete it and run build again"
        return
    table = shard["file"].split("/")[0]
    with pa.ipc.open_stream(data) as reader:
        expected = table_features(table, manifest["codec"]["num_codebooks"]).arrow_schema
        if not reader.schema.equals(expected):
            yield "its columns are not those of this version"
            return
        rows = 0
        for batch in reader:
            for row in batch.to_pylist():
                for fault in _check_row(
                    table, row, shard, manifest, tally, codec if rows % DECODED_SHARE == 0 else None
                ):
                    yield f"row {rows}: {fault}"
                rows += 1
    if rows != shard["rows"]:
        yield f"{rows} rows, the manifest says {shard['rows']}"


def _check_row(
    table: str, row: dict[str, Any], shard: Manifest, manifest: Manifest, tally: _Tally, codec: Any
) -> Iterator[str]:
    if table != "rejects" and row["split"] != split_of(shard["file"]):
        yield f"belongs to split '{row['split']}'"
    if table == "dialogues":
        tally.dialogue(row)
        for turn in row["turns"]:
            yield from _check_codes(turn["codes"], turn["duration_s"], manifest["codec"])
    elif row["audio"] is not None and row["audio"]["bytes"] is not None:
        tally.performed(row, "accepted" if table == "utterances" else "rejected")
        yield from _check_audio(row)
        yield from _check_codes(row["codes"], row["duration_s"], manifest["codec"])
        if codec is not None and table == "utterances":
            yield from _check_decoding(row, codec)
    elif table == "utterances":
        yield "has no audio"


def _check_audio(row: dict[str, Any]) -> Iterator[str]:
    try:
        samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")
    except soundfile.LibsndfileError as error:
        yield f"{row['take_id']}: audio does not open: {error}"
        return
    if rate != SAMPLE_RATE or abs(len(samples) / rate - row["duration_s"]) > DURATION_SLACK_S:
        seconds = len(samples) / rate
        yield f"{row['take_id']}: audio lasts {seconds:.3f} s at {rate} Hz, its row says {row['duration_s']}"


def _check_codes(codes: list[list[int]], duration_s: float, codec: Manifest) -> Iterator[str]:
    values = np.asarray(codes)
    frames = math.ceil(round(duration_s * codec["frame_rate"], 6))
    if values.shape != (frames, codec["num_codebooks"]):
        yield f"codes have shape {values.shape}, not {(frames, codec['num_codebooks'])}"
    elif values.size and values.max() >= codec["cardinality"]:
        yield f"a code is {values.max()}, not below {codec['cardinality']}"


def _check_decoding(row: dict[str, Any], codec: Any) -> Iterator[str]:
    samples = codec.decode([np.asarray(row["codes"], dtype=np.uint16)])[0]
    seconds = len(samples) / codec.sample_rate
    if abs(seconds - row["duration_s"]) > 2 / codec.frame_rate:
        yield f"{row['take_id']}: its codes decode to {seconds:.2f} s, its audio lasts {row['duration_s']:.2f} s"
    elif not np.any(samples):
        yield f"{row['take_id']}: its codes decode to silence"
