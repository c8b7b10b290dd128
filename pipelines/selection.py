"""From manifests to shards: which dialogues are in, which file holds which rows, and the books. Opens no audio."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines import files
from pipelines.books import Bookkeeper
from pipelines.manifests import Manifest, full_manifest
from pipelines.script_chunks import ScriptRecord, read_scripts
from schemas.columns import TABLES
from schemas.limits import Limits
from schemas.script import DialoguePlan
from schemas.take import DeadLetter
from stages.select_takes import Selection, TakeFacts, select_takes, select_unperformed

REJECTS_SPLIT = "train"
"""`datasets` wants a split for every table; what was rejected has no other."""
ROW_BYTES = 4_000
"""Estimate of a row's columns besides audio and codes; shards are cut by estimates, so that no chunk is opened."""
BYTES_PER_CODE = 2


@dataclass(frozen=True)
class Chunk:
    """What the manifests of a chunk's two files say."""

    scripts: Manifest
    takes: Manifest


@dataclass
class Shard:
    """Rows of one output file, as (chunk index, what to fetch there), in corpus order."""

    table: str
    split: str
    name: str = ""
    rows: list[tuple[int, Any]] = field(default_factory=list)
    bytes: int = 0


@dataclass(frozen=True)
class Layout:
    """The corpus before its shards are written."""

    shards: tuple[Shard, ...]
    bookkeeper: Bookkeeper
    dead: tuple[DeadLetter, ...]


def lay_out(
    plans: Sequence[DialoguePlan],
    chunks: dict[int, Chunk],
    work_folder: str,
    twins: dict[str, str],
    limits: Limits,
    shard_bytes: int,
    not_attempted: Iterable[str] = (),
) -> Layout:
    """Select every planned dialogue and deal its rows to shards; order depends on the plan alone."""
    bookkeeper = Bookkeeper()
    for plan in plans:
        bookkeeper.plan(plan.kind, plan.language)
    packer = _Packer(shard_bytes)
    dead: list[DeadLetter] = []
    by_id = {plan.dialogue_id: plan for plan in plans}
    for index, chunk in sorted(chunks.items()):
        performed: list[TakeFacts] = full_manifest(work_folder, chunk.takes)["takes"]
        letters = [DeadLetter(**letter) for letter in chunk.takes["dead"]]
        dead += letters
        for record in read_scripts(files.join(work_folder, chunk.scripts["file"]), chunk.scripts["sha256"]):
            plan = by_id[record.dialogue_id]
            takes = [take for take in performed if take["dialogue_id"] == record.dialogue_id]
            mine = [letter for letter in letters if letter.dialogue_id == record.dialogue_id]
            selection = _select(record, takes, mine, twins, limits)
            if (letter := record.letter()) is not None:
                dead.append(letter)
            turns = len(record.script.turns) if record.script else 0
            bookkeeper.perform(plan.kind, plan.language, turns, takes, _dead_takes(mine))
            bookkeeper.select(plan.kind, plan.language, turns, selection, _dead_takes(mine))
            packer.add(index, plan.split, selection)
    for dialogue_id in not_attempted:
        bookkeeper.leave_out(by_id[dialogue_id].kind, by_id[dialogue_id].language)
    return Layout(tuple(packer.shards()), bookkeeper, tuple(dead))


def _select(
    record: ScriptRecord, takes: list[TakeFacts], dead: list[DeadLetter], twins: dict[str, str], limits: Limits
) -> Selection:
    if record.script is None or record.status == "dead":
        return Selection(record.dialogue_id, "dead", record.reason)
    if record.status == "rejected":
        return select_unperformed(record.script, "JudgeScripts", record.reason)
    if record.dialogue_id in twins:
        reason = f"near-duplicate of {twins[record.dialogue_id]}"
        return select_unperformed(record.script, "near-duplicate", reason)
    causes = [f"{letter.stage} on {letter.record_id}: {letter.cause}" for letter in dead]
    return select_takes(record.script, takes, causes, limits)


def _dead_takes(letters: Iterable[DeadLetter]) -> int:
    """Dead letters of takes; a cast that failed has no take to count."""
    return sum(letter.stage != "CastVoices" for letter in letters)


class _Packer:
    """Deals rows to shards of bounded size, table by table and split by split."""

    def __init__(self, shard_bytes: int) -> None:
        self.shard_bytes = shard_bytes
        self.packed: dict[tuple[str, str], list[Shard]] = {}

    def add(self, chunk: int, split: str, selection: Selection) -> None:
        if selection.status == "accepted":
            codes = BYTES_PER_CODE * sum(take["codes"] for take in selection.chosen)
            turns = [take["row"] for take in selection.chosen]
            self._put("dialogues", split, (chunk, [selection.dialogue_id, turns]), codes + ROW_BYTES * len(turns))
        for take in selection.chosen:
            self._put("utterances", split, (chunk, take["row"]), take["bytes"] + ROW_BYTES)
        for rejection in selection.rejections:
            take_row = None if rejection.take is None else rejection.take["row"]
            size = ROW_BYTES if rejection.take is None else rejection.take["bytes"] + ROW_BYTES
            fetch = [rejection.dialogue_id, rejection.turn_index, take_row, rejection.rejected_by, rejection.reason]
            self._put("rejects", REJECTS_SPLIT, (chunk, fetch), size)

    def _put(self, table: str, split: str, row: tuple[int, Any], size: int) -> None:
        shards = self.packed.setdefault((table, split), [])
        if not shards or (shards[-1].rows and shards[-1].bytes + size > self.shard_bytes):
            shards.append(Shard(table, split))
        shards[-1].rows.append(row)
        shards[-1].bytes += size

    def shards(self) -> Iterator[Shard]:
        for table in TABLES:
            for (_, split), shards in sorted((key, s) for key, s in self.packed.items() if key[0] == table):
                for number, shard in enumerate(shards):
                    shard.name = f"{table}/{split}-{number:05d}-of-{len(shards):05d}.arrow"
                    yield shard
