"""The vocoder: its source has the pitch it is given, and even untrained it follows the envelope."""

import numpy as np
import pytest
import torch

from stages.backends import codec_features, codec_net
from stages.backends.codec_features import HOP, SAMPLE_RATE, Features


@pytest.fixture
def untrained() -> codec_net.HarmonicNoiseVocoder:
    torch.manual_seed(0)
    return codec_net.HarmonicNoiseVocoder().eval()


def voiced_features(f0_hz: float, frames: int = 80) -> Features:
    mel = np.linspace(-2.0, -7.0, codec_features.MELS, dtype=np.float32)[None].repeat(frames, 0)
    return Features(mel, np.full(frames, np.log2(f0_hz), dtype=np.float32), np.ones(frames, dtype=bool))


@pytest.mark.parametrize("f0_hz", [80.0, 333.3, 990.0])
def test_pulse_train_has_unit_power_and_equal_harmonics(f0_hz: float) -> None:
    frames = torch.ones(1, 100)
    pulses = codec_net.pulse_train(frames * np.log2(f0_hz), frames)[0].numpy()
    spectrum = np.abs(np.fft.rfft(pulses * np.hanning(len(pulses))))
    bins = (np.arange(1, int(7000 / f0_hz)) * f0_hz * len(pulses) / SAMPLE_RATE).round().astype(int)
    peaks = np.array([spectrum[centre - 2 : centre + 3].max() for centre in bins])

    assert pulses.shape == (100 * HOP,)
    assert np.mean(pulses**2) == pytest.approx(1.0, rel=0.02)
    assert peaks.max() / peaks.min() < 1.2


def test_pulse_train_is_silent_where_unvoiced() -> None:
    voiced = torch.cat([torch.zeros(1, 50), torch.ones(1, 50)], dim=1)
    pulses = codec_net.pulse_train(torch.full((1, 100), 7.0), voiced)

    assert (pulses[0, : 49 * HOP] == 0.0).all()
    assert pulses[0, 50 * HOP :].square().mean() == pytest.approx(1.0, rel=0.05)


def test_untrained_vocoder_keeps_pitch_and_envelope(untrained: codec_net.HarmonicNoiseVocoder) -> None:
    wanted = voiced_features(180.0)
    heard = codec_features.hear(codec_net.render(untrained, wanted).copy())
    middle = slice(10, -10)

    assert heard.voiced[middle].mean() > 0.95
    assert np.median(np.abs(heard.log2_f0 - np.log2(180.0))[middle]) * 1200 < 10.0
    assert np.abs(heard.mel - wanted.mel)[middle].mean() < 1.0


def test_render_is_the_same_for_the_same_clip(untrained: codec_net.HarmonicNoiseVocoder) -> None:
    features = voiced_features(120.0)
    first, other, again = (
        codec_net.render(untrained, one) for one in (features, voiced_features(200.0, frames=16), features)
    )

    assert first.shape == (80 * HOP,)
    assert other.shape == (16 * HOP,)
    assert first.tobytes() == again.tobytes()
