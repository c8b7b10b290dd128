"""TokenizeAudio gives each take the codes of its own audio."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.take import Codes, Line, Samples, Take
from stages.tokenize_audio import TokenizeAudio


class CountingCodec:
    """A codec whose only code is the length of the clip."""

    name = "counting"
    fingerprint = "0"
    sample_rate, frame_rate, num_codebooks, cardinality = 24_000, 12.5, 1, 1024

    def __init__(self, lost: int = 0, said_rate: int = 24_000, extra: int = 0, dtype: str = "uint16") -> None:
        self.lost = lost
        self.said_rate = said_rate
        self.extra = extra
        self.dtype = dtype
        self.is_open = False

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def encode(self, clips: Sequence[Samples]) -> list[Codes]:
        values = [np.array([[len(clip)]] + [[0]] * self.extra).astype(self.dtype) for clip in clips]
        return [Codes(one, self.name, self.said_rate, 12.5, 1024) for one in values][self.lost :]

    def decode(self, codes: Sequence[NDArray[np.uint16]]) -> list[Samples]:
        return [np.zeros(int(one[0, 0]), dtype=np.int16) for one in codes]


@pytest.fixture
def takes(make_line: Callable[..., Line]) -> list[Take]:
    return [Take(make_line(turn_index=index), np.zeros(10 * index, np.int16), 24_000, ()) for index in (1, 2)]


def test_every_take_gets_its_codes_and_keeps_the_rest(takes: list[Take]) -> None:
    tokenized = list(TokenizeAudio(CountingCodec()).process(takes))

    assert [one.codes.values.tolist() for one in tokenized if one.codes] == [[[10]], [[20]]]
    assert [replace(one, codes=None) for one in tokenized] == takes


def test_a_codec_that_loses_a_clip_is_an_error(takes: list[Take]) -> None:
    with pytest.raises(ValueError, match="shorter"):
        list(TokenizeAudio(CountingCodec(lost=1)).process(takes))


@pytest.mark.parametrize(
    ("codec", "cause"),
    [
        (CountingCodec(said_rate=16_000), r"rate and cardinality \(16000, 12.5, 1024\), which are not counting's"),
        (CountingCodec(extra=1), r"codes are uint16 \(2, 1\), not uint16 \(1, 1\)"),
        (CountingCodec(dtype="float64"), r"codes are float64 \(1, 1\), not uint16 \(1, 1\)"),
    ],
)
def test_codes_that_cannot_be_of_this_codec_and_take_are_an_error(
    takes: list[Take], codec: CountingCodec, cause: str
) -> None:
    with pytest.raises(ValueError, match=cause):
        list(TokenizeAudio(codec).process(takes))


def test_a_code_beyond_the_codebook_is_an_error(make_line: Callable[..., Line]) -> None:
    take = Take(make_line(), np.zeros(1500, np.int16), 24_000, ())
    with pytest.raises(ValueError, match="a code is 1500, not below 1024"):
        list(TokenizeAudio(CountingCodec()).process([take]))


def test_open_and_close_reach_the_codec() -> None:
    codec = CountingCodec()
    stage = TokenizeAudio(codec)
    stage.open()
    assert codec.is_open
    stage.close()
    assert not codec.is_open
