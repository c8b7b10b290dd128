"""`troupe build`: the three graphs in turn, each picking up where an earlier run left off."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from pipelines import files
from pipelines.answers import spent_or_recounted
from pipelines.assemble import ShardJob, build_assemble
from pipelines.books import rounded
from pipelines.finish import FinishCorpus
from pipelines.local import Counter, run_workers
from pipelines.manifests import (
    ChunkOf,
    Manifest,
    manifest_of,
    script_chunk,
    sound_manifests,
    take_chunk,
    valid_manifests,
)
from pipelines.perform import ChunkJob, build_perform, retry_limits, selection_limits
from pipelines.progress import Progress, tally_scripts, tally_takes
from pipelines.receipts import unfinished
from pipelines.runners import Draw, check_options, perform_hints, run_graph, watching
from pipelines.script_chunks import forget_notes, summary, take_notes
from pipelines.selection import Chunk, Layout, lay_out
from pipelines.shape import assembly_shape, shape_digest, shape_of
from pipelines.stage_table import backend_of, check_backend, close_stages
from pipelines.trouble import disk_errors, tell
from pipelines.work_folder import (
    RECIPE,
    VERSION,
    Restart,
    check_apart,
    claim,
    claim_output,
    claim_work,
    only_builder,
    open_output,
)
from pipelines.worker import perform_here
from pipelines.write import build_duplicates, build_write, cut
from schemas.errors import DamagedError, TroupeError
from schemas.limits import Limits
from schemas.recipe import Recipe
from schemas.script import DialoguePlan
from stages.plan_dialogues import plan_dialogues

Graph = Literal["write", "duplicates", "perform", "assemble"]
"""The graphs, in the order in which they run."""
SHARD_SLACK = 0.9
"""Shards are cut by estimates: aim this far below the limit."""


@dataclass(frozen=True)
class Build:
    """One `troupe build`: where, with how many worker processes (0: in this one), how far, and what to do again.

    With Beam options there are no worker processes: each graph is one pipeline on the runner that they name.
    """

    recipe: Recipe
    out: str
    work: str
    workers: int
    until: Literal["scripts"] | None = None
    restart: Restart | None = None
    retry_dead: bool = False
    beam_options: tuple[str, ...] | None = None

    def run(self) -> Manifest:
        """The corpus manifest; if only scripts were asked for, what became of them: `scripts` by status, and `dead`.

        Raises TroupeError for what the user can mend; then every finished chunk is kept.
        """
        for capability in type(self.recipe.backends).model_fields:
            check_backend(capability, self.recipe)
        if self.until is None:
            assert self._codec  # one that cannot be had is named before anything is written or paid for
        check_options(self.beam_options or (), [self.out, self.work])
        check_apart(self.out, self.work)
        limits = selection_limits(self.recipe)
        plans = plan_dialogues(self.recipe)
        with disk_errors(self.work):
            claim_work(self.work)
            with only_builder(self.work):
                files.sweep(self.work)
                spent_or_recounted(self.work)  # a damaged count is mended even where nothing is left to pay for
                if self.until == "scripts":
                    scripts, left_out = self._write(plans)
                    self._duplicates(scripts)
                    return summary(self.work, scripts, left_out)
                with disk_errors(self.out):
                    claim_output(self.out, self.recipe.name, self.work)
                with only_builder(self.out):
                    return self._build(plans, limits)

    def _build(self, plans: Sequence[DialoguePlan], limits: Limits) -> Manifest:
        """All three graphs, in folders that are ours alone."""
        files.sweep(self.out)
        scripts, left_out = self._write(plans)
        twins = self._duplicates(scripts)
        takes, counters = self._perform(scripts, twins)
        chunks = {index: Chunk(scripts[index], takes[index]) for index in scripts}
        with disk_errors(self.out):
            return self._assemble(plans, chunks, twins, limits, counters, left_out)

    def _run(self, graph: Graph, draw: Draw) -> None:
        """Run one graph to its end."""
        try:
            run_graph(draw, self.beam_options or ())
        finally:
            close_stages()

    def _write(self, plans: Sequence[DialoguePlan]) -> tuple[dict[int, Manifest], list[str]]:
        """Scripts of the whole plan: the manifests of their chunks, and the dialogues that were not attempted."""
        shape = shape_of("write", self.recipe)
        claim(self.work, "write", shape, self.restart)
        files.write_sealed(files.join(self.work, RECIPE), self.recipe.model_dump(mode="json"))
        digest = shape_digest(shape)
        chunks = cut(plans, self.recipe.chunk_dialogues)
        expected = {chunk.index: digest for chunk in chunks}
        noted = self._left_out()
        done = self._kept(script_chunk, sound_manifests(self.work, script_chunk, expected))
        todo = [chunk for chunk in chunks if chunk.index not in done and chunk.index not in noted]
        if todo:
            with Progress("write", len(plans), tally_scripts) as progress:
                look = self._looker(script_chunk, expected, done, progress)
                with watching(look):
                    self._run(
                        "write",
                        lambda pipeline: build_write(pipeline, todo, self.recipe, self.work, digest, self.retry_dead),
                    )
                look()
        notes = take_notes(self.work)
        if lost := [chunk.index for chunk in chunks if chunk.index not in done and chunk.index not in notes]:
            raise TroupeError(_ended_without(script_chunk(self.work, lost[0]), len(lost)))
        left_out = [name for index in notes for name in notes[index]["dialogues"] if index not in done]
        return dict(sorted(done.items())), left_out

    def _left_out(self) -> dict[int, Any]:
        """Notes of chunks that this build does not attempt to write, by index: none, it tries those of earlier ones."""
        forget_notes(self.work)
        return {}

    def _kept(self, chunk_of: ChunkOf, done: dict[int, Manifest]) -> dict[int, Manifest]:
        """The finished chunks, less those with dead letters where these are to be tried again: they are deleted."""
        again = [index for index, manifest in done.items() if self.retry_dead and manifest["dead"]]
        chunks = [chunk_of(self.work, index) for index in again]
        files.delete([path for chunk in chunks for path in (manifest_of(chunk), chunk)])
        return {index: manifest for index, manifest in done.items() if index not in again}

    def _looker(
        self, chunk_of: ChunkOf, shapes: dict[int, str], done: dict[int, Manifest], progress: Progress
    ) -> Callable[[], set[int]]:
        """A function that adds newly finished chunks to `done`, moves the bar, and tells which are finished."""

        def look() -> set[int]:
            missing = {index: shape for index, shape in shapes.items() if index not in done}
            done.update(valid_manifests(self.work, chunk_of, missing))
            progress.show(done)
            return set(done)

        return look

    def _duplicates(self, scripts: dict[int, Manifest]) -> dict[str, str]:
        """Near-duplicates over all scripts: dialogue id -> id of its earliest twin."""
        digest = shape_digest(*(manifest["sha256"] for manifest in scripts.values()))
        path = files.join(self.work, f"duplicates-{digest}.json")
        try:
            if files.exists(path):
                return files.read_sealed(path)
        except DamagedError as error:
            tell(error)
        manifests = list(scripts.values())
        self._run("duplicates", lambda pipeline: build_duplicates(pipeline, manifests, self.work, path))
        return files.read_sealed(path)

    def _perform(
        self, scripts: dict[int, Manifest], twins: dict[str, str]
    ) -> tuple[dict[int, Manifest], list[Counter]]:
        """Takes of all scripts: the manifests of their chunks, and the counters of what ran now."""
        shape = shape_of("perform", self.recipe)
        claim(self.work, "perform", shape, "perform" if self.restart else None)
        jobs = {index: self._job(index, manifest, twins, shape_digest(shape)) for index, manifest in scripts.items()}
        shapes = {index: job.shape for index, job in jobs.items()}
        done = self._kept(take_chunk, sound_manifests(self.work, take_chunk, shapes))
        todo = {index: json.dumps(asdict(job)) for index, job in jobs.items() if index not in done}
        counters: list[Counter] = []
        if todo:
            build = {"recipe": self.recipe.model_dump(mode="json"), "work": self.work, "codec": self._codec}
            dialogues = sum(len(manifest["written"]) for manifest in scripts.values()) - len(twins)
            limits = retry_limits(self.recipe)
            with Progress("perform", dialogues, lambda m: tally_takes(self.work, m, limits)) as progress:
                look = self._looker(take_chunk, shapes, done, progress)
                if self.beam_options is not None:
                    with watching(look):
                        self._perform_there([jobs[index] for index in todo])
                elif self.workers == 0:
                    counters = perform_here(build, list(todo.values()))
                else:
                    # A byte of UTF-8 lasts about as long in Mandarin (three to a syllable) as in English.
                    costs = {index: scripts[index]["text_bytes"] for index in todo}
                    counters = run_workers(build, todo, costs, self.workers, look)
                look()
        if lost := sorted(jobs.keys() - done.keys()):
            raise TroupeError(_ended_without(take_chunk(self.work, lost[0]), len(lost)))
        return dict(sorted(done.items())), counters

    def _perform_there(self, jobs: Sequence[ChunkJob]) -> None:
        """Perform chunks on the runner of the Beam options."""
        limits, codec, hints = retry_limits(self.recipe), self._codec, perform_hints(self.beam_options or ())
        self._run("perform", lambda p: build_perform(p, jobs, self.recipe, limits, self.work, codec, hints))

    def _job(self, index: int, manifest: Manifest, twins: dict[str, str], shape: str) -> ChunkJob:
        mine = tuple(sorted(name for name in manifest["written"] if name in twins))
        digest = shape_digest(shape, manifest["sha256"], *mine)
        return ChunkJob(index, script_chunk(self.work, index), manifest["sha256"], mine, digest)

    @cached_property
    def _codec(self) -> dict[str, Any]:
        """What is needed to decode the codes of this corpus. Raises RecipeError where the codec cannot be had."""
        codec = backend_of("codec", self.recipe)
        names = ("name", "sample_rate", "frame_rate", "num_codebooks", "cardinality")
        return {name: getattr(codec, name) for name in names} | {"revision": codec.fingerprint}

    def _assemble(
        self,
        plans: Sequence[DialoguePlan],
        chunks: dict[int, Chunk],
        twins: dict[str, str],
        limits: Limits,
        counters: list[Counter],
        left_out: Sequence[str],
    ) -> Manifest:
        shard_bytes = int(self.recipe.select.shard_mb * 1e6 * SHARD_SLACK)
        layout = lay_out(plans, chunks, self.work, twins, limits, shard_bytes, left_out)
        digests = {index: (chunk.scripts["sha256"], chunk.takes["sha256"]) for index, chunk in chunks.items()}
        shape = shape_digest(assembly_shape())
        jobs = [
            ShardJob(shard, {i: digests[i] for i, _ in shard.rows}, self._codec, shape, self.work, self.out)
            for shard in layout.shards
        ]
        for folder in (
            files.join(self.work, "shards"),
            *(files.join(self.out, shard.table) for shard in layout.shards),
        ):
            files.make_folder(folder)
        todo = unfinished(jobs)
        stale = self._stale({job.shard.name for job in jobs})
        if todo or stale:
            open_output(self.out, self.recipe.name)
            files.delete(stale)
        finish = FinishCorpus(self.out, self._head(layout), tuple(job.receipt for job in jobs))
        self._run("assemble", lambda pipeline: build_assemble(pipeline, todo, finish))
        if counters:
            files.write_json(files.join(self.work, "counters.json"), counters)
        manifest: Manifest = files.read_sealed(files.join(self.out, "manifest.json"))
        return manifest

    def _head(self, layout: Layout) -> Manifest:
        """The corpus manifest but for its shards."""
        return {
            "troupe": VERSION,
            "complete": True,
            "name": self.recipe.name,
            "recipe": self.recipe.shaping(),
            "codec": self._codec,
            "books": rounded(layout.bookkeeper.books),
            "dead": [asdict(letter) for letter in layout.dead],
        }

    def _stale(self, names: set[str]) -> list[str]:
        """Shards of an earlier cut that this one does not have."""
        present = files.listing(files.join(self.out, "*", "*.arrow"))
        keep = {files.join(self.out, name) for name in names}
        return [path for path in present if path not in keep]


def _ended_without(first: str, count: int) -> str:
    return (
        f"The graph ended without {count} chunks, the first of them {first}. If its workers are on other machines, "
        "--work must be a folder that they see; build again."
    )
