"""A corpus of singing on the fakes: what its rows say of songs, scores and notes, and whether `verify` believes it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.manifests import Manifest
from pipelines.replay import replay
from pipelines.show import rows_of
from pipelines.verify import verify
from pipelines.verify_rows import check_song
from schemas.score import Note
from schemas.score_midi import from_midi
from tests.fakes import ToneSinging
from tests.pipelines.conftest import fake_recipe


@pytest.fixture
def manifest(build: Callable[..., Any]) -> Manifest:
    kinds = {"singing": {"dialogues": 6, "languages": {"en": 1}, "user_voices": 6, "assistant_voices": 3, "songs": 9}}
    made: Manifest = build(fake_recipe(kinds=kinds, select={"max_rejected_share": 1.0}))
    return made


def table(tmp_path: Path, manifest: Manifest, name: str) -> list[dict[str, Any]]:
    return list(rows_of(str(tmp_path / "corpus"), manifest, name))


def test_a_sung_turn_has_its_song_score_and_midi(manifest: Manifest, tmp_path: Path) -> None:
    rows = table(tmp_path, manifest, "utterances")
    sung, spoken = ([row for row in rows if (row["song"] is not None) == wanted] for wanted in (True, False))
    assert (len(sung), len(spoken)) == (6, 12)
    assert all(row["score"] is None and row["midi"] is None for row in spoken)
    for row in sung:
        assert (row["song"]["title"], row["song"]["hummed"], row["text"]) == ("La", False, "La la la.")
        score = row["score"]
        assert (score["tempo_bpm"], score["tonic"], score["score_start_s"]) == (60, "C", ToneSinging.lead_s)
        assert [note["midi"] for note in score["notes"]] == [60, 62, 64]
        assert [(note["start_s"], note["end_s"]) for note in score["notes"]] == [(0.2, 1.2), (1.2, 2.2), (2.2, 3.2)]
        assert all(abs(note["pitch_error_cents"]) < 2 for note in score["notes"])
        written = from_midi(row["midi"])
        assert written.notes == tuple(Note(**{key: note[key] for key in Note.model_fields}) for note in score["notes"])
        assert row["measures"]["raw_pitch_accuracy"] > 0.95
        assert row["measures"]["worst_note_cents"] < 2
        assert row["duration_s"] == pytest.approx(3.4)


def test_a_sung_turn_of_a_dialogue_has_its_score(manifest: Manifest, tmp_path: Path) -> None:
    scores = {row["utterance_id"]: row["score"] for row in table(tmp_path, manifest, "utterances")}
    turns = [turn for row in table(tmp_path, manifest, "dialogues") for turn in row["turns"]]
    assert sum(turn["score"] is not None for turn in turns) == 6
    assert all(turn["score"] == scores[turn["utterance_id"]] for turn in turns)


def test_what_is_said_and_then_sung_is_one_message(manifest: Manifest, tmp_path: Path) -> None:
    (row, *_) = table(tmp_path, manifest, "dialogues")
    assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
    said, sung = row["messages"][1]["content"].split("\n")
    assert (said, sung) == (row["turns"][1]["text"], "La la la.")
    assert [turn["song"] is not None for turn in row["turns"]] == [False, False, True]
    assert row["turns"][2]["song"]["song_id"] == row["scene"]


def test_it_verifies_and_a_take_is_replayed_to_the_bit(manifest: Manifest, tmp_path: Path) -> None:
    assert verify(str(tmp_path / "corpus")) == []
    sung = next(row for row in table(tmp_path, manifest, "utterances") if row["song"] is not None)
    assert replay(str(tmp_path / "corpus.work"), sung["take_id"]).same


def test_a_song_whose_columns_disagree_is_named(manifest: Manifest, tmp_path: Path) -> None:
    row = next(row for row in table(tmp_path, manifest, "utterances") if row["song"] is not None)
    higher = [row["score"]["notes"][0] | {"midi": 61}, *row["score"]["notes"][1:]]
    for change, fault in (
        ({"midi": None}, "of song, score and midi some are there and some are not"),
        ({"midi": b"MThd"}, "its MIDI file does not open"),
        ({"score": row["score"] | {"notes": higher}}, "its MIDI file has other notes than its score"),
        ({"score": row["score"] | {"score_start_s": 9.0}}, "its score ends at 12.00 s, its audio at 3.40 s"),
    ):
        (found,) = check_song(row | change)
        assert fault in found
    assert list(check_song(row)) == []
