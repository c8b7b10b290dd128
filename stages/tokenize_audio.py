"""Turn the audio of every take into codes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from schemas.take import Codes, Take
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
            self._check(take, one)
            yield replace(take, codes=one)

    def _check(self, take: Take, codes: Codes) -> None:
        """Raises ValueError for codes that are not of this codec or not of this take."""
        codec = self.codec
        said = (codes.sample_rate, codes.frame_rate, codes.cardinality)
        if said != (codec.sample_rate, codec.frame_rate, codec.cardinality):
            raise ValueError(f"codes say sample rate, frame rate and cardinality {said}, which are not {codec.name}'s")
        shape = (math.ceil(round(take.duration_s * codec.frame_rate, 6)), codec.num_codebooks)
        if codes.values.shape != shape or codes.values.dtype != np.uint16:
            raise ValueError(f"codes are {codes.values.dtype} {codes.values.shape}, not uint16 {shape}")
        if int(codes.values.max()) >= codec.cardinality:
            raise ValueError(f"a code is {codes.values.max()}, not below {codec.cardinality}")

    def close(self) -> None:
        self.codec.close()
