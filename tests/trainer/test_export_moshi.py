"""Stereo dialogues with the transcripts that moshi-finetune opens beside them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from trainer.export import export
from trainer.export_corpus import open_corpus, samples_of


@pytest.fixture(scope="module")
def out(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("moshi") / "out"
    export(str(corpus_folder), str(folder), "moshi")
    return folder


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_manifest_names_every_dialogue_and_how_long_it_is(corpus_folder: Path, out: Path) -> None:
    entries = lines(out / "data.jsonl")
    assert entries == lines(out / "data-test.jsonl") + lines(out / "data-train.jsonl")
    rows = [row for split in ("test", "train") for row in open_corpus(str(corpus_folder)).rows("dialogues", split)]
    for entry, row in zip(entries, rows, strict=True):
        assert entry.keys() == {"path", "duration"}
        assert entry["path"] == f"data_stereo/{row['dialogue_id']}.wav"
        information = soundfile.info(out / entry["path"])
        assert (information.samplerate, information.channels, information.subtype) == (24_000, 2, "PCM_16")
        assert entry["duration"] == information.duration == pytest.approx(row["duration_s"], abs=2e-3)


def test_every_turn_sounds_on_its_side_where_it_falls(corpus_folder: Path, out: Path) -> None:
    for row, utterances in open_corpus(str(corpus_folder)).dialogues("train"):
        samples, _ = soundfile.read(out / "data_stereo" / f"{row['dialogue_id']}.wav", dtype="int16")
        expected = np.zeros((len(samples), 2), np.int32)
        for turn, utterance in zip(row["turns"], utterances, strict=True):
            clip = samples_of(utterance["audio"]["bytes"])
            start = round(turn["start_s"] * 1000) * 24
            expected[start : start + len(clip), 0 if turn["role"] == "assistant" else 1] += clip
        assert np.array_equal(samples, expected)
        starts = {turn["overlap"]: turn["start_s"] for turn in row["turns"]}
        ends = [turn["start_s"] + turn["duration_s"] for turn in row["turns"]]
        assert starts["backchannel"] < ends[1] or row["kind"] == "singing"  # both sides sound at once
        assert starts["interrupts"] < max(ends[:-2])


def test_words_of_the_assistant_are_the_main_speakers_and_all_are_sorted(corpus_folder: Path, out: Path) -> None:
    for row in open_corpus(str(corpus_folder)).rows("dialogues", "train"):
        told = json.loads((out / "data_stereo" / f"{row['dialogue_id']}.json").read_text(encoding="utf-8"))
        starts = [start_s for _, (start_s, _), _ in told["alignments"]]
        assert starts == sorted(starts)
        assert all(start_s < end_s for _, (start_s, end_s), _ in told["alignments"])
        for role, who in (("assistant", "SPEAKER_MAIN"), ("user", "SPEAKER_OTHER")):
            space = " " if row["language"] == "en" else ""
            said = sorted((turn["start_s"], turn["spoken"]) for turn in row["turns"] if turn["role"] == role)
            words = [word for word, _, speaker in told["alignments"] if speaker == who]
            assert sorted("".join(words)) == sorted("".join(text for _, text in said).replace(" ", ""))
            if row["kind"] != "singing" and role == "assistant":  # none of its turns overlap
                assert space.join(words).replace(" ", "") == "".join(text for _, text in said).replace(" ", "")
        for turn in row["turns"]:
            end_s = turn["start_s"] + turn["duration_s"] + 1e-3
            mine = [one for one in told["turns"] if one["utterance_id"] == turn["utterance_id"]]
            assert [one["start_s"] for one in mine] == [turn["start_s"]]
            assert any(turn["start_s"] <= start_s < end_s for start_s in starts)


def test_it_says_where_the_times_of_words_come_from(corpus_folder: Path, out: Path) -> None:
    bases = [turn["words"] for path in out.rglob("*.json") for turn in json.loads(path.read_text())["turns"]]
    assert {basis: bases.count(basis) for basis in sorted(set(bases))} == {"notes": 4, "spread": 55}
    text = (out / "README.md").read_text(encoding="utf-8")
    assert "Where the times of words come from: 4 turns by notes, 55 turns by spread." in text


def test_phones_lie_where_the_turns_lie() -> None:
    from trainer.export_moshi import transcript

    phones = [{"label": "h", "start_s": 0.1, "end_s": 0.2}, {"label": "aI", "start_s": 0.2, "end_s": 0.4}]
    row = {"spoken": "Hi.", "language": "en", "phones": phones, "score": None, "duration_s": 0.5, "measures": {}}
    turn = {"utterance_id": "t", "role": "user", "overlap": "none", "start_s": 2.5, "duration_s": 0.5, "text": "Hi."}
    dialogue = {"dialogue_id": "d", "kind": "conversation", "language": "en", "split": "train", "turns": [turn]}
    assert transcript(dialogue, [row]) == {
        "dialogue_id": "d",
        "kind": "conversation",
        "language": "en",
        "split": "train",
        "alignments": [["Hi.", [2.6, 2.9], "SPEAKER_OTHER"]],
        "phones": [["h", [2.6, 2.7], "SPEAKER_OTHER"], ["aI", [2.7, 2.9], "SPEAKER_OTHER"]],
        "turns": [turn | {"words": "phones"}],
    }
