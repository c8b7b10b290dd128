"""WebDataset: tar files of one sample an utterance, `KEY.flac`, `KEY.json` and `KEY.npy`, splits apart.

The JSON holds every column but audio and codes, a song's MIDI file in base64; the NumPy array holds the codes, uint16
[T, K], undelayed. All samples have the same three members. The same corpus gives the same bytes.
"""

import base64
import io
import json
import tarfile
from pathlib import Path

import numpy as np

from trainer.export_corpus import NOTICE, Job, Row

MOST_BYTES = 500_000_000
"""Of a tar; a sample larger than that has one to itself."""
BLOCK = 512

_README = """# {name}: WebDataset

{notice}

| file | samples | bytes |
|---|---|---|
{table}

One sample an utterance: `KEY.flac` (24 kHz), `KEY.json` (every column of the table `utterances` but audio and codes;
`midi` in base64) and `KEY.npy` (codes, uint16 [T, {num_codebooks}], undelayed, by the codec `{codec}`).

```python
import webdataset

data = webdataset.WebDataset("train-000000.tar").decode().to_tuple("flac", "json", "npy")
```
"""


def check_folder(out: Path) -> None:
    """Any folder will do."""


def export(job: Job) -> list[str]:
    """Write the tars and a README."""
    written: list[tuple[str, int, int]] = []
    for split in job.corpus.splits:
        tars = _Tars(job.folder, split)
        for row in job.corpus.rows("utterances", split):
            tars.add(members(row))
            job.tick(1)
        tars.close()
        written += tars.written
    table = "\n".join(f"| `{name}` | {samples} | {size} |" for name, samples, size in written)
    codec = job.corpus.codec
    text = _README.format(
        name=job.corpus.name, notice=NOTICE, table=table, codec=codec["name"], num_codebooks=codec["num_codebooks"]
    )
    (job.folder / "README.md").write_text(text, encoding="utf-8")
    return [f"{name}: {samples} samples, {size} bytes" for name, samples, size in written]


def members(row: Row) -> list[tuple[str, bytes]]:
    """Names and contents of one sample."""
    key = row["utterance_id"]
    told = {name: value for name, value in row.items() if name not in ("audio", "codes", "midi")}
    midi = row.get("midi")
    told["midi"] = None if midi is None else base64.b64encode(midi).decode()
    codes = io.BytesIO()
    np.save(codes, np.asarray(row["codes"], dtype=np.uint16))
    text = json.dumps(told, ensure_ascii=False, allow_nan=False)
    return [(f"{key}.flac", row["audio"]["bytes"]), (f"{key}.json", text.encode()), (f"{key}.npy", codes.getvalue())]


class _Tars:
    """The tars of one split, the next begun when one is full."""

    def __init__(self, folder: Path, split: str) -> None:
        self.folder, self.split = folder, split
        self.written: list[tuple[str, int, int]] = []
        self._tar: tarfile.TarFile | None = None
        self._samples = self._size = 0

    def add(self, sample: list[tuple[str, bytes]]) -> None:
        size = sum(BLOCK + -(-len(data) // BLOCK) * BLOCK for _, data in sample)
        if self._tar is not None and self._size + size > MOST_BYTES:
            self.close()
        if self._tar is None:
            self._tar = tarfile.open(self._path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 (closed in close)
        for name, data in sample:
            self._tar.addfile(_header(name, len(data)), io.BytesIO(data))
        self._samples += 1
        self._size += size

    def close(self) -> None:
        if self._tar is not None:
            self._tar.close()
            self.written.append((self._path.name, self._samples, self._path.stat().st_size))
        self._tar, self._samples, self._size = None, 0, 0

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.split}-{len(self.written):06d}.tar"


def _header(name: str, size: int) -> tarfile.TarInfo:
    """Nobody's file, of no time."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info
