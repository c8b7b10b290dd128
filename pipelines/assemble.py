"""The assemble graph: shards from chunks. Each shard reads its own rows; audio is never grouped.

Create(shards) -> Reshuffle -> WriteShard -> all names as one element -> Finish (card, manifest)
"""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import apache_beam as beam
import pyarrow as pa

from pipelines import files
from pipelines.manifests import script_chunk, take_chunk
from pipelines.script_chunks import read_scripts
from pipelines.selection import Shard
from pipelines.song_columns import score_columns
from pipelines.take_chunks import character_columns, head_columns, read_takes, turn_columns
from schemas.columns import arrow_schema, table_features
from schemas.errors import UnspeakableTextError
from schemas.roles import system_message
from schemas.script import Script
from schemas.tags import Tag, without_tags
from stages.arrange_turns import start_times
from stages.normalize_text import normalize


@dataclass(frozen=True)
class ShardJob:
    """One output file and the digests of the chunks it reads."""

    shard: Shard
    sha256: dict[int, tuple[str, str]]
    """Chunk index -> digests of its script chunk and of its take chunk."""
    codec: dict[str, Any]
    shape: str
    """Digest of the code that makes rows."""
    work_folder: str
    out: str

    @property
    def digest(self) -> str:
        """Of everything that shapes the shard."""
        text = json.dumps([self.shard.table, self.shard.rows, self.sha256, self.codec, self.shape], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def receipt(self) -> str:
        """Where the finished shard's name, size and digest are noted."""
        return files.join(self.work_folder, "shards", self.shard.name.replace("/", "-") + ".json")


def build_assemble(pipeline: beam.Pipeline, jobs: Sequence[ShardJob], finish: Callable[[Sequence[str]], str]) -> Any:
    """Draw the assemble graph on a pipeline. `finish` is called once with the names of all shards written, also with
    none; it is given, not imported: what it writes shapes no shard."""
    return (
        pipeline
        | "Shards" >> beam.Create(list(jobs), reshuffle=False)
        | "Reshuffle" >> beam.Reshuffle()
        | "WriteShard" >> beam.Map(write_shard)
        | "AllWritten" >> beam.combiners.ToList()
        | "Finish" >> beam.Map(finish)
    )


def write_shard(job: ShardJob) -> str:
    """Write one shard and then its receipt; returns its name."""
    metadata = {"codec": job.codec}
    schema = arrow_schema(table_features(job.shard.table, job.codec["num_codebooks"]), metadata)
    path = files.join(job.out, job.shard.name)
    count = 0
    with files.new_file(path) as stream:
        sink = _Hashing(stream)
        with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
            for index, group in groupby(job.shard.rows, key=lambda row: row[0]):
                table = _rows(job, index, [fetch for _, fetch in group], schema)
                count += table.num_rows
                writer.write_table(table)
    receipt = {
        "file": job.shard.name,
        "rows": count,
        "bytes": sink.size,
        "sha256": sink.sha256.hexdigest(),
        "digest": job.digest,
    }
    files.write_sealed(job.receipt, receipt)
    return job.shard.name


class _Hashing(io.RawIOBase):
    """A stream that knows the size and digest of what went through it."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self.stream = stream
        self.size = 0
        self.sha256 = hashlib.sha256()

    def write(self, data: Any) -> int:
        view = bytes(data)
        self.size += len(view)
        self.sha256.update(view)
        self.stream.write(view)
        return len(view)

    def writable(self) -> bool:
        return True


def _rows(job: ShardJob, index: int, fetches: list[Any], schema: pa.Schema) -> pa.Table:
    """The rows that a shard takes from one chunk."""
    scripts_sha256, takes_sha256 = job.sha256[index]
    takes = read_takes(take_chunk(job.work_folder, index), takes_sha256)
    if job.shard.table == "utterances":
        return takes.take(fetches).cast(schema)
    records = read_scripts(script_chunk(job.work_folder, index), scripts_sha256)
    scripts = {record.dialogue_id: record.script for record in records if record.script is not None}
    if job.shard.table == "dialogues":
        rows = [dialogue_row(scripts[dialogue_id], takes.take(turns)) for dialogue_id, turns in fetches]
    else:
        rows = [reject_row(scripts[fetch[0]], takes, fetch) for fetch in fetches]
    return pa.Table.from_pylist(rows, schema=schema)


MADE = ("dropped_tags", "surroundings", "phones", "score")


def dialogue_row(script: Script, takes: pa.Table) -> dict[str, Any]:
    """One row of the dialogues table from the chosen takes, one per turn."""
    columns = ["utterance_id", "role", "character", "spoken", *MADE, "duration_s", "codes", "codec"]
    chosen = takes.select(columns).to_pylist()
    durations = [take["duration_s"] for take in chosen]
    starts = start_times(script.turns, durations)
    turns = [
        turn_columns(script, index, take["spoken"])
        | {name: take[name] for name in MADE}
        | {"start_s": round(start, 3), "duration_s": take["duration_s"], "codes": take["codes"]}
        for index, (take, start) in enumerate(zip(chosen, starts, strict=True))
    ]
    characters = {take["role"]: take["character"] for take in chosen}
    return head_columns(script) | {
        "duration_s": round(max(s + d for s, d in zip(starts, durations, strict=True)), 3),
        "characters": characters,
        "messages": messages(script, [take["dropped_tags"] for take in chosen]),
        "turns": turns,
        "codec": chosen[0]["codec"],
    }


def messages(script: Script, dropped: Sequence[Sequence[Tag]]) -> list[dict[str, str]]:
    """The chat: in role-play, a system message that says who the assistant is; then what is said, less the tags that
    were dropped of each turn, which nobody hears.

    A back-channel is said under another turn: it is in `turns`, but is no message of its own. What one speaker says and
    then sings is one message, a line each.
    """
    said: list[dict[str, str]] = []
    for turn, tags in zip(script.turns, dropped, strict=True):
        content = without_tags(turn.text, tags)
        if said and said[-1]["role"] == turn.role and turn.overlap != "backchannel":
            said[-1]["content"] += "\n" + content
        elif turn.overlap != "backchannel":
            said.append({"role": turn.role, "content": content})
    if script.plan.kind != "roleplay":
        return said
    return [{"role": "system", "content": system_message(script.assistant)}, *said]


def reject_row(script: Script, takes: pa.Table, fetch: list[Any]) -> dict[str, Any]:
    """One row of the rejects table: a take, or a turn that was never performed."""
    _, turn_index, take_row, rejected_by, reason = fetch
    verdict = {"rejected_by": rejected_by, "reason": reason}
    if take_row is not None:
        row: dict[str, Any] = takes.slice(take_row, 1).to_pylist()[0]
        return row | verdict
    turn = script.turns[turn_index]
    return (
        head_columns(script)
        | turn_columns(script, turn_index, _spoken(turn.text, script))
        | {"character": character_columns(script.speaker(turn), None, None)}
        | score_columns(turn, None)
        | verdict
    )


def _spoken(text: str, script: Script) -> str:
    """The text in words, or as written where it cannot be said: this row tells why."""
    try:
        return normalize(text, script.plan.language)
    except UnspeakableTextError:
        return text
