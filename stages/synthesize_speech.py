"""SynthesizeSpeech: every line becomes a take."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.take import SAMPLE_RATE, Line, Samples, Take
from stages.backends.protocols import Performance, SpeechSynthesizer


@dataclass(frozen=True)
class SynthesizeSpeech:
    """Performs lines with a speech back end; audio at another rate is resampled to 24 kHz, the native rate noted."""

    synthesizer: SpeechSynthesizer

    def open(self) -> None:
        self.synthesizer.open()

    def process(self, lines: Sequence[Line]) -> list[Take]:
        performances = self.synthesizer.synthesize(lines)
        return [_take(line, performance) for line, performance in zip(lines, performances, strict=True)]

    def close(self) -> None:
        self.synthesizer.close()


def _take(line: Line, performance: Performance) -> Take:
    if len(performance.samples) == 0:
        raise ValueError(f"the synthesizer returned no audio for {line.take_id}")
    samples = _resampled(performance.samples, performance.rate_hz)
    return Take(line, samples, performance.rate_hz, performance.phones)


def _resampled(samples: Samples, rate_hz: int) -> Samples:
    if rate_hz == SAMPLE_RATE:
        return samples
    import soxr

    resampled = soxr.resample(samples.astype(np.float64), rate_hz, SAMPLE_RATE)
    return np.asarray(np.clip(np.round(resampled), -32768, 32767), dtype=np.int16)
