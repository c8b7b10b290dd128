"""Other words, keys, tempi and voices for a song: what changes, what stays, and what is refused."""

from typing import get_args

import pytest

from schemas.score import Note, Score, Song
from schemas.script import AGES, GENDERS, Age, Character, Emotion, Gender
from schemas.seeds import generator
from stages.backends.melody_generator import generate_melody
from stages.backends.song_variants import (
    SHORTEST_NOTE_S,
    VOICES,
    for_singer,
    hummed,
    in_mood,
    transposed,
    with_syllables,
)

NOTES = (
    Note(midi=60, onset_beats=0, duration_beats=1, syllable="riv-", breath=True),
    Note(midi=62, onset_beats=1, duration_beats=0.5, syllable="er"),
    Note(midi=64, onset_beats=1.5, duration_beats=0.5, slur=True),
    Note(midi=67, onset_beats=3, duration_beats=1, syllable="song", breath=True),
)
SCORE = Score(tempo_bpm=120, tonic="C", notes=NOTES)


def song(score: Score = SCORE) -> Song:
    return Song(song_id="s", title="River", origin="o", source="s", licence="l", score=score)


def singer(age: Age, gender: Gender) -> Character:
    words = dict.fromkeys(("identity", "personality", "temperament", "timbre"), "x")
    return Character(character_id="en-a001", name="A", language="en", age=age, gender=gender, pace="normal", **words)


def test_words_go_on_the_notes_that_are_not_slurred() -> None:
    changed = with_syllables(SCORE, ["moun-", "tain", "high"])
    assert [note.syllable for note in changed.notes] == ["moun-", "tain", "", "high"]
    assert with_syllables(changed, ["riv-", "er", "song"]) == SCORE


def test_one_syllable_for_each_note() -> None:
    with pytest.raises(ValueError, match="2 syllables for a melody with 3 notes to put one on"):
        with_syllables(SCORE, ["moun-", "tain"])


def test_the_tonic_follows_the_key() -> None:
    lower = transposed(SCORE, -2)
    assert (lower.tonic, [note.midi for note in lower.notes]) == ("Bb", [58, 60, 62, 65])
    assert transposed(lower, 2) == SCORE
    with pytest.raises(ValueError, match=r"\+24 semitones take the melody out of the range of voices"):
        transposed(SCORE, 24)


@pytest.mark.parametrize("gender", GENDERS)
@pytest.mark.parametrize("age", AGES)
def test_every_melody_lies_in_every_voice_in_several_keys(age: Age, gender: Gender) -> None:
    low, high = VOICES[age, gender]
    for index in range(6):
        melody = song(generate_melody(generator("variants", index)))
        sung = [for_singer(melody, singer(age, gender), generator(age, gender, index, key)) for key in range(8)]
        assert all(low <= note.midi <= high for other in sung for note in other.score.notes)
        assert len({other.score.tonic for other in sung}) > 1
        assert {other.song_id for other in sung} == {"s"}


def test_a_melody_wider_than_the_voice_is_refused() -> None:
    wide = with_last(83)
    with pytest.raises(ValueError, match="song 's' spans 23 semitones, but the voice of a child female spans 19: give"):
        for_singer(song(wide), singer("child", "female"), generator(1))


def with_last(midi: int) -> Score:
    return Score(tempo_bpm=120, tonic="C", notes=(*NOTES[:3], NOTES[3].model_copy(update={"midi": midi})))


@pytest.mark.parametrize("emotion", get_args(Emotion))
def test_moods_change_the_tempo_alone(emotion: Emotion) -> None:
    moods = [in_mood(song(), emotion, 3, generator(emotion, index)) for index in range(20)]
    assert {mood.score.notes for mood in moods} == {NOTES}
    mean = sum(mood.score.tempo_bpm for mood in moods) / len(moods)
    slow, fast = emotion in ("sad", "tired", "tender"), emotion in ("happy", "excited", "angry")
    assert (mean < 105) is slow
    assert (mean > 135) is fast
    assert all(85 < mood.score.tempo_bpm < 155 for mood in moods)


def test_no_mood_makes_notes_too_short_to_sing() -> None:
    quick = song(
        Score(tempo_bpm=140, tonic="C", notes=(Note(midi=60, onset_beats=0, duration_beats=0.25, syllable="la"),))
    )
    excited = in_mood(quick, "excited", 3, generator(1))
    assert excited.score.notes[0].duration_beats * excited.score.seconds_per_beat == pytest.approx(SHORTEST_NOTE_S)


def test_humming_has_no_words() -> None:
    english, chinese = hummed(song(), "en"), hummed(song(), "zh")
    assert [note.syllable for note in english.score.notes] == ["mm", "mm", "", "mm"]
    assert [note.syllable for note in chinese.score.notes] == ["嗯", "嗯", "", "嗯"]
    assert english.hummed
    assert [note.midi for note in english.score.notes] == [note.midi for note in NOTES]
