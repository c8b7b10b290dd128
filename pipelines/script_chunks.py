"""Script chunks: JSON lines, one planned dialogue each, readable before synthesis is paid for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipelines.manifests import checked_bytes, script_chunk, write_chunk
from schemas.script import Script

ScriptStatus = Literal["written", "rejected", "dead"]
STATUSES: tuple[ScriptStatus, ...] = ("written", "rejected", "dead")


@dataclass(frozen=True)
class ScriptRecord:
    """One planned dialogue after writing and judging. No script if the writer failed; a reason unless it is fit."""

    dialogue_id: str
    status: ScriptStatus
    reason: str
    script: Script | None

    def to_json(self) -> str:
        script = None if self.script is None else self.script.model_dump()
        row = {"dialogue_id": self.dialogue_id, "status": self.status, "reason": self.reason, "script": script}
        return json.dumps(row, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "ScriptRecord":
        row = json.loads(line)
        script = None if row["script"] is None else Script.model_validate(row["script"])
        return cls(row["dialogue_id"], row["status"], row["reason"], script)


def write_scripts(work: str, index: int, shape: str, records: Sequence[ScriptRecord]) -> None:
    by_status: dict[str, Any] = {status: [r.dialogue_id for r in records if r.status == status] for status in STATUSES}
    data = "".join(record.to_json() + "\n" for record in records).encode()
    spoken = [turn.text for r in records if r.status == "written" and r.script for turn in r.script.turns]
    text_bytes = sum(len(text.encode()) for text in spoken)
    write_chunk(
        script_chunk(work, index), data, {"index": index, "shape": shape, "text_bytes": text_bytes, **by_status}
    )


def read_scripts(path: str, sha256: str) -> list[ScriptRecord]:
    """Raises FolderError if the bytes are not those that the manifest names."""
    return [ScriptRecord.from_json(line) for line in checked_bytes(path, sha256).decode().split("\n") if line]
