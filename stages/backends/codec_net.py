"""The vocoder of the embedded codec: a pulse train and noise, each shaped by STFT gains that a small net predicts.

The source carries the pitch, so the net only has to learn spectral envelopes (after the harmonic-plus-noise
vocoders of Engel et al. 2020, DDSP, and Wang et al. 2020, NSF); without it a net of this size loses the pitch.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from schemas.seeds import generator
from stages.backends.codec_features import (
    HOP,
    LOG2_F0_MEAN,
    LOG_MEL_MEAN,
    LOG_MEL_SCALE,
    MELS,
    SAMPLE_RATE,
    Features,
    FloatArray,
    hz_to_mel,
    mel_centres_hz,
)
from stages.backends.convnext import ConvNeXtBlock

STEPS_PER_FRAME = 2
STEP = HOP // STEPS_PER_FRAME  # 5 ms, under windows of 20 ms: bursts stay short
FFT_SIZE = 320
BINS = FFT_SIZE // 2 + 1
WIDTH = 160
BLOCKS = 6
EXPANSION = 3
KERNEL = 7


class HarmonicNoiseVocoder(nn.Module):
    """Log-mel, f0 and voicing -> waveform. About 1.1 M parameters.

    `forward(mel [B, F, MELS], log2_f0 [B, F], voiced [B, F], noise [B, F * HOP])` gives float [B, F * HOP] at
    16 kHz; `noise` is white with unit variance, `voiced` is 0 or 1.
    """

    mel_to_bins: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv1d(MELS + 2, WIDTH, KERNEL, padding=KERNEL // 2)
        self.blocks = nn.Sequential(*(ConvNeXtBlock(WIDTH, KERNEL, EXPANSION) for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.gains = nn.Linear(WIDTH, STEPS_PER_FRAME * 2 * BINS)
        nn.init.zeros_(self.gains.weight)
        nn.init.zeros_(self.gains.bias)
        self.register_buffer("mel_to_bins", _mel_interpolation(), persistent=False)

    def forward(self, mel: Tensor, log2_f0: Tensor, voiced: Tensor, noise: Tensor) -> Tensor:
        pulses = pulse_train(log2_f0, voiced)
        harmonic_gain, noise_gain = self.log_gains(mel, log2_f0, voiced)
        window = torch.hann_window(FFT_SIZE)
        spectra = [
            torch.stft(source, FFT_SIZE, STEP, window=window, return_complex=True) * gain.exp().transpose(1, 2)
            for source, gain in ((pulses, harmonic_gain), (noise, noise_gain))
        ]
        waveform: Tensor = torch.istft(spectra[0] + spectra[1], FFT_SIZE, STEP, window=window, length=pulses.shape[1])
        return waveform

    def log_gains(self, mel: Tensor, log2_f0: Tensor, voiced: Tensor) -> tuple[Tensor, Tensor]:
        """Natural log of the gains of pulses and of noise, [B, 2 F + 1, BINS] each, as a centred STFT has steps.

        The net only corrects a first guess, the input's own envelope, which makes it learn fast.
        """
        prosody = torch.stack([log2_f0 - LOG2_F0_MEAN, voiced], dim=2)
        inputs = torch.cat([(mel - LOG_MEL_MEAN) / LOG_MEL_SCALE, prosody], dim=2).transpose(1, 2)
        hidden = self.norm(self.blocks(self.enter(inputs).transpose(1, 2)))
        harmonic, noise = self.gains(hidden).unflatten(2, (STEPS_PER_FRAME, 2 * BINS)).flatten(1, 2).chunk(2, dim=2)
        guess = _upsample(0.5 * (mel @ self.mel_to_bins), STEPS_PER_FRAME) - 0.5 * math.log(_WINDOW_POWER)
        # At first, noise in voiced frames is 17 dB below the pulses.
        noise = noise - 2.0 * _upsample(voiced[..., None], STEPS_PER_FRAME)
        return _repeat_last(guess + harmonic), _repeat_last(guess + noise)


def render(vocoder: HarmonicNoiseVocoder, features: Features) -> FloatArray:
    """The waveform [F * HOP] of one clip; the noise is the same for every clip, so the result is too."""
    noise = generator("codec noise").standard_normal(len(features.mel) * HOP, dtype=np.float32)
    arrays = features.mel, features.log2_f0, features.voiced.astype(np.float32), noise
    with torch.inference_mode():
        waveform: FloatArray = vocoder(*(torch.from_numpy(array)[None] for array in arrays))[0].numpy()
    return waveform


_WINDOW_POWER = 150.0
"""Sum of the squared analysis window of the log-mel features (a Hann window of 400): the power of unit white noise."""


def pulse_train(log2_f0: Tensor, voiced: Tensor) -> Tensor:
    """All harmonics below 8 kHz as equal cosines, unit power, silent where unvoiced: [B, F] -> [B, F * HOP].

    The sum of K cosines is the Dirichlet kernel, (sin((K + 1/2) p) / sin(p / 2) - 1) / 2.
    """
    f0_hz = torch.exp2(_upsample(log2_f0[..., None], HOP)[..., 0]).double()
    phase = torch.cumsum(f0_hz / SAMPLE_RATE, dim=1) % 1.0 * (2.0 * math.pi)
    harmonics = (SAMPLE_RATE / 2 / f0_hz).floor()
    denominator = torch.sin(phase / 2)
    at_peak = denominator.abs() < 1e-6
    kernel = torch.sin((harmonics + 0.5) * phase) / denominator.masked_fill(at_peak, 1.0)
    kernel = torch.where(at_peak, 2 * harmonics + 1, kernel)
    pulses = (kernel - 1.0) / 2.0 * (2.0 / harmonics).sqrt()
    return pulses.float() * _upsample(voiced[..., None], HOP)[..., 0]


def _upsample(frames: Tensor, factor: int) -> Tensor:
    """Linear interpolation, [B, F, D] -> [B, F * `factor`, D]; the last frame is held."""
    ahead = torch.cat([frames[:, 1:], frames[:, -1:]], dim=1)
    ramp = (torch.arange(factor) / factor)[:, None]
    return (frames.unsqueeze(2) + (ahead - frames).unsqueeze(2) * ramp).flatten(1, 2)


def _repeat_last(frames: Tensor) -> Tensor:
    return torch.cat([frames, frames[:, -1:]], dim=1)


def _mel_interpolation() -> Tensor:
    """[MELS, BINS]: linear interpolation, on the mel scale, from band centres to the bins of the vocoder's STFT."""
    bins = hz_to_mel(np.linspace(0.0, SAMPLE_RATE / 2, BINS))
    centres = hz_to_mel(mel_centres_hz()[1:-1])
    return torch.from_numpy(np.stack([np.interp(bins, centres, band) for band in np.eye(MELS)]).astype(np.float32))
