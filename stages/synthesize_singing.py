"""SynthesizeSinging: every line that has a song becomes a take."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.take import Line, Take
from stages.backends.protocols import Performance, SingingSynthesizer
from stages.received_audio import check_audio, resampled

MAX_LEAD_S, MAX_TAIL_S = 10.0, 10.0
"""Longest stretch before the first note and after the last: breath, echo, and no more."""
MAX_MISSING_S = 0.5
"""A singer may let go of the last note early."""


@dataclass(frozen=True)
class SynthesizeSinging:
    """Performs songs with a singing back end; audio at another rate is resampled to 24 kHz, the native rate noted."""

    synthesizer: SingingSynthesizer

    def open(self) -> None:
        self.synthesizer.open()

    def process(self, lines: Sequence[Line]) -> list[Take | Exception]:
        performances = self.synthesizer.sing(lines)
        return [_take(line, performance) for line, performance in zip(lines, performances, strict=True)]

    def close(self) -> None:
        self.synthesizer.close()


def _take(line: Line, performance: Performance | Exception) -> Take | Exception:
    if isinstance(performance, Exception):
        return performance
    check_song(line, performance)
    start_s = performance.score_start_s
    return Take(line, resampled(performance), performance.rate_hz, performance.phones, score_start_s=start_s)


def check_song(line: Line, performance: Performance) -> None:
    """Raises ValueError for what cannot be this song: the back end is broken."""
    song, start_s = line.turn.song, performance.score_start_s
    if song is None:
        raise ValueError(f"{line.take_id} has no song")
    check_audio(performance)
    first_s, _ = song.score.times_s(song.score.notes[0])
    if start_s is None or not 0.0 <= start_s + first_s <= MAX_LEAD_S:
        raise ValueError(f"the singer put beat 0 at {start_s} s, which is no place for a first note at {first_s:g} s")
    seconds, end_s = len(performance.samples) / performance.rate_hz, start_s + song.score.duration_s
    if not end_s - MAX_MISSING_S <= seconds <= end_s + MAX_TAIL_S:
        raise ValueError(f"the singer gave {seconds:.2f} s for a score that ends at {end_s:.2f} s")
