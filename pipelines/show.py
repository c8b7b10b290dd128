"""What a person looks at first: one row cut short, and one dialogue of each kind and language to listen to."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from apache_beam.io.filesystems import FileSystems

from pipelines import files
from pipelines.manifests import Manifest
from pipelines.take_chunks import samples_of
from stages.mix_dialogue import mix_dialogue

LISTEN = "listen"
SHOWN_FRAMES = 1
SHOWN_TURNS = 2

Row = dict[str, Any]


def rows_of(out: str, manifest: Manifest, table: str) -> Iterator[Row]:
    """The rows of a table, shard after shard, read as they are asked for."""
    for shard in manifest["shards"]:
        if shard["file"].startswith(f"{table}/"):
            with FileSystems.open(files.join(out, shard["file"])) as stream, pa.ipc.open_stream(stream) as reader:
                for batch in reader:
                    yield from batch.to_pylist()


def first_dialogues(out: str, manifest: Manifest) -> dict[str, Row]:
    """The first dialogue of each 'kind language' of the books that has any."""
    found: dict[str, Row] = {}
    for row in rows_of(out, manifest, "dialogues"):
        found.setdefault(f"{row['kind']} {row['language']}", row)
        if len(found) == len(manifest["books"]):
            break
    return found


def cut_short(row: Row) -> Row:
    """A dialogue row with only the first of its turns and codes."""
    turns = [
        turn | {"codes": f"{turn['codes'][:SHOWN_FRAMES]} ... {len(turn['codes'])} frames"} for turn in row["turns"]
    ]
    characters = {
        role: character | {"traits": f"{len(character['traits'])} numbers"}
        for role, character in row["characters"].items()
    }
    shown = [*turns[:SHOWN_TURNS], f"... {len(turns)} turns"]
    return row | {"characters": characters, "turns": shown}


def write_listening(out: str, manifest: Manifest) -> list[str]:
    """Write the first dialogues as stereo WAVs into the folder `listen`; returns their paths."""
    wanted = {row["dialogue_id"]: row for row in first_dialogues(out, manifest).values()}
    audio: dict[str, bytes] = {}
    missing = {turn["utterance_id"] for row in wanted.values() for turn in row["turns"]}
    for row in rows_of(out, manifest, "utterances"):
        if row["utterance_id"] in missing:
            audio[row["utterance_id"]] = row["audio"]["bytes"]
            missing.discard(row["utterance_id"])
        if not missing:
            break
    files.make_folder(files.join(out, LISTEN))
    paths = []
    for name, row in wanted.items():
        paths.append(files.join(out, LISTEN, f"{name}.wav"))
        files.write_bytes(paths[-1], stereo(row["turns"], audio))
    return paths


def stereo(turns: list[Row], audio: dict[str, bytes]) -> bytes:
    """A WAV at 24 kHz of a dialogue's turns at their start times, the assistant left, the user right."""
    placed = [(turn["role"], turn["start_s"], samples_of(audio[turn["utterance_id"]])) for turn in turns]
    return mix_dialogue(placed)
