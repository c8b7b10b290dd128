"""`troupe build`: the three graphs in turn, each picking up where an earlier run left off."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipelines import files
from pipelines.assemble import ShardJob, build_assemble, finished, receipts
from pipelines.books import open_accounts, rejected_share, rounded
from pipelines.card import write_card
from pipelines.local import Counter, run_here, run_workers
from pipelines.manifests import Manifest, script_chunk, take_chunk, valid_manifests
from pipelines.perform import ChunkJob, retry_limits
from pipelines.progress import Progress
from pipelines.selection import Chunk, Layout, lay_out
from pipelines.shape import assembly_shape, shape_digest, shape_of
from pipelines.stage_table import backend_of, close_stages
from pipelines.trouble import disk_errors
from pipelines.work_folder import VERSION, Restart, claim, claim_output, claim_work, only_builder, open_output
from pipelines.worker import perform_here
from pipelines.write import build_duplicates, build_write, cut
from schemas.limits import Limits, load_limits
from schemas.recipe import Recipe
from schemas.script import DialoguePlan
from stages.plan_dialogues import plan_dialogues

SHARD_SLACK = 0.9
"""Shards are cut by estimates: aim this far below the limit."""


@dataclass(frozen=True)
class Build:
    """One `troupe build`: where, with how many worker processes (0: in this one), how far, and what to do again."""

    recipe: Recipe
    out: str
    work: str
    workers: int
    until: Literal["scripts"] | None = None
    restart: Restart | None = None

    def run(self) -> Manifest | None:
        """The corpus manifest, or None if only scripts were asked for.

        Raises TroupeError for what the user can mend; then every finished chunk is kept.
        """
        for capability in type(self.recipe.backends).model_fields:
            backend_of(capability, self.recipe)  # a missing extra is an error before any work
        limits = selection_limits(self.recipe)
        plans = plan_dialogues(self.recipe)
        with disk_errors(self.work):
            claim_work(self.work)
            with only_builder(self.work):
                files.sweep(self.work)
                if self.until == "scripts":
                    self._duplicates(self._write(plans))
                    return None
                with disk_errors(self.out):
                    claim_output(self.out, self.recipe.name)
                with only_builder(self.out):
                    return self._build(plans, limits)

    def _build(self, plans: Sequence[DialoguePlan], limits: Limits) -> Manifest:
        """All three graphs, in folders that are ours alone."""
        files.sweep(self.out)
        scripts = self._write(plans)
        twins = self._duplicates(scripts)
        takes, counters = self._perform(scripts, twins)
        chunks = {index: Chunk(scripts[index], takes[index]) for index in scripts}
        with disk_errors(self.out):
            return self._assemble(plans, chunks, twins, limits, counters)

    def _write(self, plans: Sequence[DialoguePlan]) -> dict[int, Manifest]:
        """Scripts of the whole plan: the manifests of their chunks."""
        shape = shape_of("write", self.recipe)
        claim(self.work, "write", shape, self.restart)
        digest = shape_digest(shape)
        chunks = cut(plans, self.recipe.chunk_dialogues)
        expected = {chunk.index: digest for chunk in chunks}
        done = valid_manifests(self.work, script_chunk, expected)
        todo = [chunk for chunk in chunks if chunk.index not in done]
        if todo:
            try:
                run_here(lambda pipeline: build_write(pipeline, todo, self.recipe, self.work, digest))
            finally:
                close_stages()
            done = valid_manifests(self.work, script_chunk, expected)
        return dict(sorted(done.items()))

    def _duplicates(self, scripts: dict[int, Manifest]) -> dict[str, str]:
        """Near-duplicates over all scripts: dialogue id -> id of its earliest twin."""
        digest = shape_digest(*(manifest["sha256"] for manifest in scripts.values()))
        path = files.join(self.work, f"duplicates-{digest}.json")
        if not files.exists(path):
            run_here(lambda pipeline: build_duplicates(pipeline, list(scripts.values()), self.work, path))
        twins: dict[str, str] = files.read_json(path)
        return twins

    def _perform(
        self, scripts: dict[int, Manifest], twins: dict[str, str]
    ) -> tuple[dict[int, Manifest], list[Counter]]:
        """Takes of all scripts: the manifests of their chunks, and the counters of what ran now."""
        shape = shape_of("perform", self.recipe)
        claim(self.work, "perform", shape, "perform" if self.restart else None)
        jobs = {index: self._job(index, manifest, twins, shape_digest(shape)) for index, manifest in scripts.items()}
        done = valid_manifests(self.work, take_chunk, {index: job.shape for index, job in jobs.items()})
        todo = {index: json.dumps(asdict(job)) for index, job in jobs.items() if index not in done}
        counters: list[Counter] = []
        if todo:
            build = {"recipe": self.recipe.model_dump(mode="json"), "work": self.work, "codec": self._codec()}
            dialogues = sum(len(manifest["written"]) for manifest in scripts.values()) - len(twins)

            def look() -> set[int]:
                """The finished chunks; only those not seen before are read."""
                missing = {index: job.shape for index, job in jobs.items() if index not in done}
                done.update(valid_manifests(self.work, take_chunk, missing))
                progress.show(done)
                return set(done)

            with Progress(dialogues, retry_limits(self.recipe)) as progress:
                if self.workers == 0:
                    counters = perform_here(build, list(todo.values()))
                else:
                    # A byte of UTF-8 lasts about as long in Mandarin (three to a syllable) as in English.
                    costs = {index: scripts[index]["text_bytes"] for index in todo}
                    counters = run_workers(build, todo, costs, self.workers, look)
                look()
        return dict(sorted(done.items())), counters

    def _job(self, index: int, manifest: Manifest, twins: dict[str, str], shape: str) -> ChunkJob:
        mine = tuple(sorted(name for name in manifest["written"] if name in twins))
        digest = shape_digest(shape, manifest["sha256"], *mine)
        return ChunkJob(index, script_chunk(self.work, index), manifest["sha256"], mine, digest)

    def _codec(self) -> dict[str, Any]:
        """What is needed to decode the codes of this corpus."""
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
    ) -> Manifest:
        layout = lay_out(plans, chunks, self.work, twins, limits, int(self.recipe.select.shard_mb * 1e6 * SHARD_SLACK))
        digests = {index: (chunk.scripts["sha256"], chunk.takes["sha256"]) for index, chunk in chunks.items()}
        shape = shape_digest(assembly_shape())
        jobs = [
            ShardJob(shard, {i: digests[i] for i, _ in shard.rows}, self._codec(), shape, self.work, self.out)
            for shard in layout.shards
        ]
        for folder in (
            files.join(self.work, "shards"),
            *(files.join(self.out, shard.table) for shard in layout.shards),
        ):
            files.make_folder(folder)
        todo = [job for job in jobs if finished(job) is None]
        stale = self._stale({job.shard.name for job in jobs})
        if todo or stale:
            open_output(self.out, self.recipe.name)
            files.delete(stale)
            run_here(lambda pipeline: build_assemble(pipeline, todo))
        manifest = self._manifest(layout, list(receipts(jobs)))
        write_card(self.out, manifest)
        files.write_json(files.join(self.out, "manifest.json"), manifest)
        if counters:
            files.write_json(files.join(self.work, "counters.json"), counters)
        return manifest

    def _manifest(self, layout: Layout, shards: list[Manifest]) -> Manifest:
        return {
            "troupe": VERSION,
            "complete": True,
            "name": self.recipe.name,
            "recipe": self.recipe.model_dump(mode="json"),
            "codec": self._codec(),
            "books": rounded(layout.bookkeeper.books),
            "dead": [asdict(letter) for letter in layout.dead],
            "shards": [{key: value for key, value in shard.items() if key != "digest"} for shard in shards],
        }

    def _stale(self, names: set[str]) -> list[str]:
        """Shards of an earlier cut that this one does not have."""
        present = files.listing(files.join(self.out, "*", "*.arrow"))
        keep = {files.join(self.out, name) for name in names}
        return [path for path in present if path not in keep]


def selection_limits(recipe: Recipe) -> Limits:
    """The retry limits, with the recipe's selection limits over them."""
    return load_limits(recipe.perform.profile, recipe.perform.entries(), recipe.select.entries())


def remarks(manifest: Manifest) -> list[str]:
    """What a user should know of a finished corpus, in words: dead letters, and hours missing (never topped up)."""
    remarks = []
    if dead := manifest["dead"]:
        first = dead[0]
        where = f"{first['stage']} on {first['record_id']}: {first['cause']}"
        remarks.append(f"{len(dead)} dead letters, listed in manifest.json; the first: {where}")
    for kind, plan in manifest["recipe"]["kinds"].items():
        accounts = [account for key, account in manifest["books"].items() if key.split()[0] == kind]
        hours = sum(account["seconds"]["accepted"] for account in accounts) / 3600
        if plan["hours"] is not None and hours < plan["hours"]:
            remarks.append(f"{kind}: {hours:.2f} of the {plan['hours']:g} hours asked for were accepted.")
    return remarks


def shortfalls(manifest: Manifest) -> list[str]:
    """What is wrong with a finished corpus, in words: open books, too much rejected, an empty split."""
    recipe = Recipe.model_validate(manifest["recipe"])
    wrong = [f"The books do not close: {account}." for account in open_accounts(manifest["books"])]
    share = rejected_share(manifest["books"])
    if share > recipe.select.max_rejected_share:
        wrong.append(
            f"{share:.1%} of the dialogues were rejected, more than select.max_rejected_share = "
            f"{recipe.select.max_rejected_share:.1%}; the rejects table says why."
        )
    filled = {s["file"].split("/")[1].split("-")[0] for s in manifest["shards"] if s["file"].startswith("dialogues/")}
    empty = [split for split in recipe.splits if split not in filled]
    return wrong + [f"Split '{split}' has no dialogue: plan more dialogues, or raise its share." for split in empty]
