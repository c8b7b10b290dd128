"""Parquet: the three tables shard by shard, with the feature metadata that `datasets` needs and a card that finds them.

What Arrow's stream format cannot give is what this is for: the Hub's viewer, column pruning, and other readers.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import DatasetCard

from schemas.columns import TABLES
from schemas.errors import DamagedError
from trainer.export_corpus import ANEW, Job, Shard, opened

ROWS_A_GROUP = 100
"""As the Hub recommends for audio: its viewer reads whole groups."""


def check_folder(out: Path) -> None:
    """Any folder will do."""


def export(job: Job) -> list[str]:
    """Write the shards of all tables, and the corpus's card with their paths and sizes."""
    lines = []
    sizes: dict[tuple[str, str], int] = {}
    for table in TABLES:
        rows = size = 0
        for shard in job.corpus.shards(table):
            written = _write(job, shard)
            sizes[table, shard.split] = sizes.get((table, shard.split), 0) + written
            rows, size = rows + shard.rows, size + written
        lines.append(f"{table}: {rows} rows, {size} bytes")
    _write_card(job, sizes)
    return lines


def _write(job: Job, shard: Shard) -> int:
    """One shard; returns its size in bytes."""
    path = job.folder / shard.table / f"{shard.path.stem}.parquet"
    path.parent.mkdir(exist_ok=True)
    with opened(shard) as reader, pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
        for group in _groups(reader):
            writer.write_table(group)
            job.tick(group.num_rows)
    return path.stat().st_size


def _groups(reader: pa.RecordBatchStreamReader) -> Iterator[pa.Table]:
    """The rows by hundreds, however many a batch has."""
    waiting = reader.schema.empty_table()
    for batch in reader:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
        while waiting.num_rows >= ROWS_A_GROUP:
            yield waiting.slice(0, ROWS_A_GROUP)
            waiting = waiting.slice(ROWS_A_GROUP)
    if waiting.num_rows:
        yield waiting


def _write_card(job: Job, sizes: dict[tuple[str, str], int]) -> None:
    source = job.corpus.folder / "README.md"
    try:
        card = DatasetCard(source.read_text(encoding="utf-8"))
        head: dict[str, Any] = card.data.to_dict()  # type: ignore[no-untyped-call]
        for config in head["configs"]:
            for files in config["data_files"]:
                files["path"] = files["path"].removesuffix(".arrow") + ".parquet"
        for info in head["dataset_info"]:
            _resize(info, sizes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{source}: missing or damaged: it is not the card that was written; {ANEW}.") from error
    for key in ("configs", "dataset_info"):
        setattr(card.data, key, head[key])
    card.save(job.folder / "README.md")


def _resize(info: dict[str, Any], sizes: dict[tuple[str, str], int]) -> None:
    """What is to be downloaded; what the rows take in memory stays as it is."""
    info["download_size"] = sum(size for (table, _), size in sizes.items() if table == info["config_name"])
