"""The files of the songbook: where each song comes from, why anybody may sing it, and that it can be sung."""

import tomllib
from pathlib import Path

import pytest

from schemas.score import words
from stages.backends.songbook import read_song

FOLDER = Path(__file__).parents[2] / "prompts" / "songbook"
FILES = sorted(FOLDER.glob("*/*.toml"))
UNVERIFIED = "transcribed: from memory, unverified"


def test_there_are_enough_songs() -> None:
    assert len(FILES) >= 12
    assert len([path for path in FILES if path.parent.name == "zh"]) >= 4


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_song_says_why_it_is_free_and_can_be_sung(path: Path) -> None:
    song = read_song(path, "x")
    assert song.licence.startswith("public domain: ")
    assert song.source == UNVERIFIED or song.source.startswith("https://")
    assert 8.0 <= song.score.duration_s <= 40.0
    pitches = [note.midi for note in song.score.notes]
    assert min(pitches) >= 55
    assert max(pitches) <= 77
    assert min(note.duration_beats for note in song.score.notes) * song.score.seconds_per_beat >= 0.1
    chinese = path.parent.name == "zh"
    assert all(note.syllable.isascii() is not chinese for note in song.score.notes if note.syllable)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_bars_add_up(path: Path) -> None:
    """Counted in the song as it was read: a note begins on every bar line that no longer note or rest spans."""
    written = tomllib.loads(path.read_text(encoding="utf-8"))
    beats, unit = map(int, written["meter"].split("/"))
    bars = [bar for bar in " ".join(phrase["notes"] for phrase in written["phrases"]).split("|") if bar.strip()]
    lengths = [sum(float(token.partition(":")[2] or 1) for token in bar.split()) for bar in bars]
    assert set(lengths[1:-1]) == {beats * 4 / unit}
    assert max(lengths) == beats * 4 / unit
    score = read_song(path, "x").score
    lead = beats * 4 / unit - lengths[0]
    assert (score.notes[0].onset_beats, score.notes[-1].end_beats) == (lead, pytest.approx(lead + sum(lengths)))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_lines_are_as_written(path: Path) -> None:
    written = tomllib.loads(path.read_text(encoding="utf-8"))
    lines = ["".join(mark for mark in phrase["words"] if mark not in ",.!?，。！？") for phrase in written["phrases"]]
    assert [words(line) for line in read_song(path, "x").score.lines] == [line.replace("- ", "") for line in lines]
