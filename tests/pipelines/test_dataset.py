"""What a trainer gets: load_dataset on the folder, whole and streaming, without an audio decoder."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from datasets import get_dataset_config_names, load_dataset

SPLITS = {"train": 6, "validation": 4, "test": 2}


@pytest.fixture
def corpus(build: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    build()
    return str(tmp_path / "corpus")


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("table", ["dialogues", "utterances"])
def test_every_row_comes_back(corpus: str, tmp_path: Path, table: str, streaming: bool) -> None:
    loaded = load_dataset(corpus, table, streaming=streaming, cache_dir=str(tmp_path / "cache"))
    rows = {split: list(dataset) for split, dataset in loaded.items()}
    per_dialogue = 1 if table == "dialogues" else 2
    assert sum(len(r) for r in rows.values()) == 12 * per_dialogue
    assert all(row["split"] == split for split, found in rows.items() for row in found)
    assert "torchcodec" not in sys.modules


def test_codes_are_uint16_frames_by_codebooks(corpus: str, tmp_path: Path) -> None:
    dataset = load_dataset(corpus, "utterances", split="train", cache_dir=str(tmp_path / "cache"))
    assert dataset[0]["codec"] == {
        "name": "fake",
        "revision": "fake-1",
        "sample_rate": 16_000,
        "frame_rate": 12.5,
        "num_codebooks": 8,
        "cardinality": 1024,
    }
    codes = dataset.select_columns("codes").with_format("numpy", dtype=np.uint16)[0]["codes"]
    assert (codes.dtype, codes.shape) == (np.uint16, (19, 8))
    turns = load_dataset(corpus, "dialogues", split="train", cache_dir=str(tmp_path / "cache"))[0]["turns"]
    assert np.asarray(turns[0]["codes"], dtype=np.uint16).shape == (19, 8)


def test_audio_opens_and_lasts_as_long_as_its_row_says(corpus: str, tmp_path: Path) -> None:
    for row in load_dataset(corpus, "utterances", split="train", streaming=True):
        samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")
        assert rate == 24_000
        assert len(samples) / rate == pytest.approx(row["duration_s"], abs=1e-9)


def test_a_table_without_rows_is_not_in_the_card(corpus: str) -> None:
    assert not (Path(corpus) / "rejects").exists()
    assert get_dataset_config_names(corpus) == ["dialogues", "utterances"]


def test_the_card_says_what_the_voices_are(corpus: str) -> None:
    card = (Path(corpus) / "README.md").read_text()
    assert "All voices are synthetic" in card
    assert "conversation en dialogues" in card
