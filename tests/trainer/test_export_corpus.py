"""Rows as the exports read them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from schemas.errors import DamagedError
from trainer.export_corpus import open_corpus, samples_of


def test_a_corpus_tells_its_codec_splits_and_back_ends(corpus_folder: Path) -> None:
    corpus = open_corpus(str(corpus_folder))
    assert (corpus.name, corpus.splits) == ("fake", ["test", "train"])
    assert (corpus.codec["name"], corpus.codec["num_codebooks"]) == ("fake", 8)
    assert (corpus.backend("speaker"), corpus.backend("nothing")) == ("fake", "")


def test_dialogues_come_with_their_utterances_and_without_codes(corpus_folder: Path) -> None:
    corpus = open_corpus(str(corpus_folder))
    for split in corpus.splits:
        rows = list(corpus.rows("utterances", split, ["utterance_id", "split", "no such column"]))
        assert {row["split"] for row in rows} == {split}
        seen = []
        for dialogue, utterances in corpus.dialogues(split):
            assert [turn["utterance_id"] for turn in dialogue["turns"]] == [row["utterance_id"] for row in utterances]
            assert all("codes" not in turn and turn["text"] for turn in dialogue["turns"])
            assert all(row["codes"] and row["audio"]["bytes"] for row in utterances)
            seen += [row["utterance_id"] for row in utterances]
        assert sorted(seen) == sorted(row["utterance_id"] for row in rows)


def test_a_turn_without_its_utterance_is_named(corpus_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(corpus_folder, tmp_path / "copy"))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["shards"] = [one for one in manifest["shards"] if not one["file"].startswith("utterances/train")]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedError, match=r"a turn of \S+-train-000000 is missing; build again"):
        list(open_corpus(str(copy)).dialogues("train"))


def test_only_mono_at_24_khz_is_audio_of_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros((10, 2), np.int16), 16_000)
    with pytest.raises(DamagedError, match="16000 Hz with shape"):
        samples_of(path.read_bytes())
