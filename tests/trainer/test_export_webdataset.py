"""WebDataset, read with tarfile as its readers do: members of one sample stand together under one key."""

import base64
import io
import json
import tarfile
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.score_midi import from_midi
from trainer import export_webdataset
from trainer.export import export
from trainer.export_corpus import open_corpus


def samples(tar: Path) -> list[tuple[str, dict[str, bytes]]]:
    with tarfile.open(tar) as archive:
        members = [(one.name, archive.extractfile(one)) for one in archive.getmembers()]
        pairs = [(*name.split(".", 1), stream.read()) for name, stream in members if stream]
    return [(key, {end: data for _, end, data in group}) for key, group in groupby(pairs, key=lambda pair: pair[0])]


def test_each_utterance_is_a_sample_of_three_members(corpus_folder: Path, tmp_path: Path) -> None:
    export(str(corpus_folder), str(tmp_path / "out"), "webdataset")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md",
        "test-000000.tar",
        "train-000000.tar",
    ]
    for split in ("train", "test"):
        rows = list(open_corpus(str(corpus_folder)).rows("utterances", split))
        for (key, members), row in zip(samples(tmp_path / "out" / f"{split}-000000.tar"), rows, strict=True):
            assert key == row["utterance_id"]
            assert list(members) == ["flac", "json", "npy"]
            assert members["flac"] == row["audio"]["bytes"]
            codes = np.load(io.BytesIO(members["npy"]))
            assert (codes.dtype, codes.tolist()) == (np.uint16, row["codes"])
            told: dict[str, Any] = json.loads(members["json"])
            midi = told.pop("midi")
            assert told == {name: value for name, value in row.items() if name not in ("audio", "codes", "midi")}
            assert (midi is None) == (row["song"] is None)
            if midi is not None:
                assert len(from_midi(base64.b64decode(midi)).notes) == 3


def test_a_full_tar_is_followed_by_another(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_webdataset, "MOST_BYTES", 200_000)
    lines = export(str(corpus_folder), str(tmp_path / "out"), "webdataset")
    tars = sorted((tmp_path / "out").glob("train-*.tar"))
    assert [tar.name for tar in tars] == [f"train-{index:06d}.tar" for index in range(len(tars))]
    assert len(tars) > 2
    keys = [key for tar in tars for key, _ in samples(tar)]
    assert keys == [row["utterance_id"] for row in open_corpus(str(corpus_folder)).rows("utterances", "train")]
    assert lines[-1] == f"{tars[-1].name}: {len(samples(tars[-1]))} samples, {tars[-1].stat().st_size} bytes"
    # What a tar holds beyond its samples: two empty blocks, and zeros up to a record.
    assert all(tar.stat().st_size <= 200_000 + 1024 + tarfile.RECORDSIZE for tar in tars)


def test_members_are_nobodys_and_of_no_time(corpus_folder: Path, tmp_path: Path) -> None:
    export(str(corpus_folder), str(tmp_path / "out"), "webdataset")
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as archive:
        for one in archive.getmembers():
            assert (one.mtime, one.uid, one.gid, one.uname, one.gname, one.mode) == (0, 0, 0, "", "", 0o644)
