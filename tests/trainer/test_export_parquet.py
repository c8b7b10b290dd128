"""Parquet as a user loads it."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import get_dataset_config_names, load_dataset

from schemas.errors import DamagedError
from trainer import export_parquet
from trainer.export import export
from trainer.export_corpus import open_corpus


@pytest.fixture(scope="module")
def parquet(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("parquet") / "out"
    export(str(corpus_folder), str(out), "parquet")
    return out


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("table", ["dialogues", "utterances", "rejects"])
def test_every_row_comes_back(
    corpus_folder: Path, parquet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, streaming: bool
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    loaded = load_dataset(str(parquet), table, streaming=streaming, cache_dir=str(tmp_path / "cache"))
    whole = load_dataset(str(corpus_folder), table, streaming=streaming, cache_dir=str(tmp_path / "cache"))
    assert loaded.keys() == whole.keys() == ({"train"} if table == "rejects" else {"train", "test"})
    for split in loaded:
        assert loaded[split].features == whole[split].features
        assert list(loaded[split]) == list(whole[split])
    assert "torchcodec" not in sys.modules


def test_it_is_parquet_that_is_loaded_and_codes_keep_their_type(parquet: Path, corpus_folder: Path) -> None:
    assert get_dataset_config_names(str(parquet)) == ["dialogues", "rejects", "utterances"]
    assert not list(parquet.rglob("*.arrow"))
    (path,) = (parquet / "utterances").glob("train-*.parquet")
    table = pq.read_table(path)
    row = next(open_corpus(str(corpus_folder)).rows("utterances", "train"))
    assert str(table.schema.field("codes").type.value_type) == "fixed_size_list<element: uint16>[8]"
    assert np.array_equal(table.column("codes")[0].as_py(), row["codes"])
    assert table.column("audio")[0].as_py() == row["audio"]
    assert {b"huggingface", b"troupe"} <= table.schema.metadata.keys()
    text = (parquet / "README.md").read_text(encoding="utf-8")
    assert ".arrow" not in text.split("---")[1]
    assert "cc0-1.0" in text


def test_row_groups_are_cut_by_rows_and_not_by_chunks(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_parquet, "ROWS_A_GROUP", 12)
    export(str(corpus_folder), str(tmp_path / "out"), "parquet")
    (path,) = (tmp_path / "out" / "utterances").glob("train-*.parquet")
    told = pq.read_metadata(path)
    assert [told.row_group(index).num_rows for index in range(told.num_row_groups)] == [12, 12, 8]
    ids = [row["utterance_id"] for row in open_corpus(str(corpus_folder)).rows("utterances", "train")]
    assert pq.read_table(path).column("utterance_id").to_pylist() == ids


def test_a_corpus_without_its_card_is_refused(corpus_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(corpus_folder, tmp_path / "copy"))
    (copy / "README.md").write_text("---\nnothing: here\n---\n")
    with pytest.raises(DamagedError, match=r"README.md: missing or damaged"):
        export(str(copy), str(tmp_path / "out"), "parquet")
    assert not (tmp_path / "out").exists()
