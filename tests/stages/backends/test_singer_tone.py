import numpy as np
import pytest

from schemas.score import Note, Score
from stages.backends.espeak_carrier import CarrierPhone
from stages.backends.singer_timing import SungPhone
from stages.backends.singer_tone import (
    ACCENT_DB,
    DB,
    NOTHING,
    SWELL_DB,
    VOICED_BELOW_DB,
    dynamics,
    edges,
    even,
    laid_out,
    tuned,
)
from stages.backends.world_vocoder import Floats, Frames

RATE_HZ, BINS = 16_000, 257


def frames(f0_hz: Floats, log_power: Floats) -> Frames:
    return Frames(f0_hz, log_power, np.full_like(log_power, 0.1), RATE_HZ)


def sung(label: str, start_s: float, end_s: float, source_s: tuple[float, float], nucleus: bool = True) -> SungPhone:
    return SungPhone(CarrierPhone(label, start_s, end_s), (start_s, end_s), source_s, nucleus)


def test_the_carrier_is_heard_when_its_time_comes_and_silence_elsewhere() -> None:
    carrier = frames(np.zeros(21), np.repeat(np.arange(21.0)[:, None], BINS, axis=1))
    laid = laid_out(carrier, [sung("a", 0.05, 0.25, (0.0, 0.1))], 60)
    assert (laid.log_power[:10] == NOTHING).all()
    np.testing.assert_allclose(laid.log_power[10:50, 3], np.arange(40) / 2, atol=1e-6)
    assert (laid.log_power[50:] == NOTHING).all()


@pytest.mark.parametrize("f0_hz", [300.0, 800.0])
def test_a_resonance_below_a_high_voice_is_tuned_to_it(f0_hz: float) -> None:
    hz = np.linspace(0, RATE_HZ / 2, BINS)
    peak = -(((hz - 0.6 * f0_hz) / 60) ** 2)
    voice = frames(np.array([f0_hz, 0.0]), np.stack([peak, peak]))
    raised = tuned(voice).log_power
    at_f0 = np.argmin(np.abs(hz - f0_hz))
    assert raised[0, at_f0] > -0.5 > peak[at_f0]
    assert raised[0, np.argmin(np.abs(hz - 0.3 * f0_hz))] < peak[np.argmin(np.abs(hz - 0.3 * f0_hz))]
    np.testing.assert_array_equal(raised[1], peak)


def test_vowels_are_evened_and_consonants_held_below_them() -> None:
    level_db = np.concatenate([np.full(60, 0.0), np.full(30, 5.0), np.full(60, -8.0)])
    vowels = np.ones(150, dtype=bool)
    vowels[60:90] = False
    song = frames(np.full(150, 200.0), np.repeat(level_db[:, None] * DB, BINS, axis=1))
    heard_db = level_db + even(song, vowels) / DB
    assert abs(heard_db[30] - heard_db[120]) < 0.2 * 8.0
    assert heard_db[75] == pytest.approx(heard_db[:60].mean() - VOICED_BELOW_DB, abs=1.5)


def test_vowels_are_evened_by_the_harmonics_they_have() -> None:
    """The same envelope has half as many harmonics an octave up, each for twice the bandwidth: no change."""
    song = frames(np.repeat([200.0, 400.0], 100), np.zeros((200, BINS)))
    gain_db = even(song, np.ones(200, dtype=bool)) / DB
    assert np.abs(gain_db).max() < 0.5


def score(*durations: float) -> Score:
    notes, onset = [], 0.0
    for duration in durations:
        notes.append(Note(midi=60, onset_beats=onset, duration_beats=duration, syllable="la", breath=not notes))
        onset += duration
    return Score(tempo_bpm=60, tonic="C", notes=tuple(notes))


def test_first_beats_are_accented_and_long_notes_swell() -> None:
    level_db = dynamics(score(*[1.0] * 8), np.zeros(1600), 0.0)
    middle_db = level_db[100::200]
    assert middle_db[4] - middle_db[3] > 0.3 * ACCENT_DB
    assert middle_db[4] - middle_db[5] > 0.3 * ACCENT_DB
    assert level_db[900] - level_db[805] > 0.7 * SWELL_DB


def test_the_voice_is_let_go_before_a_rest_and_vowels_in_a_row_are_set_off() -> None:
    phones = [sung("a", 0.0, 0.5, (0, 1)), sung("a", 0.5, 1.0, (0, 1)), sung("a", 1.5, 2.0, (0, 1))]
    gain_db = edges(phones, 420) / DB
    assert gain_db[399] < -20
    assert gain_db[199] < -20
    assert gain_db[150] == gain_db[50] == gain_db[350] == 0
    assert -8 < gain_db[95:105].min() < -5
