"""Does a take sound like its character? Its speaker vector against that of the voice's reference."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from schemas.take import Samples, Take, Vector
from stages.backends.protocols import SpeakerEncoder

MAX_REFERENCES = 256
"""Vectors kept of references already heard: more than the voices of any chunk."""
NORM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class ScoreSpeaker:
    """Take -> the same Take with speaker_similarity, and `speaker`: the vector of its voice's reference.

    Similarity is the cosine, in -1..1, between the vectors of the take and of the reference. A reference is embedded
    once, and known again by its samples.
    """

    encoder: SpeakerEncoder
    _known: dict[bytes, Vector] = field(default_factory=dict, init=False, repr=False, compare=False)

    def open(self) -> None:
        self.encoder.open()

    def process(self, takes: Sequence[Take]) -> list[Take]:
        """One take per take, in order. Raises ValueError for a voice without reference, and for what is no vector."""
        references = self._reference_vectors([_reference(take) for take in takes])
        heard = self._embed([take.samples for take in takes])
        return [_scored(*each) for each in zip(takes, heard, references, strict=True)]

    def close(self) -> None:
        self._known.clear()
        self.encoder.close()

    def _reference_vectors(self, clips: Sequence[Samples]) -> list[Vector]:
        keys = [hashlib.sha256(clip.tobytes()).digest() for clip in clips]
        wanted = dict(zip(keys, clips, strict=True))
        vectors = {key: vector for key in wanted if (vector := self._known.get(key)) is not None}
        new = {key: clip for key, clip in wanted.items() if key not in vectors}
        vectors |= zip(new, self._embed(list(new.values())), strict=True)
        self._known.update(vectors)
        for key in list(self._known)[:-MAX_REFERENCES]:
            self._known.pop(key, None)  # another thread may have been here
        return [vectors[key] for key in keys]

    def _embed(self, clips: Sequence[Samples]) -> list[Vector]:
        vectors = self.encoder.embed(clips)
        for vector in vectors:
            _check(vector, self.encoder.width)
        return vectors


def _reference(take: Take) -> Samples:
    voice = take.line.voice
    if voice.reference is None:
        raise ValueError(f"the voice '{voice.voice_id}' has no reference to compare with: cast it with its reference.")
    return voice.reference


def _check(vector: Vector, width: int) -> None:
    """Raises ValueError for what no encoder can have meant: the back end is broken."""
    if vector.dtype != np.float32 or vector.shape != (width,):
        raise ValueError(f"the speaker encoder gave {vector.dtype} {list(vector.shape)}, not float32 [{width}]")
    norm = float(np.linalg.norm(vector))
    if not abs(norm - 1) <= NORM_TOLERANCE:  # false for NaN too
        raise ValueError(f"the speaker encoder gave a vector of length {norm:.4g}, not 1")


def _scored(take: Take, heard: Vector, reference: Vector) -> Take:
    measures = replace(take.measures, speaker_similarity=float(heard @ reference))
    return replace(take, measures=measures, speaker=reference)
