"""`troupe replay ID`: one record through its stages again, as a build does it, to see a failure or its absence."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines import files
from pipelines.manifests import Manifest, manifest_of, script_chunk, take_chunk
from pipelines.perform import first_lines, next_attempt
from pipelines.run_stage import run_stage
from pipelines.script_chunks import STATUSES, ScriptRecord, read_scripts
from pipelines.shape import STEPS, Phase, changes, shape_of
from pipelines.stage_table import StageSource, close_stages, concerns
from pipelines.take_chunks import arrow_bytes, read_takes, take_row
from pipelines.work_folder import RECIPE, only_builder
from pipelines.write import judged, written
from schemas.columns import arrow_schema, utterance_features
from schemas.errors import DamagedError, FolderError
from schemas.recipe import Recipe
from schemas.script import DialoguePlan
from stages.plan_dialogues import plan_dialogues

TAKE_ID = re.compile(r"(?P<dialogue>.+)-t(?P<turn>\d+)-a(?P<attempt>\d+)")
TAKE_STAGES = STEPS["perform"][1:]  # all that follows the casting


@dataclass(frozen=True)
class Outcome:
    """How a record fared: dead in `stage` with `cause`, or well, with the row that came of it."""

    stage: str = ""
    cause: str = ""
    row: Any = None

    def __str__(self) -> str:
        if self.stage:
            return f"dead in {self.stage}: {self.cause}"
        return f"rejected: {self.row['reason']}" if self.row.get("status") == "rejected" else "well"


@dataclass(frozen=True)
class Replay:
    """A record as the build left it, and as it comes out now."""

    record_id: str
    before: Outcome
    now: Outcome
    changed: tuple[str, ...] = ()
    """What shapes the bytes, and is no longer what it was in the build."""

    @property
    def same(self) -> bool:
        return self.before == self.now

    def __str__(self) -> str:
        lines = [self.record_id, f"in the build: {self.before}", f"now:          {self.now}", self._conclusion()]
        if self.changed:
            lines.append(f"changed since the build: {'; '.join(self.changed)}")
        return "\n  ".join(lines)

    def _conclusion(self) -> str:
        if self.same:
            return "reproduced" if self.before.stage else "the same to the last bit"
        if self.now.stage:
            return "it fails otherwise than it did" if self.before.stage else "it did not fail then"
        if self.before.stage:
            return "it does not fail now: build --retry-dead does what holds dead letters again"
        return (
            f"it differs in: {', '.join(key for key in self.before.row if self.before.row[key] != self.now.row[key])}"
        )


def replay(work: str, record_id: str) -> Replay:
    """Do one record again: a dialogue (writing, judging, casting), or a take (one attempt at one of its turns).

    Raises FolderError if the folder is no work folder, or holds no such record.
    """
    path = files.join(work, RECIPE)
    if not files.exists(path):
        raise FolderError(f"{work}: not a work folder of ours: it has no {RECIPE}. Name one with --work.")
    with only_builder(work):
        recipe = Recipe.model_validate(files.read_sealed(path))
        again = _Again(work, recipe, record_id)
        try:
            return Replay(record_id, again.before(), again.now(), tuple(changed_since(work, recipe)))
        finally:
            close_stages()


def changed_since(work: str, recipe: Recipe) -> Iterator[str]:
    """What shapes the bytes and has changed since the folder was made, by name."""
    phases: tuple[Phase, ...] = ("write", "perform")
    for phase in phases:
        path = files.join(work, f"shape-{phase}.json")
        if files.exists(path):
            yield from changes(files.read_sealed(path), shape_of(phase, recipe))


class _Again:
    """A record of a work folder, found and done again."""

    def __init__(self, work: str, recipe: Recipe, record_id: str) -> None:
        self.work = work
        self.recipe = recipe
        self.record_id = record_id
        self.take = TAKE_ID.fullmatch(record_id)
        self.dialogue_id = self.take["dialogue"] if self.take else record_id
        self.scripts = self._scripts()
        self.record = self._record()
        manifest = manifest_of(take_chunk(work, self.scripts["index"]))
        self.takes = files.read_sealed(manifest) if files.exists(manifest) else None

    def _scripts(self) -> Manifest:
        """The manifest of the script chunk that holds the dialogue."""
        for path in files.listing(files.join(self.work, "scripts-*.json")):
            try:
                manifest = files.read_sealed(path)
            except DamagedError:
                continue  # build mends it
            if any(self.dialogue_id in manifest[status] for status in STATUSES):
                return manifest
        raise FolderError(f"{self.work}: no record '{self.record_id}' here; manifest.json lists dead letters.")

    def _record(self) -> ScriptRecord:
        records = read_scripts(script_chunk(self.work, self.scripts["index"]), self.scripts["sha256"])
        return next(record for record in records if record.dialogue_id == self.dialogue_id)

    def before(self) -> Outcome:
        """What the build made of the record."""
        if self.take is None and (letter := self.record.letter()) is not None:
            return Outcome(letter.stage, letter.cause)
        for found in self.takes["dead"] if self.takes else ():
            if found["record_id"] == self.record_id:
                return Outcome(found["stage"], found["cause"])
        if self.take is None:
            return Outcome(row=json.loads(self.record.to_json()))
        if self.takes is None:
            raise FolderError(f"{self.work}: '{self.record_id}' has not been performed yet: build on.")
        table = read_takes(take_chunk(self.work, self.scripts["index"]), self.takes["sha256"])
        rows = [row for row in table.to_pylist() if row["take_id"] == self.record_id]
        if not rows:
            raise FolderError(f"{self.work}: '{self.record_id}' was not performed: {self._why_not()}.")
        return Outcome(row=rows[0])

    def _why_not(self) -> str:
        """Why a take of a performed chunk does not exist."""
        assert self.take is not None
        script, turn = self.record.script, int(self.take["turn"])
        if self.record.status != "written" or script is None:
            return f"its dialogue is {self.record.status}: {self.record.reason}"
        if turn >= len(script.turns):
            return f"its dialogue has {len(script.turns)} turns, counted from 0"
        utterance = self.record_id.rsplit("-a", 1)[0]
        for letter in self.takes["dead"] if self.takes else ():
            if letter["record_id"] == self.dialogue_id or letter["record_id"].startswith(f"{utterance}-a"):
                return f"{letter['record_id']} is dead in {letter['stage']}"
        return "an attempt before it passed, or its dialogue repeats another"

    def now(self) -> Outcome:
        """What comes of it when it is done again."""
        if self.take is None:
            return self._dialogue()
        assert self.record.script is not None
        assert self.takes is not None
        cast, trouble = self._run(["CastVoices"], self.record.script)
        if trouble is not None:
            return trouble
        line = first_lines(cast, self.recipe.seed)[int(self.take["turn"])]
        for _ in range(int(self.take["attempt"])):
            line = next_attempt(line, self.recipe.seed)
        take, trouble = self._run([name for name in TAKE_STAGES if concerns(name, line.turn)], line)
        if trouble is not None:
            return trouble
        codec = self.takes["codec"]
        schema = arrow_schema(utterance_features(codec["num_codebooks"]), {})
        with pa.ipc.open_stream(arrow_bytes([take_row(self.record.script, take, codec)], schema)) as reader:
            return Outcome(row=reader.read_all().to_pylist()[0])

    def _dialogue(self) -> Outcome:
        answer, trouble = self._run(["WriteScripts"], self._plan())
        if trouble is not None:
            return trouble
        verdict, trouble = self._run(["JudgeScripts"], answer.script)
        if trouble is None and verdict.reason is None:
            _, trouble = self._run(["CastVoices"], answer.script)
        return trouble or Outcome(row=json.loads(judged(written(answer), verdict).to_json()))

    def _plan(self) -> DialoguePlan:
        if self.record.script is not None:
            return self.record.script.plan
        for plan in plan_dialogues(self.recipe):
            if plan.dialogue_id == self.dialogue_id:
                return plan
        raise FolderError(f"{self.work}: the recipe of its last build no longer plans '{self.dialogue_id}'.")

    def _run(self, stages: Sequence[str], record: Any) -> tuple[Any, Outcome | None]:
        """What comes of one record after some stages, or how one of them failed."""
        for name in stages:
            outcome = run_stage(StageSource(name, self.recipe, self.work), [record])
            if outcome.causes:
                return None, Outcome(name, outcome.causes[0])
            record = outcome.results[0]
        return record, None
