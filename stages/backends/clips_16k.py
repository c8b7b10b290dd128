"""Clips as recognizers want them: float32 at 16 kHz."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.take import SAMPLE_RATE, Samples

RATE_HZ = 16_000


def at_16_khz(clip: Samples, at_least_s: float = 0.0) -> NDArray[np.float32]:
    """float32 [N] in [-1, 1] at RATE_HZ from int16 [N] at 24 kHz; what is shorter than `at_least_s` is filled up with
    silence. Raises ValueError for a clip without samples."""
    import soxr

    if clip.ndim != 1 or not len(clip):
        raise ValueError(f"a clip of shape {clip.shape} cannot be heard: it must be [N], N > 0; pass one mono take.")
    waveform: Any = soxr.resample(clip.astype(np.float32) / 32768.0, SAMPLE_RATE, RATE_HZ)
    return np.pad(waveform, (0, max(0, round(at_least_s * RATE_HZ) - len(waveform))))
