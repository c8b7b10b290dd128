"""What the phone recognizer sees: log-mel bands and a pitch track that tells Mandarin tones apart.

Frames are 10 ms apart. The mel bands carry no pitch once they are smoothed, so tones need the pitch track; it is
relative to the utterance, because a tone is a shape, not a height.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from schemas.take import SAMPLE_RATE, Samples

HOP = SAMPLE_RATE // 100
WINDOW = SAMPLE_RATE // 40
FFT = 1024
NUM_MELS = 80
LOWEST_HZ, HIGHEST_HZ = 60.0, 7_600.0
"""Below 8 kHz, so that audio that went through a 16 kHz codec looks the same."""
FLOOR = 1e-5
"""Added to the mel energies of audio in [-1, 1]: the dither of 16-bit audio lies below it."""
F0_FLOOR_HZ, F0_CEILING_HZ = 60.0, 700.0
NUM_FEATURES = NUM_MELS + 3

Features = NDArray[np.float32]


@cache
def _mel_matrix() -> NDArray[np.float32]:
    """[FFT / 2 + 1, NUM_MELS]: triangles evenly spaced on O'Shaughnessy's mel scale, 2595 log10(1 + f / 700)."""
    lowest, highest = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    corners_hz = 700 * (10 ** (np.linspace(lowest, highest, NUM_MELS + 2) / 2595) - 1)
    bins_hz = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)[:, None]
    rising = (bins_hz - corners_hz[:-2]) / (corners_hz[1:-1] - corners_hz[:-2])
    falling = (corners_hz[2:] - bins_hz) / (corners_hz[2:] - corners_hz[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def log_mel(waveform: NDArray[np.float32]) -> Features:
    """Natural-log mel energies [T, NUM_MELS] of audio in [-1, 1]; T = 1 + N // HOP, frame t centred on t * HOP."""
    from scipy.fft import rfft

    padded = np.pad(waveform, WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectrum = rfft(windows * np.hanning(WINDOW).astype(np.float32), FFT, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    mel: Features = np.log(power @ _mel_matrix() + FLOOR).astype(np.float32)
    return mel


def f0_track(waveform: NDArray[np.float32], num_frames: int) -> NDArray[np.float64]:
    """f0 in Hz [num_frames], 0 where unvoiced, by Praat's autocorrelation method (Boersma 1993)."""
    import parselmouth

    f0_hz = np.zeros(num_frames)
    if len(waveform) < 3 * SAMPLE_RATE / F0_FLOOR_HZ:  # Praat needs three periods of the lowest pitch
        return f0_hz
    sound = parselmouth.Sound(waveform.astype(np.float64), SAMPLE_RATE)
    heard = sound.to_pitch_ac(time_step=0.01, pitch_floor=F0_FLOOR_HZ, pitch_ceiling=F0_CEILING_HZ)
    frames = np.floor(heard.xs() * 100 + 0.5001).astype(int)  # not rint: it sends both 2.5 and 1.5 to 2
    f0_hz[frames[frames < num_frames]] = heard.selected_array["frequency"][frames < num_frames]
    return f0_hz


def pitch(waveform: NDArray[np.float32], num_frames: int) -> Features:
    """[num_frames, 3]: f0 in units of 4 semitones above the median, f0 in standard deviations, voiced (0 or 1).

    Unvoiced gaps are bridged linearly; all zeros without any voice.
    """
    track = np.zeros((num_frames, 3), dtype=np.float32)
    f0_hz = f0_track(waveform, num_frames)
    voiced = f0_hz > 0
    if not voiced.any():
        return track
    semitones = 12 * np.log2(f0_hz[voiced] / np.median(f0_hz[voiced]))
    contour = np.interp(np.arange(num_frames), np.flatnonzero(voiced), semitones)
    track[:, 0] = contour / 4
    track[:, 1] = (contour - semitones.mean()) / max(float(semitones.std()), 1.0)
    track[:, 2] = voiced
    return np.clip(track, -4, 4)


def to_waveform(samples: Samples) -> NDArray[np.float32]:
    """int16 -> [-1, 1]."""
    return samples.astype(np.float32) / np.float32(32_768)


def phone_features(samples: Samples) -> Features:
    """[T, NUM_FEATURES] for int16 [N] at 24 kHz: the mel bands minus their mean over the utterance, then pitch."""
    waveform = to_waveform(samples)
    mel = log_mel(waveform)
    return np.concatenate([mel - mel.mean(axis=0), pitch(waveform, len(mel))], axis=1)
