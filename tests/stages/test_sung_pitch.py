from dataclasses import replace

import numpy as np
import pytest

from schemas.score import hertz
from schemas.take import SungNote
from stages.sung_pitch import STEP_S, expected, frame_measures, note_measures, pitch_error_cents, track_song
from tests.stages.sung_clips import melody, sung

TUNE = melody([60, 64, 67, -65, 62, 60], [1, 1, 1, 1, 2, 2], 100, rests={3: 1})
"""0.6 s a beat; the fourth note is slurred, after it 0.6 s of rest."""
WANTED = expected(TUNE, 0.5, 1300)
SUNG = WANTED.f0_hz > 0


def note(duration_s: float, cents: float | None = None) -> SungNote:
    return SungNote(69, "la", False, 1.0, 1.0 + duration_s, cents)


def test_what_is_expected_of_a_score() -> None:
    moments = {  # seconds: pitch, and whether the choice is free
        0.0: (0, False),
        0.35: (0, True),  # consonants before the first note
        0.6: (60, False),
        0.9: (60, True),  # the note's second half may be consonants
        2.25: (67, False),  # but not where a slur follows
        2.4: (65, False),
        2.8: (65, True),
        2.92: (0, True),  # dying away
        3.0: (0, False),
        3.2: (0, False),
        3.45: (0, True),
        4.3: (62, False),  # of a long note, no more than 0.3 s are free
        4.5: (62, True),
        6.2: (0, False),
    }
    for second, (midi, free) in moments.items():
        frame = round(second / STEP_S)
        assert (WANTED.f0_hz[frame], bool(WANTED.free[frame])) == (hertz(midi) if midi else 0, free), second


def test_a_perfect_track() -> None:
    assert frame_measures(WANTED.f0_hz, WANTED) == {
        "raw_pitch_accuracy": 1.0,
        "raw_chroma_accuracy": 1.0,
        "voicing_recall": 1.0,
        "voicing_false_alarm": 0.0,
        "f0_rmse_cents": 0.0,
        "sounding_share": 1.0,
    }


@pytest.mark.parametrize(("cents", "accuracy"), [(49, 1.0), (-49, 1.0), (51, 0.0), (-100, 0.0)])
def test_the_tolerance_is_fifty_cents(cents: float, accuracy: float) -> None:
    found = frame_measures(WANTED.f0_hz * 2 ** (cents / 1200), WANTED)
    assert found["raw_pitch_accuracy"] == found["raw_chroma_accuracy"] == accuracy
    assert found["f0_rmse_cents"] == pytest.approx(abs(cents))
    assert found["voicing_recall"] == 1.0


def test_an_octave_is_wrong_in_pitch_and_right_in_chroma() -> None:
    half = np.where(np.arange(len(SUNG)) < 550, 2.0, 1.0)
    found = frame_measures(WANTED.f0_hz * half, WANTED)
    share = SUNG[550:].sum() / SUNG.sum()
    assert found["raw_pitch_accuracy"] == pytest.approx(share)
    assert found["raw_chroma_accuracy"] == 1.0


def test_unvoiced_consonants_cost_nothing_and_unvoiced_vowels_do() -> None:
    clipped = frame_measures(np.where(WANTED.free, 0, WANTED.f0_hz), WANTED)
    assert clipped["voicing_recall"] == 1.0
    assert clipped["sounding_share"] == pytest.approx((SUNG & ~WANTED.free).sum() / SUNG.sum())
    missing = WANTED.f0_hz.copy()
    missing[round(0.5 / STEP_S) : round(1.1 / STEP_S)] = 0  # the first note, of which 60 frames are its vowel's
    found = frame_measures(missing, WANTED)
    assert found["voicing_recall"] == pytest.approx(1 - 60 / (SUNG.sum() - 60))
    assert found["raw_pitch_accuracy"] == pytest.approx(found["voicing_recall"])


def test_a_voice_in_the_rests_is_a_false_alarm_unless_it_is_a_consonant() -> None:
    hum = np.where(SUNG, WANTED.f0_hz, 200.0)
    assert frame_measures(hum, WANTED)["voicing_false_alarm"] == 1.0
    assert frame_measures(np.where(WANTED.free, hum, WANTED.f0_hz), WANTED)["voicing_false_alarm"] == 0.0


def test_nothing_voiced() -> None:
    assert frame_measures(np.zeros(len(SUNG)), WANTED) == {
        "raw_pitch_accuracy": 0.0,
        "raw_chroma_accuracy": 0.0,
        "voicing_recall": 0.0,
        "voicing_false_alarm": 0.0,
        "f0_rmse_cents": 1200.0,
        "sounding_share": 0.0,
    }


@pytest.mark.parametrize("shift", [-24, 0, 12])
def test_praat_follows_vowels_glides_and_vibrato_of_any_key(shift: int) -> None:
    key = {"notes": tuple(n.model_copy(update={"midi": n.midi + shift}) for n in TUNE.notes)}
    score = TUNE.model_copy(update=key)
    samples, start_s = sung(score, ("plosive", "sonorant", "fricative"), vibrato_cents=35, glide_s=0.07)
    heard_hz = track_song(samples, score)
    found = frame_measures(heard_hz, expected(score, start_s, len(heard_hz)))
    assert found["raw_pitch_accuracy"] > 0.965
    assert found["raw_chroma_accuracy"] == found["raw_pitch_accuracy"]
    assert found["voicing_recall"] > 0.99
    assert found["voicing_false_alarm"] == 0.0
    assert 15 < found["f0_rmse_cents"] < 40  # vibrato 25, the rest is glides


@pytest.mark.parametrize("octave", [-12, 12])
def test_praat_hears_a_wrong_octave_as_one(octave: int) -> None:
    samples, start_s = sung(TUNE, off=dict.fromkeys(range(6), octave))
    heard_hz = track_song(samples, TUNE)
    found = frame_measures(heard_hz, expected(TUNE, start_s, len(heard_hz)))
    assert found["raw_pitch_accuracy"] == 0.0
    assert found["raw_chroma_accuracy"] > 0.97


def test_a_notes_pitch_is_heard_between_its_glides() -> None:
    track = np.full(400, hertz(68))  # 1.0 to 1.4 s is the note: a glide into it, its own pitch, a glide out of it
    track[212:268] = hertz(69) * 2 ** (7 / 1200)
    assert pitch_error_cents(track, note(0.4)) == pytest.approx(7)
    assert pitch_error_cents(track / 2, note(0.4)) == pytest.approx(7 - 1200)


@pytest.mark.parametrize(("voiced", "heard"), [(0, False), (13, False), (15, True)])
def test_a_note_hardly_voiced_is_not_heard(voiced: int, heard: bool) -> None:
    track = np.zeros(400)
    track[220 : 220 + voiced] = 440.0  # of 56 frames inside
    assert pitch_error_cents(track, note(0.4)) == (pytest.approx(0) if heard else None)


def test_measures_of_notes() -> None:
    notes = [note(0.4, 3.0), note(0.4, -8.0), note(0.1, 90.0), note(0.4, 5.0)]
    assert note_measures(notes) == {"note_error_cents": 6.5, "worst_note_cents": 8.0, "wrong_note_share": 0.25}
    assert note_measures([*notes, note(0.15, -61.0)])["worst_note_cents"] == 61.0
    unheard = note_measures([*notes, note(0.4)])
    assert (unheard["worst_note_cents"], unheard["wrong_note_share"]) == (1200.0, 0.4)
    assert note_measures([note(0.1, 90.0)])["worst_note_cents"] == 0.0


def test_sixteenths_a_semitone_off_are_heard() -> None:
    score = melody([60, 62, 64, 65, 67, 69, 71, 72] * 2, [0.25] * 16, 120)  # 125 ms each
    wrong = {3: 1.0, 13: -1.0}
    samples, start_s = sung(score, ("plosive", "sonorant"), glide_s=0.05, off=wrong)
    heard_hz = track_song(samples, score)
    placed = [
        replace(note(0.125), midi=n.midi, start_s=start_s + i / 8, end_s=start_s + (i + 1) / 8)
        for i, n in enumerate(score.notes)
    ]
    errors = [pitch_error_cents(heard_hz, each) for each in placed]
    assert errors == [pytest.approx(100 * wrong.get(i, 0.0), abs=25) for i in range(16)]
