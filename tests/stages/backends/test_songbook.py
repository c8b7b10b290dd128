"""The notation of the songbook: every sign, every refusal, and a tune that everybody knows."""

from pathlib import Path

import pytest

from schemas.errors import SongbookError
from schemas.score import Note, Score, lyric
from stages.backends.songbook import load_songbook, read_song

HEAD = """
title = "T"
origin = "traditional"
source = "transcribed: from memory, unverified"
licence = "public domain: traditional"
do = "{do}"
mode = "{mode}"
meter = "{meter}"
tempo_bpm = 100
"""


def score(folder: Path, *phrases: tuple[str, str], do: str = "C4", mode: str = "major", meter: str = "4/4") -> Score:
    text = HEAD.format(do=do, mode=mode, meter=meter)
    for notes, words in phrases:
        text += f'[[phrases]]\nnotes = "{notes}"\nwords = "{words}"\n'
    path = folder / "tune.toml"
    path.write_text(text, encoding="utf-8")
    return read_song(path, "book-en-tune").score


def rows(score: Score) -> list[tuple[int, float, float, str]]:
    return [(note.midi, note.onset_beats, note.duration_beats, note.syllable or "_") for note in score.notes]


def test_figures_octaves_signs_and_durations(tmp_path: Path) -> None:
    found = score(tmp_path, ("1 #4:0.5 b7:0.5 1':2 | 5,:4 |", "a b c d e"), do="Bb3")
    assert rows(found) == [(58, 0, 1, "a"), (64, 1, 0.5, "b"), (68, 1.5, 0.5, "c"), (70, 2, 2, "d"), (53, 4, 4, "e")]
    assert (found.tonic, found.mode, found.tempo_bpm) == ("Bb", "major", 100)


def test_slurs_ties_and_rests(tmp_path: Path) -> None:
    found = score(tmp_path, ("1:2 _2 3 | ~:2 0 4 |", "go, ev- er!"))
    assert rows(found) == [(60, 0, 2, "go"), (62, 2, 1, "_"), (64, 3, 3, "ev-"), (65, 7, 1, "er")]
    assert found.notes[1] == Note(midi=62, onset_beats=2, duration_beats=1, slur=True)


def test_a_pickup_comes_at_the_end_of_its_bar(tmp_path: Path) -> None:
    found = score(tmp_path, ("5, | 1:2", "好一"), ("2 | 3:2", "朵花"), meter="3/4")
    assert rows(found) == [(55, 2, 1, "好"), (60, 3, 2, "一"), (62, 5, 1, "朵"), (64, 6, 2, "花")]
    assert [note.breath for note in found.notes] == [True, False, True, False]
    assert lyric(found) == "好一，朵花。"


@pytest.mark.parametrize(
    ("mode", "tonic"),
    [
        ("major", "D"),
        ("pentatonic", "D"),
        ("dorian", "E"),
        ("mixolydian", "A"),
        ("minor", "B"),
        ("minor pentatonic", "B"),
    ],
)
def test_each_mode_has_its_tonic(tmp_path: Path, mode: str, tonic: str) -> None:
    assert score(tmp_path, ("6,:4", "la"), do="D4", mode=mode).tonic == tonic


@pytest.mark.parametrize(
    ("phrases", "meter", "message"),
    [
        ([("1 2 | 3 |", "a b c"), ("4 4 4 |", "d e f")], "2/4", "phrase 1: bar 2 has 1 beats instead of 2"),
        ([("1 2", "a b"), ("3 |", "c")], "2/4", "phrase 2: bar 1 has 3 beats instead of 2"),
        ([("1 2 | 3 3 3", "a b c d e")], "2/4", "phrase 1: the last bar has 3 beats, more than 2: add a"),
        ([("1 8 |", "a b")], "2/4", "phrase 1: '8' is no note: write a figure 0 to 7"),
        ([("1 2,' |", "a b")], "2/4", "phrase 1: '2,'' is no note"),
        ([("1 2 |", "a b"), ("1 _2 |", "a b")], "2/4", "phrase 2 has 1 notes to put a syllable on, but 2 syllables"),
        ([("1 2 |", "a b"), ("_1 2 |", "a")], "2/4", "phrase 2 begins with a slur"),
        ([("1 2 |", "a b"), ("~ 2 |", "a")], "2/4", "phrase 2 begins with a tie"),
        ([("0 0 |", "")], "2/4", "phrase 1 has no note"),
        (
            [("1 2 |", "ev- 8")],
            "2/4",
            "phrase 1: Value error, '8' is neither an English syllable nor one Chinese character",
        ),
        ([("1 2 |", "go ev-")], "2/4", "syllable 1, 'ev-', begins a word that does not go on"),
        ([("1 2 |", "a b")], "4/3", "meter: String should match pattern"),
        ([("1 1:0.3333 |", "a b")], "2/4", "phrase 1: '1:0.3333' does not last a multiple of 1/480 beat"),
    ],
)
def test_a_wrong_file_is_named_with_the_place(
    tmp_path: Path, phrases: list[tuple[str, str]], meter: str, message: str
) -> None:
    with pytest.raises(SongbookError) as refused:
        score(tmp_path, *phrases, meter=meter)
    assert str(refused.value).startswith(f"{tmp_path / 'tune.toml'}: ")
    assert message in str(refused.value)


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("title = ", encoding="utf-8")
    with pytest.raises(SongbookError, match=r"x\.toml is not TOML: Invalid value"):
        read_song(tmp_path / "x.toml", "x")


def test_twinkle_is_what_everybody_sings() -> None:
    song = load_songbook("en")["book-en-twinkle"]
    assert [note.midi for note in song.score.notes[:14]] == [60, 60, 67, 67, 69, 69, 67, 65, 65, 64, 64, 62, 62, 60]
    assert lyric(song.score).startswith("Twinkle twinkle little star, how I wonder what you are, up above")
    assert all(song_id == song.song_id for song_id, song in load_songbook("zh").items())
