"""Which shards need not be written again: those with a sound receipt and sound bytes."""

from collections.abc import Mapping, Sequence

from pipelines import files
from pipelines.assemble import ShardJob
from pipelines.manifests import Manifest
from pipelines.trouble import tell
from schemas.errors import DamagedError


def unfinished(jobs: Sequence[ShardJob]) -> list[ShardJob]:
    """The jobs whose shards do not lie there as they would write them. What is damaged is told, a line a file."""
    if not jobs:
        return []
    shards = {job.receipt: files.join(job.out, job.shard.name) for job in jobs}
    sizes = files.listing(files.join(jobs[0].work_folder, "shards", "*"))
    sizes |= files.listing(files.join(jobs[0].out, "*", "*"))
    receipts: dict[str, Manifest] = {}
    for job in jobs:
        try:
            receipt = read_receipt(job.receipt, shards[job.receipt], sizes)
        except DamagedError as error:
            tell(error)
        else:
            if receipt is not None and receipt["digest"] == job.digest:
                receipts[job.receipt] = receipt
    written = [shards[path] for path in receipts]
    for path, shard, digest in zip(list(receipts), written, files.sha256_of(written), strict=True):
        if digest != receipts[path]["sha256"]:
            tell(DamagedError(f"{shard}: damaged: its sha256 is not the one in its receipt"))
            del receipts[path]
    return [job for job in jobs if job.receipt not in receipts]


def read_receipt(path: str, shard: str, sizes: Mapping[str, int]) -> Manifest | None:
    """The receipt of a shard, of whose bytes only the number is checked; None if neither file is among `sizes`.

    Raises DamagedError that names the one that is missing, cut short or damaged.
    """
    if path not in sizes:
        if shard in sizes:
            raise DamagedError(f"{path}: missing, though its shard is there")
        return None
    receipt = files.read_sealed(path)
    if shard not in sizes:
        raise DamagedError(f"{shard}: missing, though its receipt is there")
    if sizes[shard] != receipt["bytes"]:
        raise DamagedError(f"{shard}: damaged: {sizes[shard]} bytes long, its receipt says {receipt['bytes']}")
    return receipt
