"""The write graph: the plan -> script chunks; and the search for near-duplicates over the texts of all of them.

Create(plan) -> Reshuffle -> WriteScripts -> JudgeScripts -> WriteScriptChunk
Create(script chunks) -> Reshuffle -> signatures -> bands -> GroupByKey -> twins -> duplicates.json
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam

from pipelines import files
from pipelines.manifests import Manifest
from pipelines.run_stage import run_stage
from pipelines.script_chunks import ScriptRecord, read_scripts, write_scripts
from pipelines.stage_table import opened_stage
from schemas.recipe import Recipe
from schemas.script import DialoguePlan
from stages.judge_script import judge_script
from stages.near_duplicates import TWIN_SIMILARITY, bands, signature, similarity

Signature = tuple[int, ...]


@dataclass(frozen=True)
class PlanChunk:
    """A fixed slice of the plan."""

    index: int
    plans: tuple[DialoguePlan, ...]


class WriteScripts(beam.DoFn):  # type: ignore[misc]
    """Plans -> one ScriptRecord each: written, or dead with the cause."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def setup(self) -> None:
        self.stage = opened_stage("WriteScripts", self.recipe)

    def process(self, chunk: PlanChunk) -> Iterator[tuple[int, list[ScriptRecord]]]:
        outcome = run_stage(self.stage, chunk.plans, [1] * len(chunk.plans))
        records = [
            ScriptRecord(plan.dialogue_id, "written", "", outcome.results[i])
            if i in outcome.results
            else ScriptRecord(plan.dialogue_id, "dead", f"WriteScripts: {outcome.causes[i]}", None)
            for i, plan in enumerate(chunk.plans)
        ]
        yield chunk.index, records


def judged(chunk: tuple[int, list[ScriptRecord]]) -> tuple[int, list[ScriptRecord]]:
    """Written scripts that are not fit become rejected, with the reason."""
    index, records = chunk
    return index, [_judged(record) for record in records]


def _judged(record: ScriptRecord) -> ScriptRecord:
    reason = judge_script(record.script) if record.script else None
    return record if reason is None else replace(record, status="rejected", reason=reason)


class WriteScriptChunk(beam.DoFn):  # type: ignore[misc]
    """Writes the chunk and its manifest; yields its index."""

    def __init__(self, work_folder: str, shape: str) -> None:
        self.work_folder = work_folder
        self.shape = shape

    def process(self, chunk: tuple[int, list[ScriptRecord]]) -> Iterator[int]:
        index, records = chunk
        write_scripts(self.work_folder, index, self.shape, records)
        yield index


def cut(plans: Sequence[DialoguePlan], size: int) -> list[PlanChunk]:
    """The plan cut into chunks of `size` dialogues."""
    starts = range(0, len(plans), size)
    return [PlanChunk(index, tuple(plans[start : start + size])) for index, start in enumerate(starts)]


def build_write(
    pipeline: beam.Pipeline, chunks: Sequence[PlanChunk], recipe: Recipe, work_folder: str, shape: str
) -> Any:
    """Draw the write graph on a pipeline."""
    return (
        pipeline
        | "Plan" >> beam.Create(list(chunks), reshuffle=False)
        | "Reshuffle" >> beam.Reshuffle()
        | "WriteScripts" >> beam.ParDo(WriteScripts(recipe))
        | "JudgeScripts" >> beam.Map(judged)
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
        | "WriteDuplicates" >> beam.Map(lambda twins: files.write_json(path, twins))
    )


def _signatures(path: str, sha256: str) -> Iterator[tuple[str, Signature]]:
    for record in read_scripts(path, sha256):
        if record.status == "written" and record.script is not None:
            yield record.dialogue_id, signature(record.script)


def _by_band(dialogue_id: str, signed: Signature) -> Iterator[tuple[str, tuple[str, Signature]]]:
    for band in bands(signed):
        yield band, (dialogue_id, signed)


def _twins(band: str, members: Iterable[tuple[str, Signature]]) -> Iterator[tuple[str, str]]:
    """Every member but the first of its kind, with the id of the earlier one it resembles."""
    ordered = sorted(members)
    for position, (later, later_signature) in enumerate(ordered):
        for earlier, earlier_signature in ordered[:position]:
            if similarity(earlier_signature, later_signature) >= TWIN_SIMILARITY:
                yield later, earlier
                break
