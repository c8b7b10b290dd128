"""What the embedded codec quantizes: a log-mel spectrogram, an f0 contour and voicing, every 10 ms at 16 kHz.

Frame i is centred on sample i * HOP; a clip of T codes has F = T * FRAMES_PER_CODE frames.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.take import SAMPLE_RATE as TAKE_RATE
from schemas.take import Samples

SAMPLE_RATE = 16_000
HOP = 160
FRAMES_PER_CODE = 8
SAMPLES_PER_CODE = HOP * FRAMES_PER_CODE
MELS = 80

WINDOW = 400  # 25 ms: short enough for plosives, too short to resolve the harmonics of most voices
FFT_SIZE = 1024  # zero-padded so that the narrowest mel band (22 Hz) still covers a bin
LOWEST_MEL_HZ = 40.0
POWER_FLOOR = 1e-4  # about 60 dB below a vowel of a loudness-normalized take: no codes are spent on finer silence
F0_FLOOR_HZ = 60.0
F0_CEILING_HZ = 1100.0  # a soprano's C6 is 1047 Hz
UNVOICED_LOG2_F0 = float(np.log2(150.0))  # what a stretch without any voicing is given, so that it costs one centroid

LOG_MEL_MEAN, LOG_MEL_SCALE = -5.0, 3.5  # rough statistics of speech: only the scale of what nets are given matters
LOG2_F0_MEAN = 7.4

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Features:
    """What the codec keeps of a clip: natural log-mel [F, MELS], log2 of f0 in Hz [F], voiced [F].

    f0 is filled over unvoiced frames (see `fill_unvoiced`).
    """

    mel: FloatArray
    log2_f0: FloatArray
    voiced: NDArray[np.bool_]


def hear(waveform: FloatArray) -> Features:
    """The features of float32 [N] at 16 kHz; F = N // HOP."""
    return Features(log_mel(waveform), *pitch(waveform))


def code_count(sample_count: int) -> int:
    """T = ceil(duration * 12.5) for a clip of `sample_count` samples at 24 kHz."""
    return -(-sample_count * SAMPLE_RATE // (TAKE_RATE * SAMPLES_PER_CODE))


def to_waveform(samples: Samples) -> FloatArray:
    """int16 [N] at 24 kHz -> float32 [T * SAMPLES_PER_CODE] at 16 kHz, padded with silence."""
    import soxr

    resampled = soxr.resample(samples.astype(np.float32) / 32768.0, TAKE_RATE, SAMPLE_RATE)
    waveform = np.zeros(code_count(len(samples)) * SAMPLES_PER_CODE, dtype=np.float32)
    kept = min(len(resampled), len(waveform))
    waveform[:kept] = resampled[:kept]
    return waveform


def hz_to_mel(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """O'Shaughnessy's mel scale, as in HTK."""
    return 1127.0 * np.log1p(frequency_hz / 700.0)


@cache
def mel_centres_hz() -> NDArray[np.float64]:
    """Centres of the mel bands with both outer edges, [MELS + 2]."""
    low, high = hz_to_mel(np.array([LOWEST_MEL_HZ, SAMPLE_RATE / 2]))
    return 700.0 * np.expm1(np.linspace(low, high, MELS + 2) / 1127.0)


@cache
def _mel_bank() -> torch.Tensor:
    """Triangular bands of unit sum, [FFT_SIZE // 2 + 1, MELS]."""
    bins_hz = np.linspace(0.0, SAMPLE_RATE / 2, FFT_SIZE // 2 + 1)[:, None]
    left, centre, right = (mel_centres_hz()[offset : offset + MELS] for offset in range(3))
    bank = np.minimum((bins_hz - left) / (centre - left), (right - bins_hz) / (right - centre)).clip(min=0.0)
    return torch.from_numpy((bank / bank.sum(axis=0)).astype(np.float32))


def log_mel(waveform: FloatArray) -> FloatArray:
    """float32 [N] -> natural log of the mean power in each mel band, [N // HOP, MELS]."""
    return log_mel_tensor(torch.from_numpy(waveform)[None])[0].numpy()


def log_mel_tensor(waveforms: torch.Tensor) -> torch.Tensor:
    """`log_mel` of [B, N] as [B, N // HOP, MELS], for gradients to go through."""
    spectrum = torch.stft(waveforms, FFT_SIZE, HOP, WINDOW, torch.hann_window(WINDOW), return_complex=True)
    power = spectrum.abs().square().transpose(1, 2)[:, : waveforms.shape[1] // HOP]
    return (power @ _mel_bank()).clamp(min=POWER_FLOOR).log()


def pitch(waveform: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """float32 [N] -> (log2 of f0 in Hz, voiced), each [N // HOP]; f0 is filled where unvoiced (see `fill_unvoiced`)."""
    import pyworld

    signal = waveform.astype(np.float64)
    f0_hz, times_s = pyworld.dio(
        signal, SAMPLE_RATE, f0_floor=F0_FLOOR_HZ, f0_ceil=F0_CEILING_HZ, frame_period=1000.0 * HOP / SAMPLE_RATE
    )
    f0_hz = pyworld.stonemask(signal, f0_hz, times_s, SAMPLE_RATE)[: len(waveform) // HOP]
    voiced = f0_hz > 0.0
    return fill_unvoiced(np.log2(np.where(voiced, f0_hz, 1.0)).astype(np.float32), voiced), voiced


def fill_unvoiced(log2_f0: FloatArray, voiced: NDArray[np.bool_]) -> FloatArray:
    """The contour [F] interpolated linearly over unvoiced frames, held flat at the ends."""
    if not voiced.any():
        return np.full(len(log2_f0), UNVOICED_LOG2_F0, dtype=np.float32)
    frames = np.arange(len(log2_f0))
    return np.interp(frames, frames[voiced], log2_f0[voiced]).astype(np.float32)


VOICING_WEIGHT = 0.35
"""A frame of wrong voicing costs as much as a frame that is this many octaves off."""


def stack_prosody(log2_f0: FloatArray, voiced: NDArray[np.bool_]) -> FloatArray:
    """Contour and voicing [F] -> [T, 2 * FRAMES_PER_CODE]: the contour of each code, then its weighted voicing.

    Inside a code, unvoiced frames follow their voiced neighbours of the same code, so that the contour of a code
    depends on what is heard in it only.
    """
    contours = [
        fill_unvoiced(contour, mask)
        for contour, mask in zip(log2_f0.reshape(-1, FRAMES_PER_CODE), voiced.reshape(-1, FRAMES_PER_CODE), strict=True)
    ]
    voicing = voiced.reshape(-1, FRAMES_PER_CODE).astype(np.float32) * VOICING_WEIGHT
    return np.concatenate([np.stack(contours), voicing], axis=1)


def unstack_prosody(stacked: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The inverse of `stack_prosody`: (log2 of f0, voiced), each [F], f0 filled over the whole clip."""
    voiced = stacked[:, FRAMES_PER_CODE:].reshape(-1) >= VOICING_WEIGHT / 2
    return fill_unvoiced(stacked[:, :FRAMES_PER_CODE].reshape(-1), voiced), voiced
