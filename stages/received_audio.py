"""What arrives from a synthesizer: is it audio at all, and as the corpus keeps it, int16 at 24 kHz."""

import numpy as np

from schemas.take import SAMPLE_RATE, Samples
from stages.backends.protocols import Performance

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 192_000
SILENCE_PEAK = 33
"""-60 dBFS: what never rises above it is no voice, not even a whisper."""


def check_audio(performance: Performance) -> None:
    """Raises ValueError for what no voice can have meant: the back end is broken."""
    samples, rate_hz = performance.samples, performance.rate_hz
    if samples.dtype != np.int16 or samples.ndim != 1:
        raise ValueError(f"the synthesizer gave {samples.dtype} {list(samples.shape)}, not int16 [N]")
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise ValueError(f"the synthesizer gave audio at {rate_hz} Hz, outside {MIN_RATE_HZ} to {MAX_RATE_HZ}")
    if len(samples) == 0 or int(np.abs(samples.astype(np.int32)).max()) < SILENCE_PEAK:
        raise ValueError(f"the synthesizer gave silence ({len(samples) / rate_hz:.2f} s)")


def resampled(performance: Performance) -> Samples:
    """The samples at 24 kHz."""
    if performance.rate_hz == SAMPLE_RATE:
        return performance.samples
    import soxr

    samples = soxr.resample(performance.samples.astype(np.float64), performance.rate_hz, SAMPLE_RATE)
    return np.asarray(np.clip(np.round(samples), -32768, 32767), dtype=np.int16)
