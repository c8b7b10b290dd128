"""Turn the audio of every take into codes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemas.take import Take
from stages.backends.protocols import AudioCodec


@dataclass(frozen=True)
class TokenizeAudio:
    """Take -> the same Take with `codes`, as `codec` hears its audio."""

    codec: AudioCodec

    def open(self) -> None:
        self.codec.open()

    def process(self, takes: Sequence[Take]) -> Iterator[Take]:
        """One take per take, in order."""
        codes = self.codec.encode([take.samples for take in takes])
        for take, one in zip(takes, codes, strict=True):
            yield replace(take, codes=one)

    def close(self) -> None:
        self.codec.close()
