"""The write graph: the plan -> script chunks; and the search for near-duplicates over the texts of all of them.

Create(plan) -> Reshuffle -> WriteScripts -> JudgeScripts -> WriteScriptChunk
Create(script chunks) -> Reshuffle -> signatures -> bands -> GroupByKey -> twins -> duplicates.json
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from pipelines import files
from pipelines.manifests import Manifest
from pipelines.run_stage import run_stage
from pipelines.script_chunks import ScriptRecord, ScriptStatus, note_not_attempted, read_scripts, write_scripts
from pipelines.stage_table import StageSource, backend_of
from schemas.errors import CostLimitError
from schemas.recipe import Recipe, Service
from schemas.script import DialoguePlan
from stages.backends.protocols import Paid, ScriptVerdict, Written
from stages.near_duplicates import TWIN_SIMILARITY, bands, signature, similarity

REQUESTS_PER_SLOT = 8
"""Dialogues written at once per concurrent request: the last of a hand, which leave slots empty, weigh little."""


@dataclass(frozen=True)
class PlanChunk:
    """A fixed slice of the plan."""

    index: int
    plans: tuple[DialoguePlan, ...]

    @property
    def dialogue_ids(self) -> list[str]:
        return [plan.dialogue_id for plan in self.plans]


@dataclass(frozen=True)
class ScriptChunk:
    """The same slice after writing."""

    index: int
    records: tuple[ScriptRecord, ...]

    @property
    def dialogue_ids(self) -> list[str]:
        return [record.dialogue_id for record in self.records]


class _ScriptDoFn(beam.DoFn):  # type: ignore[misc]
    """One stage over a hand of chunks, all their dialogues at once.

    Where the purse is empty, chunks that need to pay are noted as not attempted, and end here: what was paid for them
    is kept, and found again when the limit is raised.
    """

    stage_name: str

    def __init__(self, recipe: Recipe, work_folder: str, retry_unfit: bool) -> None:
        self.recipe = recipe
        self.work_folder = work_folder
        self.retry_unfit = retry_unfit
        self.records = Metrics.counter(self.stage_name, "records")
        self.failed = Metrics.counter(self.stage_name, "dead")

    def setup(self) -> None:
        self.source = StageSource(self.stage_name, self.recipe, self.work_folder, self.retry_unfit)
        self.source.stage()

    def process(self, hand: Sequence[Any]) -> Iterator[list[ScriptChunk]]:
        try:
            done = self.step(hand)
        except CostLimitError as error:
            if len(hand) == 1:
                note_not_attempted(self.work_folder, hand[0].index, hand[0].dialogue_ids, str(error))
            else:
                for chunk in hand:
                    yield from self.process([chunk])
        else:
            yield done

    def step(self, hand: Sequence[Any]) -> list[ScriptChunk]:
        raise NotImplementedError

    def run(self, records: Sequence[Any]) -> tuple[dict[int, Any], dict[int, str]]:
        """Results and causes of failure, by position."""
        outcome = run_stage(self.source, records)
        self.records.inc(len(records))
        self.failed.inc(len(outcome.causes))
        return outcome.results, outcome.causes


def written(answer: Written) -> ScriptRecord:
    """A record before its verdict."""
    return ScriptRecord(answer.script.dialogue_id, "written", script=answer.script, usage=answer.usage)


class WriteScripts(_ScriptDoFn):
    """Plans -> one ScriptRecord each: written, or dead with the cause."""

    stage_name = "WriteScripts"

    def step(self, hand: Sequence[PlanChunk]) -> list[ScriptChunk]:
        plans = [plan for chunk in hand for plan in chunk.plans]
        results, causes = self.run(plans)
        records = (
            written(results[i])
            if i in results
            else ScriptRecord(plan.dialogue_id, "dead", causes[i], stage=self.stage_name)
            for i, plan in enumerate(plans)
        )
        return [ScriptChunk(chunk.index, tuple(islice(records, len(chunk.plans)))) for chunk in hand]


def judged(record: ScriptRecord, verdict: ScriptVerdict) -> ScriptRecord:
    """A written record after its verdict."""
    status: ScriptStatus = "written" if verdict.reason is None else "rejected"
    usage = record.usage + verdict.usage
    return replace(record, status=status, reason=verdict.reason or "", score=verdict.score, usage=usage)


class JudgeScripts(_ScriptDoFn):
    """Written scripts that are not fit become rejected, with the reason; those that no judge could read are dead."""

    stage_name = "JudgeScripts"

    def step(self, hand: Sequence[ScriptChunk]) -> list[ScriptChunk]:
        records = [record for chunk in hand for record in chunk.records]
        unjudged = [i for i, record in enumerate(records) if record.script is not None]
        results, causes = self.run([records[i].script for i in unjudged])
        for position, verdict in results.items():
            records[unjudged[position]] = judged(records[unjudged[position]], verdict)
        for position, cause in causes.items():
            record = records[unjudged[position]]
            records[unjudged[position]] = replace(record, status="dead", reason=cause, stage=self.stage_name)
        done = iter(records)
        return [replace(chunk, records=tuple(islice(done, len(chunk.records)))) for chunk in hand]


class WriteScriptChunk(beam.DoFn):  # type: ignore[misc]
    """Writes the chunks of a hand, each with its manifest; yields their indices."""

    def __init__(self, work_folder: str, shape: str) -> None:
        self.work_folder = work_folder
        self.shape = shape

    def process(self, hand: Sequence[ScriptChunk]) -> Iterator[int]:
        for chunk in hand:
            write_scripts(self.work_folder, chunk.index, self.shape, chunk.records)
            yield chunk.index


def cut(plans: Sequence[DialoguePlan], size: int) -> list[PlanChunk]:
    """The plan cut into chunks of `size` dialogues."""
    starts = range(0, len(plans), size)
    return [PlanChunk(index, tuple(plans[start : start + size])) for index, start in enumerate(starts)]


def deal(chunks: Sequence[PlanChunk], recipe: Recipe) -> list[tuple[PlanChunk, ...]]:
    """Hands of chunks that are written at once: one chunk each, or enough to keep an endpoint busy."""
    backend = backend_of("script", recipe)
    size = 1
    if isinstance(backend, Paid):
        service = recipe.backends.script.service or Service()
        size = max(1, REQUESTS_PER_SLOT * service.concurrency // recipe.chunk_dialogues)
    return [tuple(chunks[start : start + size]) for start in range(0, len(chunks), size)]


def build_write(
    pipeline: beam.Pipeline,
    chunks: Sequence[PlanChunk],
    recipe: Recipe,
    work_folder: str,
    shape: str,
    retry_unfit: bool = False,
) -> Any:
    """Draw the write graph on a pipeline. `retry_unfit`: answers that were of no use are asked for anew."""
    return (
        pipeline
        | "Plan" >> beam.Create(deal(chunks, recipe), reshuffle=False)
        | "Reshuffle" >> beam.Reshuffle()
        | "WriteScripts" >> beam.ParDo(WriteScripts(recipe, work_folder, retry_unfit))
        | "JudgeScripts" >> beam.ParDo(JudgeScripts(recipe, work_folder, retry_unfit))
        | "WriteScriptChunk" >> beam.ParDo(WriteScriptChunk(work_folder, shape))
    )


def build_duplicates(pipeline: beam.Pipeline, manifests: Sequence[Manifest], work_folder: str, path: str) -> Any:
    """Draw the search for near-duplicates: writes {dialogue id: id of its earliest twin} to `path` as JSON."""
    chunks = [(files.join(work_folder, m["file"]), m["sha256"]) for m in manifests]
    return (
        pipeline
        | "ScriptChunks" >> beam.Create(chunks, reshuffle=False)
        | "Reshuffle" >> beam.Reshuffle()
        | "Signatures" >> beam.FlatMapTuple(_signatures)
        | "Bands" >> beam.FlatMapTuple(_by_band)
        | "SameBand" >> beam.GroupByKey()
        | "Twins" >> beam.FlatMapTuple(_twins)
        | "EarliestTwin" >> beam.CombinePerKey(min)
        | "Collect" >> beam.combiners.ToDict()
        | "WriteDuplicates" >> beam.Map(lambda twins: files.write_sealed(path, twins))
    )


def _signatures(path: str, sha256: str) -> Iterator[tuple[str, bytes]]:
    for record in read_scripts(path, sha256):
        if record.status == "written" and record.script is not None:
            yield record.dialogue_id, signature(record.script)


def _by_band(dialogue_id: str, signed: bytes) -> Iterator[tuple[bytes, tuple[str, bytes]]]:
    for band in bands(signed):
        yield band, (dialogue_id, signed)


def _twins(band: bytes, members: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, str]]:
    """Every member but the first of its kind, with the id of the earlier one it resembles."""
    ordered = sorted(members)
    for position, (later, later_signature) in enumerate(ordered):
        for earlier, earlier_signature in ordered[:position]:
            if similarity(earlier_signature, later_signature) >= TWIN_SIMILARITY:
                yield later, earlier
                break
