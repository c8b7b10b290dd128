"""The bundled net on voices and texts that nothing was trained on."""

from collections.abc import Iterator

import numpy as np
import pytest

from schemas.take import Vector
from stages.backends.speaker_encoder import SpeakerNetEncoder
from trainer.clips import CLIPS_A_VOICE, Clip, make_clips

VOICES = 6


@pytest.fixture(scope="module")
def encoder() -> Iterator[SpeakerNetEncoder]:
    made = SpeakerNetEncoder()
    made.open()
    yield made
    made.close()


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    """Three voices of each language, all their clips."""
    return list(make_clips("speaker encoder test", range(VOICES * CLIPS_A_VOICE), style="plain"))


@pytest.fixture(scope="module")
def vectors(encoder: SpeakerNetEncoder, clips: list[Clip]) -> list[Vector]:
    return encoder.embed([clip.samples for clip in clips])


def test_vectors_are_unit_float32(vectors: list[Vector]) -> None:
    for vector in vectors:
        assert vector.dtype == np.float32
        assert vector.shape == (128,)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_clips_of_one_voice_are_nearer_than_those_of_two(clips: list[Clip], vectors: list[Vector]) -> None:
    """Area under the ROC curve over all pairs of one language."""
    own, other = [], []
    for i, one in enumerate(clips):
        for j, two in enumerate(clips[:i]):
            if one.line.language == two.line.language:
                same = one.line.character == two.line.character
                (own if same else other).append(vectors[i] @ vectors[j])
    area = np.mean([[a > b for b in other] for a in own])
    assert len(own) == VOICES * CLIPS_A_VOICE * (CLIPS_A_VOICE - 1) // 2
    assert area > 0.95


def test_a_vector_depends_on_its_own_clip_alone(
    encoder: SpeakerNetEncoder, clips: list[Clip], vectors: list[Vector]
) -> None:
    alone, turned = encoder.embed([clips[3].samples]), encoder.embed([clip.samples for clip in clips[3::-1]])
    assert np.array_equal(alone[0], vectors[3])
    assert np.array_equal(turned, vectors[3::-1])


def test_it_does_not_embed_before_it_is_open(clips: list[Clip]) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        SpeakerNetEncoder().embed([clips[0].samples])
