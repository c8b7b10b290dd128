"""Listen to every take and compare what is heard with what should have been said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemas.take import Take
from stages.backends.protocols import Hearing, Transcriber


@dataclass(frozen=True)
class Transcribe:
    """Take -> the same Take with hypothesis, reference, heard tags and the measures of `transcriber`."""

    transcriber: Transcriber

    def open(self) -> None:
        self.transcriber.open()

    def process(self, takes: Sequence[Take]) -> Iterator[Take]:
        """One take per take, in order."""
        hearings = self.transcriber.transcribe(
            [take.samples for take in takes],
            [take.line.spoken for take in takes],
            [take.line.language for take in takes],
            [take.line.turn.song is not None for take in takes],
        )
        for take, hearing in zip(takes, hearings, strict=True):
            yield _with_hearing(take, hearing)

    def close(self) -> None:
        self.transcriber.close()


def _with_hearing(take: Take, hearing: Hearing) -> Take:
    measures = replace(
        take.measures,
        error_rate=hearing.error_rate,
        gap=hearing.gap,
        worst_gap=hearing.worst_gap,
        length_ratio=hearing.length_ratio,
        fallback_share=hearing.fallback_share,
        repetition=hearing.repetition,
        language_agrees=hearing.language_agrees,
        compression_ratio=hearing.compression_ratio,
        mean_log_probability=hearing.mean_log_probability,
        no_speech_probability=hearing.no_speech_probability,
    )
    return replace(
        take,
        hypothesis=hearing.hypothesis,
        reference=hearing.reference,
        heard_tags=hearing.tags,
        measures=measures,
    )
