"""The perform graph: script chunks -> take chunks. From casting to writing it is one fused stage: audio never crosses
a shuffle, so memory stays flat however long the corpus is.

    Create -> Reshuffle -> ReadScripts -> CastVoices -> [ SynthesizeSpeech -> Transcribe -> ScorePitch
      -> ScoreQuality -> JudgeTakes ] x attempts -> TokenizeAudio -> WriteChunk
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from pipelines.run_stage import Record, run_stage
from pipelines.script_chunks import read_scripts
from pipelines.stage_table import opened_stage
from pipelines.take_chunks import PerformedDialogue, write_takes
from schemas.limits import Limits, load_limits
from schemas.recipe import Recipe
from schemas.script import Script
from schemas.seeds import derive_seed
from schemas.take import CastScript, DeadLetter, Line, Take
from stages.judge import judge
from stages.normalize_text import normalize


@dataclass(frozen=True)
class ChunkJob:
    """One chunk to perform: where its scripts lie, which of them are twins of others, and the shape of the result."""

    index: int
    scripts: str
    scripts_sha256: str
    twins: tuple[str, ...]
    shape: str


@dataclass
class Work:
    """A chunk on its way through the graph: what is still being performed, and what is done."""

    job: ChunkJob
    scripts: list[Script]
    lines: list[Line] = field(default_factory=list)
    current: list[Take] = field(default_factory=list)
    done: list[Take] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)


class _StageDoFn(beam.DoFn):  # type: ignore[misc]
    """One stage of the recipe as a Beam step with counters of its own; fails record by record, never the chunk."""

    stage_name: str

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.records = Metrics.counter(self.stage_name, "records")
        self.failed = Metrics.counter(self.stage_name, "dead")
        self.cpu_us = Metrics.counter(self.stage_name, "cpu_us")
        self.wall_us = Metrics.counter(self.stage_name, "wall_us")

    def setup(self) -> None:
        self.stage = opened_stage(self.stage_name, self.recipe)

    def process(self, work: Work) -> Iterator[Work]:
        cpu, wall = time.process_time(), time.perf_counter()
        self.step(work)
        self.cpu_us.inc(int((time.process_time() - cpu) * 1e6))
        self.wall_us.inc(int((time.perf_counter() - wall) * 1e6))
        yield work

    def step(self, work: Work) -> None:
        raise NotImplementedError

    def run(self, work: Work, records: Sequence[Record], lines: Sequence[Line]) -> list[Any]:
        """Results of the records that succeeded; a dead letter in `work` for each of the others."""
        outcome = run_stage(self.stage, records, [len(line.spoken) for line in lines])
        for position, cause in sorted(outcome.causes.items()):
            work.dead.append(DeadLetter(self.stage_name, lines[position].take_id, lines[position].attempt, cause))
        self.records.inc(len(records))
        self.failed.inc(len(outcome.causes))
        return [outcome.results[i] for i in sorted(outcome.results)]


class CastVoices(_StageDoFn):
    """Scripts -> first lines."""

    stage_name = "CastVoices"

    def step(self, work: Work) -> None:
        outcome = run_stage(self.stage, work.scripts, [1] * len(work.scripts))
        for position, cause in sorted(outcome.causes.items()):
            work.dead.append(DeadLetter(self.stage_name, work.scripts[position].dialogue_id, 0, cause))
        for _, cast in sorted(outcome.results.items()):
            work.lines += first_lines(cast, self.recipe.seed)


class SynthesizeSpeech(_StageDoFn):
    """Lines -> takes."""

    stage_name = "SynthesizeSpeech"

    def step(self, work: Work) -> None:
        work.current = self.run(work, work.lines, work.lines)
        work.lines = []


class _Listen(_StageDoFn):
    """Takes -> the same takes, with more heard in them."""

    def step(self, work: Work) -> None:
        work.current = self.run(work, work.current, [take.line for take in work.current])


class Transcribe(_Listen):
    stage_name = "Transcribe"


class ScorePitch(_Listen):
    stage_name = "ScorePitch"


class ScoreQuality(_Listen):
    stage_name = "ScoreQuality"


class JudgeTakes(beam.DoFn):  # type: ignore[misc]
    """Takes within the retry limits are done; the others get a line for the next attempt, with its own seed."""

    def __init__(self, recipe: Recipe, limits: Limits) -> None:
        self.recipe = recipe
        self.limits = limits

    def process(self, work: Work) -> Iterator[Work]:
        for take in work.current:
            again = take.line.attempt + 1
            if again < self.recipe.perform.attempts and not within(take, self.limits):
                work.lines.append(next_attempt(take.line, self.recipe.seed))
        work.done += work.current
        work.current = []
        yield work


class TokenizeAudio(_StageDoFn):
    """All takes -> the same takes with codes."""

    stage_name = "TokenizeAudio"

    def step(self, work: Work) -> None:
        work.done = self.run(work, work.done, [take.line for take in work.done])


class WriteChunk(beam.DoFn):  # type: ignore[misc]
    """Writes the chunk and its manifest; yields its index."""

    def __init__(self, work_folder: str, codec: dict[str, Any]) -> None:
        self.work_folder = work_folder
        self.codec = codec

    def process(self, work: Work) -> Iterator[int]:
        write_takes(self.work_folder, work.job.index, work.job.shape, self.codec, performed(work))
        yield work.job.index


def retry_limits(recipe: Recipe) -> Limits:
    """The limits that send a take back to be performed again."""
    return load_limits(recipe.perform.profile, recipe.perform.entries())


def within(take: Take, limits: Limits) -> bool:
    """Whether a take is within the limits in force for it."""
    line = take.line
    return judge(take.measures, limits.of(line.kind, line.language, line.turn.manner)).accepted


def first_lines(cast: CastScript, recipe_seed: int) -> list[Line]:
    """The lines of a cast script, for the first attempt."""
    script = cast.script
    return [
        Line(
            dialogue_id=script.dialogue_id,
            turn_index=index,
            attempt=0,
            seed=derive_seed(recipe_seed, script.dialogue_id, index, 0),
            kind=script.plan.kind,
            language=script.plan.language,
            turn=turn,
            spoken=normalize(turn.text, script.plan.language),
            character=script.speaker(turn),
            voice=cast.voice(turn),
        )
        for index, turn in enumerate(script.turns)
    ]


def next_attempt(line: Line, recipe_seed: int) -> Line:
    """The same line for its next attempt."""
    attempt = line.attempt + 1
    return replace(line, attempt=attempt, seed=derive_seed(recipe_seed, line.dialogue_id, line.turn_index, attempt))


def performed(work: Work) -> list[PerformedDialogue]:
    """The chunk's takes and dead letters by dialogue, in script, turn and attempt order."""
    takes = sorted(work.done, key=lambda take: (take.line.turn_index, take.line.attempt))
    dead = sorted(work.dead, key=lambda letter: (letter.record_id, letter.stage))
    return [
        PerformedDialogue(
            script,
            tuple(take for take in takes if take.line.dialogue_id == script.dialogue_id),
            tuple(letter for letter in dead if letter.record_id.startswith(script.dialogue_id)),
        )
        for script in work.scripts
    ]


def read_job(job: ChunkJob) -> Work:
    """The scripts of a chunk that are to be performed."""
    records = read_scripts(job.scripts, job.scripts_sha256)
    scripts = [r.script for r in records if r.status == "written" and r.script and r.dialogue_id not in job.twins]
    return Work(job, scripts)


class Perform(beam.PTransform):  # type: ignore[misc]
    """PCollection of ChunkJobs -> PCollection of the indices of written chunks."""

    def __init__(self, recipe: Recipe, limits: Limits, work_folder: str, codec: dict[str, Any]) -> None:
        super().__init__()
        self.recipe = recipe
        self.limits = limits
        self.work_folder = work_folder
        self.codec = codec

    def expand(self, jobs: Any) -> Any:
        work = jobs | "ReadScripts" >> beam.Map(read_job)
        work = work | "CastVoices" >> beam.ParDo(CastVoices(self.recipe))
        for attempt in range(self.recipe.perform.attempts):
            for stage in (SynthesizeSpeech, Transcribe, ScorePitch, ScoreQuality):
                work = work | f"{stage.stage_name} {attempt}" >> beam.ParDo(stage(self.recipe))
            work = work | f"JudgeTakes {attempt}" >> beam.ParDo(JudgeTakes(self.recipe, self.limits))
        work = work | "TokenizeAudio" >> beam.ParDo(TokenizeAudio(self.recipe))
        return work | "WriteChunk" >> beam.ParDo(WriteChunk(self.work_folder, self.codec))


def build_perform(
    pipeline: beam.Pipeline,
    jobs: Sequence[ChunkJob],
    recipe: Recipe,
    limits: Limits,
    work_folder: str,
    codec: dict[str, Any],
) -> Any:
    """Draw the perform graph on a pipeline."""
    return (
        pipeline
        | "Chunks" >> beam.Create(list(jobs), reshuffle=False)
        | "Reshuffle" >> beam.Reshuffle()
        | "Perform" >> Perform(recipe, limits, work_folder, codec)
    )
