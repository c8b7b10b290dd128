"""Songs become takes: resampled, with beat 0 in its place; what cannot be the song is an error."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from schemas.score import Note, Score, Song
from schemas.take import Line
from stages.backends.protocols import Performance
from stages.synthesize_singing import SynthesizeSinging
from tests.fakes import ToneSinging

NOTES = tuple(Note(midi=60 + place, onset_beats=place, duration_beats=1, syllable="la") for place in range(3))
SCORE = Score(tempo_bpm=120, tonic="C", notes=NOTES)
SONG = Song(song_id="s", title="La", origin="test", source="test", licence="CC0-1.0", score=SCORE)


@pytest.fixture
def line(make_line: Callable[..., Line]) -> Line:
    spoken = make_line(spoken="la la la")
    return replace(spoken, turn=spoken.turn.model_copy(update={"song": SONG, "role": "assistant"}))


class Singer(ToneSinging):
    """Gives what it is told to."""

    def __init__(self, samples: Any, rate_hz: int, score_start_s: float | None) -> None:
        self.performance = Performance(samples, rate_hz, (), score_start_s)

    def sing(self, lines: Sequence[Line]) -> list[Performance]:
        return [self.performance for _ in lines]


def test_a_song_becomes_a_take(line: Line) -> None:
    (take,) = SynthesizeSinging(ToneSinging()).process([line])
    assert (take.line, take.native_rate_hz, take.score_start_s) == (line, 24_000, 0.2)
    assert take.duration_s == pytest.approx(1.9)


def test_another_rate_is_resampled_and_noted(line: Line) -> None:
    (take,) = SynthesizeSinging(Singer(np.full(32_000, 1000, np.int16), 16_000, 0.25)).process([line])
    assert (take.native_rate_hz, len(take.samples), take.score_start_s) == (16_000, 48_000, 0.25)


@pytest.mark.parametrize(
    ("samples", "start_s", "cause"),
    [
        (np.zeros(48_000, np.int16), 0.2, "the synthesizer gave silence"),
        (np.full(48_000, 0.1), 0.2, r"float64 \[48000\], not int16"),
        (np.full(48_000, 999, np.int16), None, "put beat 0 at None s, which is no place for a first note at 0 s"),
        (np.full(48_000, 999, np.int16), -0.1, "put beat 0 at -0.1 s, which is no place for a first note at 0 s"),
        (np.full(24_000, 999, np.int16), 0.2, "gave 1.00 s for a score that ends at 1.70 s"),
        (np.full(480_000, 999, np.int16), 0.2, "gave 20.00 s for a score that ends at 1.70 s"),
    ],
)
def test_what_cannot_be_this_song_is_an_error(line: Line, samples: Any, start_s: float | None, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        SynthesizeSinging(Singer(samples, 24_000, start_s)).process([line])


def test_a_line_without_a_song_is_an_error(make_line: Callable[..., Line]) -> None:
    with pytest.raises(ValueError, match="has no song"):
        SynthesizeSinging(Singer(np.full(48_000, 999, np.int16), 24_000, 0.0)).process([make_line(spoken="hello")])
