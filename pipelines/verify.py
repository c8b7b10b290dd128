"""`troupe verify`: is the corpus on disk what its manifest says, and does everything in it open?"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines import files
from pipelines.books import open_accounts
from pipelines.card import card_faults, split_of
from pipelines.manifests import Manifest
from pipelines.verify_rows import (
    check_audio,
    check_codes,
    check_decoding,
    check_song,
    check_speaker,
    check_surroundings,
)
from pipelines.verify_work import verify_work
from pipelines.work_folder import is_work_folder
from schemas.columns import earlier_features, table_features
from schemas.errors import DamagedError, FolderError, MissingExtraError, RecipeError
from schemas.recipe import Recipe
from stages.backends import registry
from stages.backends.protocols import AudioCodec
from stages.backends.torch_placement import elsewhere

ANEW = "build again: it is written anew from the work folder"
DECODED_SHARE = 20
"""One utterance in so many is decoded from its codes; all are checked for shape and range."""


def verify(
    folder: str, tick: Callable[[int], None] = lambda rows: None, tell: Callable[[str], None] = lambda words: None
) -> list[str]:
    """Every fault of a corpus or of a work folder, in words that name file and remedy; empty when it is sound.

    `tick` gets rows done, `tell` what was measured on the way.
    Raises FolderError if the folder is neither, or holds a corpus that is not finished.
    """
    path = files.join(folder, "manifest.json")
    if not files.exists(path):
        if is_work_folder(folder):
            return list(verify_work(folder, tick))
        if files.listing(files.join(folder, "dialogues", "*.arrow")):
            return [f"{path}: missing; {ANEW}"]
        raise FolderError(f"{folder}: there is no manifest.json here; is this the folder given to build as --out?")
    try:
        manifest: Manifest = files.read_sealed(path)
    except DamagedError as error:
        return [f"{error}; {ANEW}"]
    if not manifest.get("complete"):
        raise FolderError(f"{folder}: this build has not finished; run it again to its end.")
    return _verify_corpus(folder, manifest, tick, tell)


def _verify_corpus(out: str, manifest: Manifest, tick: Callable[[int], None], tell: Callable[[str], None]) -> list[str]:
    faults = [f"manifest.json: the books do not close: {account}" for account in open_accounts(manifest["books"])]
    faults += [f"{fault}; {ANEW}" for fault in card_faults(out, manifest)]
    faults += _strangers(out, manifest)
    tally = _Tally()
    codec = _codec(manifest, faults)
    amiss: list[str] = []
    for shard in manifest["shards"]:
        amiss += [f"{shard['file']}: {fault}" for fault in _check_shard(out, shard, manifest, tally, codec)]
        tick(shard["rows"])
    if tally.distances_db:
        middle, count = np.median(tally.distances_db), len(tally.distances_db)
        tell(f"{count} utterances decoded: their mel bands are {middle:.1f} dB off those of the audio (median)")
    # A shard that cannot be read is missing from the tally, which is no second fault.
    return faults + (amiss or tally.disagreements(manifest))


def _codec(manifest: Manifest, faults: list[str]) -> AudioCodec | None:
    """The corpus' codec, opened; where it cannot be, that is a fault, and codes are not decoded."""
    try:
        chosen = Recipe.model_validate(manifest["recipe"]).backends.codec
        portable = chosen.model_copy(update={"settings": elsewhere(chosen.settings)})
        codec: AudioCodec = registry.load("codec", portable)
        if codec.fingerprint == manifest["codec"]["revision"]:
            codec.open()
            return codec
    except (MissingExtraError, RecipeError) as error:
        faults.append(f"codes are not decoded: {error}")
        return None
    faults.append("codes were made by another revision of the codec than the one installed: they are not decoded")
    return None


def _strangers(out: str, manifest: Manifest) -> Iterator[str]:
    known = {files.join(out, shard["file"]) for shard in manifest["shards"]}
    for path in files.listing(files.join(out, "*", "*.arrow")):
        if path not in known:
            yield f"{path}: not in the manifest: it is not of this corpus; delete it, or move it elsewhere"


class _Tally:
    """What the shards themselves hold, to be laid against the books."""

    def __init__(self) -> None:
        self.amounts: Counter[tuple[str, str, str]] = Counter()
        self.splits: dict[str, set[str]] = {}
        self.widths: set[int] = set()
        self.distances_db: list[float] = []

    def dialogue(self, row: dict[str, Any]) -> None:
        self.amounts[_key(row), "dialogues", "accepted"] += 1
        for what in _cut_by(row):
            self.splits.setdefault(what, set()).add(row["split"])
        self.widths |= {len(who["speaker_vector"]) for who in row["characters"].values()}

    def performed(self, row: dict[str, Any], status: str) -> None:
        self.widths.add(len(row["character"]["speaker_vector"]))
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
        if len(self.widths) > 1:
            wrong.append(f"speaker vectors have widths {', '.join(str(width) for width in sorted(self.widths))}")
        return wrong


def _cut_by(row: dict[str, Any]) -> Iterator[str]:
    """What no other split may hold: of role-play the character, of singing the song, of conversation scene and
    assistant; and the user."""
    assistant = row["characters"]["assistant"]["character_id"]
    cuts = {
        "conversation": f"{row['scene']} with {assistant}",
        "roleplay": assistant,
        "singing": f"the song {row['scene']}",
    }
    yield cuts[row["kind"]]
    yield row["characters"]["user"]["character_id"]


def _key(row: dict[str, Any]) -> str:
    return f"{row['kind']} {row['language']}"


def _check_shard(out: str, shard: Manifest, manifest: Manifest, tally: _Tally, codec: Any) -> Iterator[str]:
    path = files.join(out, shard["file"])
    if not files.exists(path):
        yield f"missing; {ANEW}"
        return
    data = files.read_bytes(path)
    if hashlib.sha256(data).hexdigest() != shard["sha256"]:
        yield f"damaged: its sha256 is not the manifest's; {ANEW}"
        return
    table = shard["file"].split("/")[0]
    with pa.ipc.open_stream(data) as reader:
        known = (form(table, manifest["codec"]["num_codebooks"]) for form in (table_features, earlier_features))
        if not any(reader.schema.equals(features.arrow_schema) for features in known):
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
        for character in row["characters"].values():
            yield from check_speaker(character)
        for turn in row["turns"]:
            yield from check_codes(turn["codes"], turn["duration_s"], manifest["codec"])
            yield from check_surroundings(turn)
    elif row["audio"] is not None and row["audio"]["bytes"] is not None:
        tally.performed(row, "accepted" if table == "utterances" else "rejected")
        unsound = [*check_audio(row), *check_codes(row["codes"], row["duration_s"], manifest["codec"])]
        yield from unsound
        yield from check_speaker(row["character"])
        yield from check_surroundings(row)
        yield from check_song(row)
        if codec is not None and table == "utterances" and not unsound:
            yield from check_decoding(row, codec, tally.distances_db)
    elif table == "utterances":
        yield "has no audio"
