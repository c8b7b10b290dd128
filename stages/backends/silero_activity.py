"""Voice activity by the `silero-vad` package, which carries its network."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.take import SAMPLE_RATE, Samples

RATE_HZ = 16_000
FRAME_SAMPLES = 768
"""Samples at 24 kHz per frame of the network: 512 at its own 16 kHz."""
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE

THRESHOLD = 0.2
"""Speech probability from which a frame counts as speech. At silero-vad's default of 0.5 the first second of a whisper
or a shout is often missed; noise, hum, chords and silence stay below 0.17 (20 s of each at four levels)."""


class SileroActivity:
    """Says of each 32 ms frame whether somebody speaks in it."""

    name = "silero"

    def __init__(self) -> None:
        self._model: Any = None

    def open(self) -> None:
        from silero_vad import load_silero_vad

        self._model = load_silero_vad(sequence=True)  # one run of onnxruntime per clip, on one thread

    def close(self) -> None:
        self._model = None

    def detect(self, clips: Sequence[Samples]) -> list[NDArray[np.bool_]]:
        """Per int16 [N] clip at 24 kHz: bool [ceil(N / FRAME_SAMPLES)], true where there is speech."""
        return [self._detect(clip) for clip in clips]

    def _detect(self, clip: Samples) -> NDArray[np.bool_]:
        import soxr

        audio = soxr.resample(clip.astype(np.float32) / 32768.0, SAMPLE_RATE, RATE_HZ)
        frames = -(-len(clip) // FRAME_SAMPLES)
        padded = np.pad(audio, (0, frames * 512 - len(audio)))
        active: NDArray[np.bool_] = self._model.audio_forward(padded) >= THRESHOLD
        return active
