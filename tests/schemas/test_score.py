"""Scores: what is music, what is refused and why, and the words as they are written."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.score import Score, lyric


def note(midi: int, onset: float, beats: float, syllable: str = "la", **rest: Any) -> dict[str, Any]:
    return {"midi": midi, "onset_beats": onset, "duration_beats": beats, "syllable": syllable, **rest}


def score(*notes: dict[str, Any], **rest: Any) -> Score:
    return Score.model_validate({"tempo_bpm": 120, "tonic": "C", "notes": notes, **rest})


RIVER = (
    note(60, 0, 1, "riv-", breath=True),
    note(62, 1, 0.5, "er"),
    note(64, 1.5, 0.5, "", slur=True),
    note(65, 3, 1, "song", breath=True),
)


def test_beats_become_seconds() -> None:
    song = score(*RIVER, tempo_bpm=90)
    assert song.times_s(song.notes[1]) == pytest.approx((2 / 3, 1.0))
    assert song.duration_s == pytest.approx(8 / 3)


def test_breaths_begin_lines_and_hyphens_join_syllables() -> None:
    assert [len(line) for line in score(*RIVER).lines] == [3, 1]
    assert lyric(score(*RIVER)) == "River, song."
    held = (note(60, 0, 1, "riv-"), note(62, 1, 1, "", slur=True), note(64, 2, 1, "er"))
    assert lyric(score(*held)) == "River."
    hanzi = (note(60, 0, 1, "茉", breath=True), note(62, 1, 1, "莉"), note(64, 2, 1, "花", breath=True))
    assert lyric(score(*hanzi)) == "茉莉，花。"


def test_times_lie_on_the_grid_of_midi() -> None:
    assert score(note(60, 0, 1 / 3), note(62, 1 / 3, 1 / 3)).notes[1].onset_beats == 160 / 480


@pytest.mark.parametrize(
    ("notes", "reason"),
    [
        ((), "at least 1 item"),
        ((note(60, 0, 1), note(62, 0.5, 1)), "note 1 begins at beat 0.5, before note 0 has ended"),
        ((note(60, 0, 1), note(62, 2, 1, "", slur=True)), "note 1 is slurred across a rest"),
        ((note(60, 0, 1, "", slur=True),), "note 0 is slurred, but nothing is sung before it"),
        ((note(60, 0, 1, "", slur=True, breath=True),), "has no syllable and no breath of its own"),
        ((note(60, 0, 1, ""),), "a note needs a syllable, or a slur"),
        ((note(60, 0, 1, "two words"),), "'two words' is neither an English syllable nor one Chinese character"),
        ((note(60, 0, 1, "riv-"),), "syllable 0, 'riv-', begins a word that does not go on"),
        ((note(60, 0, 1, "riv-"), note(60, 1, 1, "花")), "syllable 0, 'riv-', begins a word"),
        ((note(20, 0, 1),), "greater than or equal to 36"),
        ((note(60, 0.0017, 1),), "do not lie on the grid of 1/480 beat"),
    ],
)
def test_what_cannot_be_sung_is_refused(notes: tuple[dict[str, Any], ...], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        score(*notes)


def test_an_unknown_tonic_is_refused() -> None:
    with pytest.raises(ValidationError, match="the tonic 'H' is unknown: use one of C, Db"):
        score(*RIVER, tonic="H")
