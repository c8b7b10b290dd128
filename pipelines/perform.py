"""The perform graph: script chunks -> take chunks. From casting to writing it is one fused stage: audio never crosses
a shuffle, so memory stays flat however long the corpus is.

    Create -> Reshuffle -> ReadScripts -> CastVoices -> [ SynthesizeSpeech -> SynthesizeSinging -> Transcribe
      -> ScorePitch -> ScoreSinging -> ScoreQuality -> ScoreSpeaker -> JudgeTakes ] x attempts
      -> AddSurroundings -> TokenizeAudio -> WriteChunk
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from pipelines.run_stage import Record, run_stage
from pipelines.script_chunks import read_scripts
from pipelines.stage_table import StageSource, concerns
from pipelines.take_chunks import PerformedDialogue, write_takes
from schemas.limits import Limits, load_limits
from schemas.recipe import Recipe
from schemas.script import Script
from schemas.seeds import derive_seed
from schemas.take import CastScript, DeadLetter, Line, Take
from stages.judge import judge_line
from stages.normalize_text import normalize, normalize_tagged


@dataclass(frozen=True)
class ChunkJob:
    """One chunk to perform: where its scripts lie, which of them are twins of others, and the shape of the result."""

    index: int
    scripts: str
    scripts_sha256: str
    twins: tuple[str, ...]
    shape: str


@dataclass(frozen=True)
class Work:
    """A chunk on its way through the graph: what is still being performed, and what is done."""

    job: ChunkJob
    scripts: tuple[Script, ...]
    lines: tuple[Line, ...] = ()
    current: tuple[Take, ...] = ()
    done: tuple[Take, ...] = ()
    dead: tuple[DeadLetter, ...] = ()


class _StageDoFn(beam.DoFn):  # type: ignore[misc]
    """One stage of the recipe as a Beam step with counters of its own; fails record by record, never the chunk."""

    stage_name: str

    def __init__(self, recipe: Recipe, work_folder: str) -> None:
        self.recipe = recipe
        self.work_folder = work_folder
        self.records = Metrics.counter(self.stage_name, "records")
        self.failed = Metrics.counter(self.stage_name, "dead")
        self.cpu_us = Metrics.counter(self.stage_name, "cpu_us")
        self.wall_us = Metrics.counter(self.stage_name, "wall_us")

    def setup(self) -> None:
        self.source = StageSource(self.stage_name, self.recipe, self.work_folder)
        self.source.stage()

    def process(self, work: Work) -> Iterator[Work]:
        cpu, wall = time.process_time(), time.perf_counter()
        performed = self.step(work)
        self.cpu_us.inc(int((time.process_time() - cpu) * 1e6))
        self.wall_us.inc(int((time.perf_counter() - wall) * 1e6))
        yield performed

    def step(self, work: Work) -> Work:
        raise NotImplementedError

    def run(self, records: Sequence[Record], lines: Sequence[Line]) -> tuple[tuple[Any, ...], tuple[DeadLetter, ...]]:
        """Results of the records that succeeded, and a dead letter for each of the others."""
        outcome = run_stage(self.source, records, [len(line.spoken) for line in lines])
        self.records.inc(len(records))
        self.failed.inc(len(outcome.causes))
        dead = tuple(
            DeadLetter(self.stage_name, lines[i].dialogue_id, lines[i].take_id, lines[i].attempt, cause)
            for i, cause in sorted(outcome.causes.items())
        )
        return tuple(outcome.results[i] for i in sorted(outcome.results)), dead


class CastVoices(_StageDoFn):
    """Scripts -> first lines."""

    stage_name = "CastVoices"

    def step(self, work: Work) -> Work:
        outcome = run_stage(self.source, work.scripts, [1] * len(work.scripts))
        names = [script.dialogue_id for script in work.scripts]
        dead = (DeadLetter(self.stage_name, names[i], names[i], 0, c) for i, c in sorted(outcome.causes.items()))
        lines = (line for _, cast in sorted(outcome.results.items()) for line in first_lines(cast, self.recipe.seed))
        return replace(work, lines=tuple(lines), dead=tuple(dead))


class _Synthesize(_StageDoFn):
    """Those lines that concern the stage -> takes."""

    def step(self, work: Work) -> Work:
        mine = [line for line in work.lines if concerns(self.stage_name, line.turn)]
        left = tuple(line for line in work.lines if not concerns(self.stage_name, line.turn))
        takes, dead = self.run(mine, mine)
        return replace(work, lines=left, current=work.current + takes, dead=work.dead + dead)


class SynthesizeSpeech(_Synthesize):
    stage_name = "SynthesizeSpeech"


class SynthesizeSinging(_Synthesize):
    stage_name = "SynthesizeSinging"


class _Listen(_StageDoFn):
    """Those takes that concern the stage -> the same takes, with more heard in them."""

    def step(self, work: Work) -> Work:
        mine = [take for take in work.current if concerns(self.stage_name, take.line.turn)]
        others = tuple(take for take in work.current if not concerns(self.stage_name, take.line.turn))
        takes, dead = self.run(mine, [take.line for take in mine])
        return replace(work, current=others + takes, dead=work.dead + dead)


class Transcribe(_Listen):
    stage_name = "Transcribe"


class ScorePitch(_Listen):
    stage_name = "ScorePitch"


class ScoreSinging(_Listen):
    stage_name = "ScoreSinging"


class ScoreQuality(_Listen):
    stage_name = "ScoreQuality"


class ScoreSpeaker(_Listen):
    stage_name = "ScoreSpeaker"


_ATTEMPT = (SynthesizeSpeech, SynthesizeSinging, Transcribe, ScorePitch, ScoreSinging, ScoreQuality, ScoreSpeaker)


class JudgeTakes(beam.DoFn):  # type: ignore[misc]
    """Takes within the retry limits are done; the others get a line for the next attempt, with its own seed."""

    def __init__(self, recipe: Recipe, limits: Limits) -> None:
        self.recipe = recipe
        self.limits = limits
        self.again = Metrics.counter("JudgeTakes", "again")

    def process(self, work: Work) -> Iterator[Work]:
        lines = tuple(
            next_attempt(take.line, self.recipe.seed)
            for take in work.current
            if take.line.attempt + 1 < self.recipe.perform.attempts
            and not judge_line(take.line, take.measures, self.limits).accepted
        )
        self.again.inc(len(lines))
        yield replace(work, lines=lines, current=(), done=work.done + work.current)


class _Finish(_StageDoFn):
    """All takes that were performed -> the same takes, closer to what is published."""

    def step(self, work: Work) -> Work:
        takes, dead = self.run(work.done, [take.line for take in work.done])
        return replace(work, done=takes, dead=work.dead + dead)


class AddSurroundings(_Finish):
    stage_name = "AddSurroundings"


class TokenizeAudio(_Finish):
    stage_name = "TokenizeAudio"


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


def selection_limits(recipe: Recipe) -> Limits:
    """The retry limits, with the recipe's selection limits over them."""
    return load_limits(recipe.perform.profile, recipe.perform.entries(), recipe.select.entries())


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
            tagged=normalize_tagged(turn.text, script.plan.language),
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
            tuple(letter for letter in dead if letter.dialogue_id == script.dialogue_id),
        )
        for script in work.scripts
    ]


def read_job(job: ChunkJob) -> Work:
    """The scripts of a chunk that are to be performed."""
    records = read_scripts(job.scripts, job.scripts_sha256)
    scripts = [r.script for r in records if r.status == "written" and r.script and r.dialogue_id not in job.twins]
    return Work(job, tuple(scripts))


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
        work = work | "CastVoices" >> beam.ParDo(CastVoices(self.recipe, self.work_folder))
        for attempt in range(self.recipe.perform.attempts):
            for stage in _ATTEMPT:
                work = work | f"{stage.stage_name} {attempt}" >> beam.ParDo(stage(self.recipe, self.work_folder))
            work = work | f"JudgeTakes {attempt}" >> beam.ParDo(JudgeTakes(self.recipe, self.limits))
        for last in (AddSurroundings, TokenizeAudio):
            work = work | last.stage_name >> beam.ParDo(last(self.recipe, self.work_folder))
        return work | "WriteChunk" >> beam.ParDo(WriteChunk(self.work_folder, self.codec))


def build_perform(
    pipeline: beam.Pipeline,
    jobs: Sequence[ChunkJob],
    recipe: Recipe,
    limits: Limits,
    work_folder: str,
    codec: dict[str, Any],
    hints: dict[str, str] | None = None,
) -> Any:
    """Draw the perform graph on a pipeline. Resource hints go on the heavy composite as a whole: hints that differ
    between its steps would break up the fused stage."""
    return (
        pipeline
        | "Chunks" >> beam.Create(list(jobs), reshuffle=False)
        | "Reshuffle" >> beam.Reshuffle()
        | "Perform" >> Perform(recipe, limits, work_folder, codec).with_resource_hints(**(hints or {}))
    )
