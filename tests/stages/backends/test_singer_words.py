from typing import Any

import pytest

from schemas.errors import UnspeakableTextError
from schemas.score import Note, Score
from stages.backends.singer_words import (
    CARRIER_F0_HZ,
    MOST_WORDS,
    PITCH,
    RATE_WPM,
    Phrase,
    SungWord,
    hum_request,
    phrases_of,
    readable,
    request_of,
)


def score(text: str, tempo_bpm: float = 60.0) -> Score:
    """A score of notes of one beat: "/" before a syllable is a breath, "_" a slur."""
    notes = [
        Note(midi=60, onset_beats=beat, duration_beats=1, slur=token == "_", breath=token[0] == "/", syllable=syllable)
        for beat, token in enumerate(text.split())
        for syllable in ["" if token == "_" else token.removeprefix("/")]
    ]
    return Score(tempo_bpm=tempo_bpm, tonic="C", notes=tuple(notes))


def test_words_are_joined_from_syllables_and_hold_the_stretches_of_their_notes() -> None:
    assert phrases_of(score("/twin- _ kle star _ /bright", tempo_bpm=120)) == [
        Phrase((SungWord("twinkle", ((0.0, 1.0), (1.0, 1.5))), SungWord("star", ((1.5, 2.5),))), True),
        Phrase((SungWord("bright", ((2.5, 3.0),)),), True),
    ]


def test_a_breath_within_a_word_begins_no_phrase() -> None:
    phrases = phrases_of(score("ho- /ly /night"))
    assert [([word.said for word in phrase.words], phrase.breath) for phrase in phrases] == [
        (["holy"], False),
        (["night"], True),
    ]


def test_a_long_breath_is_said_in_parts_and_breathed_for_once() -> None:
    phrases = phrases_of(score("/la " + "la " * MOST_WORDS))
    assert [(len(phrase.words), phrase.breath) for phrase in phrases] == [(MOST_WORDS, True), (1, False)]


def test_mandarin_is_read_as_a_line_and_keeps_only_the_neutral_tone() -> None:
    (phrase,) = phrases_of(score("银 行 的 人"))
    assert [word.said for word in readable(phrase, "zh").words] == ["yin1", "hang1", "de5", "ren1"]


@pytest.mark.parametrize(("text", "language", "named"), [("la la", "zh", "l"), ("你 好", "en", "你")])
def test_words_of_another_language_are_refused(text: str, language: Any, named: str) -> None:
    (phrase,) = phrases_of(score(text))
    with pytest.raises(UnspeakableTextError, match=named):
        request_of(readable(phrase, language), language)


@pytest.mark.parametrize(("text", "language"), [("/we are all a- lone", "en"), ("/我 们 都 在 这 里", "zh")])
def test_carriers_are_spoken_on_the_pitch_that_analysis_is_told(text: str, language: Any, espeak: Any) -> None:
    import parselmouth

    (phrase,) = phrases_of(score(text))
    for request in (request_of(readable(phrase, language), language), hum_request(language)):
        assert (request.rate_wpm, request.pitch, request.pitch_range) == (RATE_WPM, PITCH, 0)
        carrier = espeak.speak(request)
        pitch = parselmouth.Sound(carrier.samples, carrier.rate_hz).to_pitch_ac(0.005, 60.0, pitch_ceiling=300.0)
        f0_hz = pitch.selected_array["frequency"]
        middle = f0_hz[f0_hz > 0]
        assert abs(middle / CARRIER_F0_HZ - 1).max() < 0.06
        assert abs(sorted(middle)[len(middle) // 2] / CARRIER_F0_HZ - 1) < 0.01
