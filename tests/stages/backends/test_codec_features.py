"""The features of the embedded codec on signals whose pitch and level are known."""

import numpy as np
import pytest

from stages.backends import codec_features as features
from stages.backends.codec_features import FRAMES_PER_CODE, HOP, MELS, SAMPLE_RATE


def buzz(f0_hz: float, seconds: float, rate: int = SAMPLE_RATE) -> np.ndarray:
    times = np.arange(int(seconds * rate)) / rate
    harmonics = np.arange(1, int(4000 / f0_hz))
    return (0.1 * np.cos(2 * np.pi * f0_hz * times[:, None] * harmonics) / harmonics).sum(axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("sample_count", "codes"), [(1, 1), (1919, 1), (1920, 1), (1921, 2), (24_000, 13), (48_000, 25)]
)
def test_a_clip_of_d_seconds_has_the_ceiling_of_12_5_d_codes(sample_count: int, codes: int) -> None:
    waveform = features.to_waveform(np.ones(sample_count, dtype=np.int16))

    assert features.code_count(sample_count) == codes
    assert waveform.shape == (codes * features.SAMPLES_PER_CODE,)


def test_resampling_keeps_the_level_and_pads_with_silence() -> None:
    clip = (buzz(200.0, 1.0, rate=24_000) * 32768).astype(np.int16)
    waveform = features.to_waveform(clip)

    assert np.sqrt(np.mean(waveform[:16_000] ** 2)) == pytest.approx(np.sqrt(np.mean((clip / 32768.0) ** 2)), rel=0.01)
    assert (waveform[16_000:] == 0.0).all()


def test_log_mel_of_silence_is_the_floor() -> None:
    mel = features.log_mel(np.zeros(8 * HOP, dtype=np.float32))

    assert mel.shape == (8, MELS)
    assert mel == pytest.approx(np.log(features.POWER_FLOOR))


def test_log_mel_peaks_at_the_tone_and_rises_by_its_gain() -> None:
    tone = 0.05 * np.cos(2 * np.pi * 1000.0 * np.arange(100 * HOP) / SAMPLE_RATE).astype(np.float32)
    quiet, loud = features.log_mel(tone)[50], features.log_mel(4 * tone)[50]
    peak = int(quiet.argmax())

    assert features.mel_centres_hz()[peak] < 1000.0 < features.mel_centres_hz()[peak + 2]
    assert loud[peak] - quiet[peak] == pytest.approx(2 * np.log(4), abs=1e-4)


@pytest.mark.parametrize("f0_hz", [80.0, 220.0, 440.0, 1000.0])
def test_pitch_of_a_buzz_from_bass_to_soprano(f0_hz: float) -> None:
    log2_f0, voiced = features.pitch(buzz(f0_hz, 1.0))

    assert voiced[10:-10].all()
    assert np.median(np.abs(log2_f0 - np.log2(f0_hz))) * 1200 < 5.0


def test_noise_before_a_buzz_is_unvoiced_and_takes_the_pitch_that_follows() -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    log2_f0, voiced = features.pitch(np.concatenate([noise, buzz(200.0, 1.0)]))

    assert voiced[:90].mean() < 0.1
    assert voiced[110:-10].mean() > 0.95
    assert np.isfinite(log2_f0).all()


def test_fill_unvoiced_interpolates_inside_and_holds_the_ends() -> None:
    contour = np.array([0, 7, 0, 0, 8.5, 0], dtype=np.float32)
    filled = features.fill_unvoiced(contour, contour > 0)

    assert filled.tolist() == [7.0, 7.0, 7.5, 8.0, 8.5, 8.5]


def test_fill_unvoiced_without_any_voice_is_constant() -> None:
    filled = features.fill_unvoiced(np.zeros(3, dtype=np.float32), np.zeros(3, dtype=bool))

    assert filled.tolist() == pytest.approx([features.UNVOICED_LOG2_F0] * 3)


def test_prosody_survives_stacking_where_voiced() -> None:
    random = np.random.default_rng(1)
    voiced = random.random(5 * FRAMES_PER_CODE) < 0.6
    log2_f0 = features.fill_unvoiced(random.uniform(6, 10, len(voiced)).astype(np.float32), voiced)
    stacked = features.stack_prosody(log2_f0, voiced)
    heard_log2_f0, heard_voiced = features.unstack_prosody(stacked)

    assert stacked.shape == (5, 2 * FRAMES_PER_CODE)
    assert heard_voiced.tolist() == voiced.tolist()
    assert heard_log2_f0[voiced].tolist() == log2_f0[voiced].tolist()
