"""SynthesizeSpeech: every line becomes a take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.tags import TAGS, Tag, split_around_tags, tags_in, without_tags
from schemas.take import Line, Take
from stages.backends.protocols import Performance, SpeechSynthesizer
from stages.received_audio import check_audio, resampled

MIN_S_PER_LETTER, MAX_S_PER_LETTER, PAUSES_S = 0.01, 1.5, 5.0
"""Nobody speaks five times faster than fast (letter or hanzi), nor this slowly; what lies between is for the ears."""


@dataclass(frozen=True)
class SynthesizeSpeech:
    """Performs lines with a speech back end; audio at another rate is resampled to 24 kHz, the native rate noted."""

    synthesizer: SpeechSynthesizer

    def open(self) -> None:
        self.synthesizer.open()

    def process(self, lines: Sequence[Line]) -> list[Take | Exception]:
        """One take a line, in order; the exception of a line that failed alone takes its place."""
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


def _take(line: Line, performance: Performance | Exception, dropped: tuple[Tag, ...]) -> Take | Exception:
    if isinstance(performance, Exception):
        return performance
    check_speech(line.spoken, performance)
    return Take(line, resampled(performance), performance.rate_hz, performance.phones, dropped_tags=dropped)


def check_speech(spoken: str, performance: Performance) -> None:
    """Raises ValueError for what no voice can have meant as these words: the back end is broken."""
    check_audio(performance)
    samples, rate_hz = performance.samples, performance.rate_hz
    letters = sum(character.isalnum() for character in spoken)
    low_s, high_s = MIN_S_PER_LETTER * letters, PAUSES_S + MAX_S_PER_LETTER * letters
    if not low_s <= len(samples) / rate_hz <= high_s:
        seconds = f"{len(samples) / rate_hz:.2f} s for {letters} letters"
        raise ValueError(f"the synthesizer gave {seconds}, outside {low_s:.2f} to {high_s:.2f} s")
