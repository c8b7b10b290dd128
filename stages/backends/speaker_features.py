"""What the speaker net hears: log-mel bands with the colour of the voice left in, and pitch in absolute terms.

Frames are 10 ms apart, as the phone recognizer's. But where that one hears shapes, this one hears levels: the mean of
every band over the clip, and how high the pitch lies, are half of who speaks. Only loudness is taken out.
"""

import numpy as np
from numpy.typing import NDArray

from schemas.take import SAMPLE_RATE, Samples
from stages.backends.phone_features import NUM_MELS, Features, f0_track, log_mel, to_waveform

NUM_FEATURES = NUM_MELS + 2
RMS = 0.05
"""The level that every clip is brought to: about the engine's neutral speech, clear of the floor of `log_mel`."""
MEL_CENTRE, MEL_SCALE = -5.0, 3.0
"""About the mean and deviation of speech in `log_mel`: a net likes inputs near one."""
F0_CENTRE_HZ = 180.0
MIN_S = 0.2
"""A shorter clip is said over and over up to this length: a word of assent has a voice too."""


def speaker_features(samples: Samples) -> Features:
    """[T, NUM_FEATURES] for int16 [N] at 24 kHz: mel bands, octaves above F0_CENTRE_HZ, voiced (0 or 1).

    T = 1 + N // HOP. Unvoiced frames have 0 octaves. Raises ValueError for a clip without samples.
    """
    if not len(samples):
        raise ValueError("a clip without samples has no speaker.")
    waveform = to_waveform(np.resize(samples, max(len(samples), round(MIN_S * SAMPLE_RATE))))
    rms = np.sqrt(np.mean(waveform**2))
    levelled = waveform * np.float32(RMS / max(rms, 1e-6))
    mel = (log_mel(levelled) - np.float32(MEL_CENTRE)) / np.float32(MEL_SCALE)
    return np.concatenate([mel, pitch_height(levelled, len(mel))], axis=1)


def pitch_height(waveform: NDArray[np.float32], num_frames: int) -> Features:
    """[num_frames, 2]: octaves above F0_CENTRE_HZ, 0 where unvoiced, and voiced (0 or 1)."""
    f0_hz = f0_track(waveform, num_frames)
    octaves = np.log2(np.where(f0_hz > 0, f0_hz, F0_CENTRE_HZ) / F0_CENTRE_HZ)
    return np.stack([octaves, f0_hz > 0], axis=1).astype(np.float32)
