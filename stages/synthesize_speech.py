"""SynthesizeSpeech: every line becomes a take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from schemas.tags import TAGS, Tag, split_around_tags, tags_in, without_tags
from schemas.take import SAMPLE_RATE, Line, Samples, Take
from stages.backends.protocols import Performance, SpeechSynthesizer

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 192_000
SILENCE_PEAK = 33
"""-60 dBFS: what never rises above it is no speech, not even a whisper."""
MIN_S_PER_LETTER, MAX_S_PER_LETTER, PAUSES_S = 0.01, 1.5, 5.0
"""Nobody speaks five times faster than fast (letter or hanzi), nor this slowly; what lies between is for the ears."""


@dataclass(frozen=True)
class SynthesizeSpeech:
    """Performs lines with a speech back end; audio at another rate is resampled to 24 kHz, the native rate noted."""

    synthesizer: SpeechSynthesizer

    def open(self) -> None:
        self.synthesizer.open()

    def process(self, lines: Sequence[Line]) -> list[Take]:
        performances = self.synthesizer.synthesize([for_voice(line, self.synthesizer.tags) for line in lines])
        dropped = [tuple(tag for tag in tags_in(line.tagged) if tag not in self.synthesizer.tags) for line in lines]
        return [_take(*made) for made in zip(lines, performances, dropped, strict=True)]

    def close(self) -> None:
        self.synthesizer.close()


def for_voice(line: Line, tags: Mapping[Tag, str]) -> Line:
    """The line with its tags as the back end writes them, without those that it cannot perform."""
    if not line.tagged:
        return line
    known = without_tags(line.tagged, [tag for tag in TAGS if tag not in tags])
    if not tags_in(known):
        return replace(line, tagged="")
    written = {str(tag): words for tag, words in tags.items()}
    return replace(line, tagged="".join(written.get(piece, piece) for piece in split_around_tags(known)))


def _take(line: Line, performance: Performance, dropped: tuple[Tag, ...]) -> Take:
    _check(line, performance)
    samples = _resampled(performance.samples, performance.rate_hz)
    return Take(line, samples, performance.rate_hz, performance.phones, dropped_tags=dropped)


def _check(line: Line, performance: Performance) -> None:
    """Raises ValueError for what no voice can have meant as this line: the back end is broken."""
    samples, rate_hz = performance.samples, performance.rate_hz
    if samples.dtype != np.int16 or samples.ndim != 1:
        raise ValueError(f"the synthesizer gave {samples.dtype} {list(samples.shape)}, not int16 [N]")
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise ValueError(f"the synthesizer gave audio at {rate_hz} Hz, outside {MIN_RATE_HZ} to {MAX_RATE_HZ}")
    if len(samples) == 0 or int(np.abs(samples.astype(np.int32)).max()) < SILENCE_PEAK:
        raise ValueError(f"the synthesizer gave silence ({len(samples) / rate_hz:.2f} s)")
    letters = sum(character.isalnum() for character in line.spoken)
    low_s, high_s = MIN_S_PER_LETTER * letters, PAUSES_S + MAX_S_PER_LETTER * letters
    if not low_s <= len(samples) / rate_hz <= high_s:
        seconds = f"{len(samples) / rate_hz:.2f} s for {letters} letters"
        raise ValueError(f"the synthesizer gave {seconds}, outside {low_s:.2f} to {high_s:.2f} s")


def _resampled(samples: Samples, rate_hz: int) -> Samples:
    if rate_hz == SAMPLE_RATE:
        return samples
    import soxr

    resampled = soxr.resample(samples.astype(np.float64), rate_hz, SAMPLE_RATE)
    return np.asarray(np.clip(np.round(resampled), -32768, 32767), dtype=np.int16)
