"""Take chunks: Arrow streams of every take with audio, measures and codes; and how rows are made."""

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import soundfile

from pipelines.manifests import checked_bytes, take_chunk, write_chunk
from pipelines.song_columns import score_columns, song_columns
from schemas.columns import arrow_schema, rounded, utterance_features
from schemas.roles import describe
from schemas.script import Character, Script
from schemas.take import SAMPLE_RATE, DeadLetter, Samples, Take, Vector, Voice


@dataclass(frozen=True)
class PerformedDialogue:
    """A script that was performed: all its takes, in turn and attempt order, and what failed."""

    script: Script
    takes: tuple[Take, ...]
    dead: tuple[DeadLetter, ...]


def flac(samples: Samples) -> bytes:
    """16-bit FLAC of int16 [N] at 24 kHz."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def turn_columns(script: Script, index: int, spoken: str) -> dict[str, Any]:
    """The columns that say what a turn is, shared by all tables."""
    turn = script.turns[index]
    columns = turn.model_dump(exclude={"slots", "song"}) | song_columns(turn)
    return columns | {"utterance_id": f"{script.dialogue_id}-t{index:02d}", "turn_index": index, "spoken": spoken}


def head_columns(script: Script) -> dict[str, Any]:
    """The columns that say which dialogue a row belongs to."""
    plan = script.plan
    return {
        "dialogue_id": plan.dialogue_id,
        "kind": plan.kind,
        "language": plan.language,
        "split": plan.split,
        "scene": plan.scene,
        "setting": script.setting,
        "topic": script.topic,
    }


def character_columns(character: Character, voice: Voice | None, speaker: Vector | None) -> dict[str, Any]:
    traits = [] if voice is None else [{"name": n, "value": v} for n, v in sorted(voice.traits.items())]
    return character.model_dump(exclude={"language"}) | {
        "description": describe(character),
        "voice_id": voice.voice_id if voice else None,
        "engine": voice.engine if voice else None,
        "traits": traits,
        "speaker_vector": [] if speaker is None else speaker.tolist(),
    }


def take_row(script: Script, take: Take, codec: dict[str, Any]) -> dict[str, Any]:
    """One row of the utterances table. `codec` describes the codes: name, revision, rates, sizes."""
    if take.codes is None:
        raise ValueError(f"{take.line.take_id}: a take without codes cannot be written")
    line = take.line
    return {
        **head_columns(script),
        **turn_columns(script, line.turn_index, line.spoken),
        "take_id": line.take_id,
        "attempt": line.attempt,
        "character": character_columns(line.character, line.voice, take.speaker),
        "audio": {"bytes": flac(take.samples), "path": f"{line.take_id}.flac"},
        "duration_s": take.duration_s,
        "native_rate_hz": take.native_rate_hz,
        "dropped_tags": list(take.dropped_tags),
        "surroundings": asdict(take.surroundings) if take.surroundings else None,
        "phones": [{**asdict(p), "start_s": rounded(p.start_s), "end_s": rounded(p.end_s)} for p in take.phones],
        **score_columns(line.turn, take),
        "reference": take.reference,
        "hypothesis": take.hypothesis,
        "heard_tags": list(take.heard_tags),
        "measures": {name: rounded(value) for name, value in take.measures.as_dict().items()},
        "codes": list(take.codes.values),
        "codec": codec,
    }


def take_manifest(take: Take, row: dict[str, Any], position: int) -> dict[str, Any]:
    """What selection and sharding need of a row, so that neither opens the chunk."""
    return {
        "take_id": row["take_id"],
        "dialogue_id": row["dialogue_id"],
        "turn_index": row["turn_index"],
        "attempt": row["attempt"],
        "kind": row["kind"],
        "language": row["language"],
        "manner": take.line.turn.manner,
        "row": position,
        "duration_s": row["duration_s"],
        "bytes": len(row["audio"]["bytes"]),
        "codes": take.codes.values.size if take.codes else 0,
        "measures": row["measures"],
    }


def arrow_bytes(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> bytes:
    """Rows as one Arrow IPC stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        if rows:
            writer.write_batch(pa.RecordBatch.from_pylist(list(rows), schema=schema))
    return sink.getvalue()


def write_takes(work: str, index: int, shape: str, codec: dict[str, Any], done: Sequence[PerformedDialogue]) -> None:
    """A take chunk with its manifest; `codec` as in `take_row`."""
    takes = [take for dialogue in done for take in dialogue.takes]
    rows = [take_row(dialogue.script, take, codec) for dialogue in done for take in dialogue.takes]
    schema = arrow_schema(utterance_features(codec["num_codebooks"]), {"codec": codec})
    manifest = {
        "index": index,
        "shape": shape,
        "codec": codec,
        "dialogues": [dialogue.script.dialogue_id for dialogue in done],
        "takes": [take_manifest(take, row, i) for i, (take, row) in enumerate(zip(takes, rows, strict=True))],
        "dead": [asdict(letter) for dialogue in done for letter in dialogue.dead],
    }
    write_chunk(take_chunk(work, index), arrow_bytes(rows, schema), manifest)


def read_takes(path: str, sha256: str) -> pa.Table:
    """The takes of a chunk. Raises FolderError if the bytes are not those that the manifest names."""
    with pa.ipc.open_stream(checked_bytes(path, sha256)) as reader:
        return reader.read_all()


def samples_of(audio: bytes) -> Samples:
    """int16 [N] of one FLAC file at 24 kHz. Raises ValueError for another rate or more than one channel."""
    samples, rate = soundfile.read(io.BytesIO(audio), dtype="int16")
    if rate != SAMPLE_RATE or samples.ndim != 1:
        raise ValueError(f"audio is {rate} Hz with shape {samples.shape}, not mono at {SAMPLE_RATE} Hz")
    return np.asarray(samples, dtype=np.int16)
