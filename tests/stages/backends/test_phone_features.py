import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.take import SAMPLE_RATE, Samples
from stages.backends.phone_features import NUM_FEATURES, NUM_MELS, log_mel, phone_features, pitch, to_waveform


def voice(f0_hz: NDArray[np.float64]) -> Samples:
    """A hum with the given f0 [N]: twenty harmonics falling off at 12 dB an octave, as a voice does."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / SAMPLE_RATE
    hum = sum(np.sin(k * phase) / k**2 for k in range(1, 21))
    return np.asarray(6_000 * hum, dtype=np.int16)


def glide(low_hz: float, high_hz: float, seconds: float) -> Samples:
    return voice(np.geomspace(low_hz, high_hz, int(seconds * SAMPLE_RATE)))


def test_one_row_every_ten_milliseconds() -> None:
    assert phone_features(glide(100, 200, 1.0)).shape == (101, NUM_FEATURES)
    assert phone_features(np.zeros(1, dtype=np.int16)).shape == (1, NUM_FEATURES)


def test_a_tone_is_loudest_in_its_own_band() -> None:
    time_s = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    peaks = []
    for hz in (300, 1_000, 3_000):
        mel = log_mel(np.sin(2 * np.pi * hz * time_s).astype(np.float32))
        peaks.append(int(mel[50].argmax()))
    # Centres lie evenly on the mel scale between 60 Hz (96.4 mel) and 7600 Hz (2789.4 mel).
    expected = [
        (2595 * np.log10(1 + hz / 700) - 96.4) / (2789.4 - 96.4) * (NUM_MELS + 1) - 1 for hz in (300, 1_000, 3_000)
    ]
    assert np.abs(np.array(peaks) - expected).max() <= 1


def test_level_and_pitch_height_leave_the_features_alone() -> None:
    quiet, loud = glide(120, 180, 1.0) // 4, glide(120, 180, 1.0)
    assert np.median(np.abs(phone_features(quiet) - phone_features(loud))) < 0.02
    low, high = pitch(to_waveform(glide(100, 150, 1.0)), 101), pitch(to_waveform(glide(200, 300, 1.0)), 101)
    assert np.abs(low - high)[10:90].max() < 0.05


def test_pitch_is_in_units_of_four_semitones_about_the_median() -> None:
    track = pitch(to_waveform(glide(100, 200, 1.0)), 101)
    assert track[10:90, 2].all()
    assert track[75, 0] - track[25, 0] == pytest.approx(12 * 0.5 / 4, abs=0.05)
    assert track[50, 0] == pytest.approx(0, abs=0.05)
    # A straight glide is a uniform distribution: its ends lie sqrt(3) standard deviations from the middle.
    assert track[90, 1] == pytest.approx(0.8 * np.sqrt(3), abs=0.1)


@pytest.mark.parametrize("seconds", [0.01, 0.5])
def test_without_a_voice_pitch_is_zero(seconds: float) -> None:
    silence = np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32)
    assert not pitch(silence, 1 + len(silence) // 240).any()
