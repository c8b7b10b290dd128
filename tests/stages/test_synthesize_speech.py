from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from schemas.script import Character
from schemas.tags import Tag
from schemas.take import Line, Span, Take, Voice
from stages.backends.protocols import Performance
from stages.synthesize_speech import SynthesizeSpeech

PHONES = (Span("a", 0.0, 1.0),)


class ToneSpeech:
    """Answers with a constant of the line's seed, one second at the given rate."""

    name = "tone"
    fingerprint = "tone-1"
    tags: Mapping[Tag, str] = {"[laugh]": "<haha>"}

    def __init__(self, rate_hz: int, short: bool = False) -> None:
        self.rate_hz, self.short, self.opened = rate_hz, short, 0
        self.asked: list[str] = []

    def open(self) -> None:
        self.opened += 1

    def close(self) -> None:
        self.opened -= 1

    def design(self, character: Character) -> Voice:
        return Voice(character.character_id, self.name, {})

    def synthesize(self, lines: Sequence[Line]) -> list[Performance]:
        said = lines[1:] if self.short else lines
        self.asked += [line.tagged for line in lines]
        return [Performance(np.full(self.rate_hz, line.seed, np.int16), self.rate_hz, PHONES) for line in said]


def test_one_take_a_line_in_order(make_line: Callable[..., Line]) -> None:
    lines = [make_line(seed=300), make_line(seed=500, turn_index=1)]
    takes = SynthesizeSpeech(ToneSpeech(24_000)).process(lines)
    assert [take.line for take in takes] == lines
    for take, line in zip(takes, lines, strict=True):
        np.testing.assert_array_equal(take.samples, np.full(24_000, line.seed, np.int16))
        assert (take.native_rate_hz, take.phones, take.duration_s) == (24_000, PHONES, 1.0)


def test_tags_are_written_as_the_back_end_wants_them_or_dropped_and_noted(make_line: Callable[..., Line]) -> None:
    tagged = ["[sigh] well, [laugh] no [cough].", "[hum] well, no.", ""]
    lines = [make_line(seed=300, spoken="well, no.", tagged=text) for text in tagged]
    backend = ToneSpeech(24_000)
    takes = SynthesizeSpeech(backend).process(lines)
    assert backend.asked == ["well, <haha> no.", "", ""]
    assert [take.dropped_tags for take in takes] == [("[sigh]", "[cough]"), ("[hum]",), ()]
    assert [take.line for take in takes] == lines


def test_another_rate_is_resampled_and_noted(make_line: Callable[..., Line]) -> None:
    (take,) = SynthesizeSpeech(ToneSpeech(16_000)).process([make_line(seed=1000)])
    assert isinstance(take, Take)
    assert take.native_rate_hz == 16_000
    assert take.samples.dtype == np.int16
    assert take.duration_s == pytest.approx(1.0, abs=1e-3)
    assert np.abs(take.samples[2000:-2000].astype(int) - 1000).max() <= 1


def test_a_missing_result_is_an_error(make_line: Callable[..., Line]) -> None:
    with pytest.raises(ValueError, match="zip"):
        SynthesizeSpeech(ToneSpeech(24_000, short=True)).process([make_line(seed=300), make_line(seed=300)])


@pytest.mark.parametrize(
    ("samples", "rate_hz", "cause"),
    [
        (np.zeros(0, np.int16), 24_000, r"silence \(0.00 s\)"),
        (np.full(24_000, 32, np.int16), 24_000, r"silence \(1.00 s\)"),
        (np.full(24_000, np.nan), 24_000, r"float64 \[24000\], not int16 \[N\]"),
        (np.ones((2, 24_000), np.int16), 24_000, r"int16 \[2, 24000\], not int16 \[N\]"),
        (np.full(24_000, 999, np.int16), 24, "at 24 Hz, outside 8000 to 192000"),
        (np.full(1_000, 999, np.int16), 24_000, "0.04 s for 11 letters, outside 0.11 to 21.50 s"),
        (np.full(24_000 * 22, 999, np.int16), 24_000, "22.00 s for 11 letters, outside 0.11 to 21.50 s"),
    ],
)
def test_what_no_voice_can_have_meant_is_an_error(
    make_line: Callable[..., Line], samples: Any, rate_hz: int, cause: str
) -> None:
    class Broken(ToneSpeech):
        def synthesize(self, lines: Sequence[Line]) -> list[Performance]:
            return [Performance(samples, rate_hz, ()) for _ in lines]

    with pytest.raises(ValueError, match=cause):
        SynthesizeSpeech(Broken(24_000)).process([make_line(spoken="good morning")])


def test_a_line_that_fails_alone_leaves_its_exception_in_its_place(make_line: Callable[..., Line]) -> None:
    class Choosy(ToneSpeech):
        def synthesize(self, lines: Sequence[Line]) -> list[Any]:
            said = super().synthesize(lines)
            return [
                ValueError("not this") if line.seed == 500 else tone for line, tone in zip(lines, said, strict=True)
            ]

    lines = [make_line(seed=300), make_line(seed=500), make_line(seed=700)]
    first, error, last = SynthesizeSpeech(Choosy(24_000)).process(lines)
    assert str(error) == "not this"
    assert [take.line.seed for take in (first, last) if isinstance(take, Take)] == [300, 700]


def test_the_back_end_opens_and_closes_with_the_stage() -> None:
    backend = ToneSpeech(24_000)
    stage = SynthesizeSpeech(backend)
    stage.open()
    assert backend.opened == 1
    stage.close()
    assert backend.opened == 0
