from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from schemas.take import Line, Measures, Samples, Take, Vector, Voice
from stages import score_speaker
from stages.score_speaker import ScoreSpeaker


@dataclass
class PointingEncoder:
    """A clip of n degrees (its length) points at that angle; remembers what it heard."""

    name: str = "pointing"
    fingerprint: str = "0"
    width: int = 2
    heard: list[int] = field(default_factory=list)
    is_open: bool = False

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def embed(self, clips: Sequence[Samples]) -> list[Vector]:
        self.heard += [len(clip) for clip in clips]
        return [at(len(clip)) for clip in clips]


@dataclass
class BrokenEncoder(PointingEncoder):
    """Gives what it is told to."""

    given: list[Vector] = field(default_factory=list)

    def embed(self, clips: Sequence[Samples]) -> list[Vector]:
        return self.given


def at(degrees: float) -> Vector:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def clip(length: int) -> Samples:
    return np.full(length, length, np.int16)


@pytest.fixture
def make_take(make_line: Callable[..., Line]) -> Callable[[int, int], Take]:
    def make(length: int, reference: int) -> Take:
        line = make_line(voice=Voice(f"v{reference}", "test", {}, clip(reference)))
        return Take(line, clip(length), 24_000, (), measures=Measures(gap=0.5))

    return make


def test_similarity_is_the_cosine_to_the_reference_whose_vector_the_take_gets(make_take) -> None:
    takes = [make_take(90, 30), make_take(45, 45), make_take(10, 30)]
    scored = ScoreSpeaker(PointingEncoder()).process(takes)
    for take, given, degrees, reference in zip(scored, takes, (60, 0, 20), (30, 45, 30), strict=True):
        similarity = take.measures.speaker_similarity
        assert similarity == pytest.approx(np.cos(np.radians(degrees)), abs=1e-6)
        np.testing.assert_array_equal(take.speaker, at(reference))
        assert replace(take, speaker=None) == replace(given, measures=Measures(gap=0.5, speaker_similarity=similarity))


def test_a_reference_is_embedded_once_whatever_the_batches(make_take) -> None:
    encoder = PointingEncoder()
    stage = ScoreSpeaker(encoder)
    stage.process([make_take(1, 30), make_take(2, 30)])
    stage.process([make_take(3, 30), make_take(4, 45)])
    assert sorted(encoder.heard) == [1, 2, 3, 4, 30, 45]


def test_two_references_under_one_id_are_two_references(make_take) -> None:
    first, second = make_take(30, 30), make_take(30, 90)
    second = replace(second, line=replace(second.line, voice=replace(second.line.voice, voice_id="v30")))
    similarities = [
        take.measures.speaker_similarity for take in ScoreSpeaker(PointingEncoder()).process([first, second])
    ]
    assert similarities == pytest.approx([1.0, 0.5], abs=1e-6)


def test_forgotten_references_are_heard_again_with_the_same_result(make_take, monkeypatch) -> None:
    monkeypatch.setattr(score_speaker, "MAX_REFERENCES", 2)
    takes = [make_take(90, reference) for reference in (10, 20, 30, 10)]
    encoder = PointingEncoder()
    stage = ScoreSpeaker(encoder)
    alone = [stage.process([take])[0].measures for take in takes]
    assert encoder.heard.count(10) == 2
    assert alone == [take.measures for take in ScoreSpeaker(PointingEncoder()).process(takes)]


@pytest.mark.parametrize(
    ("vector", "reason"),
    [
        (at(0).astype(np.float64), r"gave float64 \[2\], not float32 \[2\]"),
        (np.array([1, 0, 0], np.float32), r"gave float32 \[3\], not float32 \[2\]"),
        (2 * at(0), "length 2, not 1"),
        (np.array([1, np.nan], np.float32), "length nan, not 1"),
    ],
)
def test_what_is_no_vector_is_refused(make_take, vector: Vector, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ScoreSpeaker(BrokenEncoder(given=[vector])).process([make_take(1, 30)])


def test_a_missing_vector_is_an_error(make_take) -> None:
    with pytest.raises(ValueError, match="shorter"):
        ScoreSpeaker(BrokenEncoder(given=[at(0)])).process([make_take(1, 30), make_take(2, 30)])


def test_a_voice_without_reference_is_refused_by_name(make_line) -> None:
    take = Take(make_line(), clip(9), 24_000, ())
    with pytest.raises(ValueError, match="'c1' has no reference to compare with: cast it with its reference"):
        ScoreSpeaker(PointingEncoder()).process([take])


def test_the_stage_opens_and_closes_its_back_end() -> None:
    encoder = PointingEncoder()
    stage = ScoreSpeaker(encoder)
    stage.open()
    assert encoder.is_open
    stage.close()
    assert not encoder.is_open
