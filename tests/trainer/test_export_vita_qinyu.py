"""The export as VITA-QinYu's own loader meets it: every row is read, none is lost."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from schemas.errors import FolderError, RecipeError
from tests.trainer.qinyu_loader import Loader
from trainer import export_vita_qinyu
from trainer.export import export
from trainer.export_corpus import open_corpus, samples_of

SUNG, NOISY = "sung, not read", "heard in a room, over noise"


@pytest.fixture(scope="module")
def out(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qinyu") / "out"
    export(str(corpus_folder), str(folder), "vita-qinyu")
    return folder


def changed(corpus_folder: Path, tmp_path: Path, speaker: str, codec: dict[str, Any]) -> Path:
    """A copy of the corpus that says it was made by other back ends."""
    copy = Path(shutil.copytree(corpus_folder, tmp_path / "copy"))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["recipe"]["backends"]["speaker"]["name"] = speaker
    manifest["codec"] |= codec
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


@pytest.mark.parametrize("split", ["train", "test"])
def test_its_loader_reads_every_row(corpus_folder: Path, out: Path, split: str) -> None:
    corpus = open_corpus(str(corpus_folder))
    utterances = list(corpus.rows("utterances", split))
    answers = Counter(
        row["kind"]
        for row in corpus.rows("dialogues", split)
        for message in row["messages"]
        if message["role"] == "assistant"
    )
    sung = sum(row["song"] is not None for row in utterances)
    unfit = sum(row["song"] is not None or row["surroundings"] is not None for row in utterances)
    expected = {"tts": len(utterances) - unfit, "asr": len(utterances) - sung, **answers}
    samples = Loader(out / f"dataset-{split}.yaml").samples()
    assert Counter(sample["file"].split("-")[0] for sample in samples) == expected
    assert all(sample["file"] == f"{sample['file'].split('-')[0]}-{split}.jsonl" for sample in samples)
    left = [json.loads(line) for line in (out / "left_out.jsonl").read_text().splitlines()]
    reasons = Counter((one["type"], one["reason"]) for one in left if one["split"] == split)
    assert reasons == {("asr", SUNG): sung, ("tts", SUNG): sung, ("tts", NOISY): unfit - sung}


def test_samples_of_each_type(corpus_folder: Path, out: Path) -> None:
    samples = {(one["file"], one["id"]): one for one in Loader(out / "dataset-train.yaml").samples()}
    rows = {row["dialogue_id"]: row for row in open_corpus(str(corpus_folder)).rows("dialogues", "train")}
    name = "conversation-zh-train-000000"
    said = [message["content"] for message in rows[name]["messages"]]
    wavs = [str(out / "wavs" / name / f"{name}-t{turn:02d}.wav") for turn in range(5)]
    tts = samples["tts-train.jsonl", f"{name}-t04"]
    assert [one["content"] for one in tts["messages"]][1:] == [
        "Convert the text to speech.\n就是，[sigh]这些。",
        "就是，[sigh]这些。<|end_of_conv|><|audio|>",
    ]
    assert tts["audios"] == [wavs[4]]
    asr = samples["asr-train.jsonl", f"{name}-t02"]
    assert [one["content"] for one in asr["messages"]] == ["Convert the speech to text.\n<|audio|>", "嗯"]
    last = samples["conversation-train.jsonl", f"{name}-m03"]
    assert [(one["role"], one["content"]) for one in last["messages"]][1:] == [
        ("user", "<|audio|>"),
        ("assistant", said[1]),
        ("user", "<|audio|>"),
        ("assistant", f"{said[3]}<|end_of_conv|><|audio|>"),
    ]
    assert said[1].endswith("。当然， 是的。")  # the laugh, which the voice cannot do, is not in the text
    assert last["audios"] == [wavs[0], wavs[3], wavs[4]]  # not the back-channel
    assert last["speaker_wav"] == wavs[1]
    assert last["tokens"] < 400
    name = "singing-en-train-000000"
    sung = samples["singing-train.jsonl", f"{name}-m01"]
    assert sung["messages"][-1]["content"].endswith("\nLa la la.<|end_of_conv|><|audio|>")
    assert [len(group) for group in sung["audio_groups"]] == [
        1,
        2,
    ]  # what is said and what is sung, one after the other
    played = samples["roleplay-train.jsonl", "roleplay-en-train-000000-m01"]
    assert played["messages"][0]["content"] == rows["roleplay-en-train-000000"]["messages"][0]["content"]
    assert played["messages"][0]["content"].count("<|speaker|>") == 1


def test_a_voice_is_heard_in_a_clean_spoken_turn_of_its_own(corpus_folder: Path, out: Path) -> None:
    rows = {row["utterance_id"]: row for row in open_corpus(str(corpus_folder)).rows("utterances", "train")}
    for sample in Loader(out / "dataset-train.yaml").samples():
        assert ("speaker_wav" in sample) == (not sample["file"].startswith("asr"))
        assert sample["speaker"] is None
        if "speaker_wav" in sample:
            heard, target = (rows[Path(path).stem] for path in (sample["speaker_wav"], sample["audios"][-1]))
            assert heard["character"]["character_id"] == target["character"]["character_id"]
            assert heard["song"] is None


def test_wavs_are_the_rows_audio(corpus_folder: Path, out: Path) -> None:
    rows = [row for split in ("train", "test") for row in open_corpus(str(corpus_folder)).rows("utterances", split)]
    assert len(list(out.rglob("*.wav"))) == len(rows)
    for row in rows:
        path = out / "wavs" / row["dialogue_id"] / f"{row['utterance_id']}.wav"
        samples, rate = soundfile.read(path, dtype="int16")
        assert rate == 24_000
        assert np.array_equal(samples, samples_of(row["audio"]["bytes"]))
    assert not [*out.rglob("*.pt"), *(out / "wavs").rglob("*.json")]


def test_foreign_caches_only_when_asked_for_and_with_a_warning(corpus_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(str(corpus_folder), str(out), "vita-qinyu", True)
    for name in ("README.md", "dataset-train.yaml", "dataset-test.yaml"):
        text = (out / name).read_text(encoding="utf-8")
        assert "Foreign caches: the codes or voice vectors beside the WAVs are those of fake and fake," in text
    assert Loader(out / "dataset-train.yaml").samples()
    assert not (out / "speakers.pt").exists()
    row = next(open_corpus(str(corpus_folder)).rows("utterances", "train"))
    stem = out / "wavs" / row["dialogue_id"] / row["utterance_id"]
    pairs = json.loads(Path(f"{stem}_xytokenizer.json").read_text())
    assert [codebook for codebook, _ in pairs] == list(range(8)) * len(row["codes"])
    assert np.reshape([code for _, code in pairs], (-1, 8)).tolist() == row["codes"]
    assert torch.load(f"{stem}_speaker.pt").tolist() == row["character"]["speaker_vector"]


def test_the_originals_own_codes_and_vectors_are_caches_and_a_dictionary(corpus_folder: Path, tmp_path: Path) -> None:
    copy, out = changed(corpus_folder, tmp_path, "campplus", {"name": "xy-tokenizer"}), tmp_path / "out"
    export(str(copy), str(out), "vita-qinyu")
    assert "Foreign" not in (out / "README.md").read_text(encoding="utf-8")
    wavs = list(out.rglob("*.wav"))
    assert len(list(out.rglob("*_xytokenizer.json"))) == len(list(out.rglob("*_speaker.pt"))) == len(wavs) == 59
    dictionary = torch.load(out / "speakers.pt")
    assert {vector.dtype for vector in dictionary.values()} == {torch.float32}
    for split in ("train", "test"):
        samples = Loader(out / f"dataset-{split}.yaml", set(dictionary)).samples()
        assert all((sample["speaker"] in dictionary) != sample["file"].startswith("asr") for sample in samples)
        assert Loader(out / f"dataset-{split}.yaml").samples()  # without the dictionary there is still the file


def test_codes_that_do_not_fit_its_tokens_are_refused(corpus_folder: Path, tmp_path: Path) -> None:
    copy = changed(corpus_folder, tmp_path, "fake", {"name": "mimi", "cardinality": 2048})
    with pytest.raises(RecipeError, match="codes of 'mimi' have 8 codebooks of 2048, the loader knows 8 of 1024 only"):
        export(str(copy), str(tmp_path / "out"), "vita-qinyu", True)
    export(str(copy), str(tmp_path / "out"), "vita-qinyu")


def test_a_voice_that_is_nowhere_to_be_heard_is_no_silent_loss(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_vita_qinyu, "_voices", lambda corpus, split: {})
    lines = export(str(corpus_folder), str(tmp_path / "out"), "vita-qinyu")
    assert "roleplay train: 0 samples, left out 4: 4 a voice without a turn to hear it in" in lines
    assert {sample["file"] for sample in Loader(tmp_path / "out" / "dataset-train.yaml").samples()} == {
        "asr-train.jsonl"
    }


@pytest.mark.parametrize("name", ["raw:0:1", "a:b", "my.jsonl.d"])
def test_a_path_that_its_loader_would_misread_is_refused(corpus_folder: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(FolderError, match=r"which VITA-QinYu's loader .*; name another folder"):
        export(str(corpus_folder), str(tmp_path / name), "vita-qinyu")
    assert not list(tmp_path.iterdir())
