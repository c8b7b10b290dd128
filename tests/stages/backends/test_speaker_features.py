import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.take import SAMPLE_RATE, Samples
from stages.backends.phone_features import NUM_MELS, to_waveform
from stages.backends.speaker_features import F0_CENTRE_HZ, NUM_FEATURES, pitch_height, speaker_features


def buzz(f0_hz: float | NDArray[np.float64], seconds: float, tilt: float = 2.0) -> Samples:
    """Twenty harmonics; the k-th has an amplitude of 1 / k ** tilt."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(f0_hz, round(seconds * SAMPLE_RATE))) / SAMPLE_RATE
    return np.asarray(6_000 * sum(np.sin(k * phase) / k**tilt for k in range(1, 21)), dtype=np.int16)


def test_one_row_every_ten_milliseconds() -> None:
    features = speaker_features(buzz(150, 1.0))
    assert features.shape == (101, NUM_FEATURES)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_loudness_is_taken_out_and_colour_is_left_in() -> None:
    loud, quiet, bright = buzz(150, 1.0), buzz(150, 1.0) // 8, buzz(150, 1.0, tilt=1.0)
    mel, quieter, brighter = (speaker_features(clip)[:, :NUM_MELS].mean(axis=0) for clip in (loud, quiet, bright))
    assert np.abs(quieter - mel)[:40].max() < 0.05
    assert (brighter - mel)[30:50].min() > 0.5


@pytest.mark.parametrize("f0_hz", [90.0, 180.0, 360.0])
def test_pitch_is_in_octaves_above_the_centre(f0_hz: float) -> None:
    track = pitch_height(to_waveform(buzz(f0_hz, 1.0)), 101)
    assert track[10:90, 1].all()
    assert track[10:90, 0] == pytest.approx(np.log2(f0_hz / F0_CENTRE_HZ), abs=0.02)


def test_without_a_voice_there_is_no_pitch() -> None:
    features = speaker_features(np.zeros(SAMPLE_RATE // 2, dtype=np.int16))
    assert not features[:, NUM_MELS:].any()
    assert np.isfinite(features).all()


def test_a_clip_too_short_to_judge_is_repeated() -> None:
    assert speaker_features(buzz(200, 0.05)).shape == (21, NUM_FEATURES)
    assert speaker_features(np.ones(1, np.int16)).shape == (21, NUM_FEATURES)


def test_an_empty_clip_is_an_error() -> None:
    with pytest.raises(ValueError, match="without samples"):
        speaker_features(np.zeros(0, np.int16))
