"""Script chunks: JSON lines, one planned dialogue each, readable before synthesis is paid for."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipelines import files
from pipelines.manifests import Manifest, checked_bytes, script_chunk, write_chunk
from schemas.script import Script
from schemas.take import DeadLetter
from stages.backends.protocols import Usage

ScriptStatus = Literal["written", "rejected", "dead"]
NOTHING_USED = Usage()
NOT_ATTEMPTED = "not-attempted-"
STATUSES: tuple[ScriptStatus, ...] = ("written", "rejected", "dead")


@dataclass(frozen=True)
class ScriptRecord:
    """One planned dialogue after writing and judging.

    No script if the writer failed; a reason unless it is fit; a `stage` if it is dead, and there; the judge's `score`
    in 0..1 if it gives one. The usage stands in the manifest: it tells how often an endpoint had to be asked, which
    is no property of the script.
    """

    dialogue_id: str
    status: ScriptStatus
    reason: str = ""
    script: Script | None = None
    stage: str = ""
    score: float | None = None
    usage: Usage = NOTHING_USED

    def to_json(self) -> str:
        row = {name: getattr(self, name) for name in ("dialogue_id", "status", "reason", "stage", "score")}
        row["script"] = None if self.script is None else self.script.model_dump()
        return json.dumps(row, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "ScriptRecord":
        row = json.loads(line)
        script = None if row["script"] is None else Script.model_validate(row["script"])
        return cls(**(row | {"script": script}))

    def letter(self) -> DeadLetter | None:
        """The dead letter of a dialogue that could not be written or judged."""
        if self.status != "dead":
            return None
        return DeadLetter(self.stage, self.dialogue_id, self.dialogue_id, 0, self.reason)


def write_scripts(work: str, index: int, shape: str, records: Sequence[ScriptRecord]) -> None:
    by_status: dict[str, Any] = {status: [r.dialogue_id for r in records if r.status == status] for status in STATUSES}
    data = "".join(record.to_json() + "\n" for record in records).encode()
    spoken = [turn.text for r in records if r.status == "written" and r.script for turn in r.script.turns]
    text_bytes = sum(len(text.encode()) for text in spoken)
    usage = {record.dialogue_id: asdict(record.usage) for record in records if record.usage.requests}
    manifest = {"index": index, "shape": shape, "text_bytes": text_bytes, "usage": usage, **by_status}
    write_chunk(script_chunk(work, index), data, manifest)


def note_not_attempted(work: str, index: int, dialogue_ids: Sequence[str], reason: str) -> None:
    """Say that a slice of the plan was left out, and why; a later build tries it again."""
    path = files.join(work, f"{NOT_ATTEMPTED}{index:05d}.json")
    files.write_sealed(path, {"index": index, "dialogues": list(dialogue_ids), "reason": reason})


def take_notes(work: str) -> dict[int, Any]:
    """The slices left out since `forget_notes`, by index."""
    notes = [files.read_sealed(path) for path in files.listing(files.join(work, f"{NOT_ATTEMPTED}*"))]
    return {note["index"]: note for note in notes}


def forget_notes(work: str) -> None:
    files.delete(list(files.listing(files.join(work, f"{NOT_ATTEMPTED}*"))))


def summary(work: str, manifests: dict[int, Manifest], left_out: Sequence[str]) -> Manifest:
    """What became of the scripts: `scripts` by status, and the `dead` letters."""
    records = [r for m in manifests.values() for r in read_scripts(files.join(work, m["file"]), m["sha256"])]
    counts: dict[str, int] = {status: sum(record.status == status for record in records) for status in STATUSES}
    letters = [asdict(letter) for record in records if (letter := record.letter()) is not None]
    return {"scripts": counts | {"not attempted": len(left_out)}, "dead": letters}


def script_usage(work: str) -> Usage:
    """What the scripts of a work folder cost, verdicts included, whenever they were paid for."""
    manifests = (files.read_sealed(path) for path in files.listing(files.join(work, "scripts-*.json")))
    return sum((Usage(**usage) for manifest in manifests for usage in manifest["usage"].values()), NOTHING_USED)


def read_scripts(path: str, sha256: str) -> list[ScriptRecord]:
    """Raises FolderError if the bytes are not those that the manifest names."""
    return [ScriptRecord.from_json(line) for line in checked_bytes(path, sha256).decode().split("\n") if line]
