"""Clips become whole frames, sounds become samples, files become digests; what is wrong is named."""

from pathlib import Path

import numpy as np
import pytest
import soxr

from schemas.take import SAMPLE_RATE
from stages.backends.codec_clips import check_codes, digest_of, fitted, to_samples, whole_frames


def clip(length: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 3000, length).astype(np.int16)


@pytest.mark.parametrize(
    ("length", "rate_hz", "hop", "frames"),
    [(1, 24_000, 1920, 1), (1920, 24_000, 1920, 1), (1921, 24_000, 1920, 2), (24_000, 44_100, 512, 87)],
)
def test_clips_are_filled_up_to_whole_frames(length: int, rate_hz: int, hop: int, frames: int) -> None:
    waveform = whole_frames(clip(length), rate_hz, hop)
    heard = soxr.resample(clip(length) / np.float32(32768), SAMPLE_RATE, rate_hz)
    assert (waveform.dtype, waveform.shape) == (np.float32, (frames * hop,))
    np.testing.assert_array_equal(waveform[: len(heard)], heard)
    assert not waveform[len(heard) :].any()


def test_frames_are_counted_as_the_stage_counts_them() -> None:
    """At a rate that is no whole number of samples a frame, resampling may give a sample too few for the last one."""
    for length in range(1, 40_000, 997):
        frames = int(np.ceil(round(length / SAMPLE_RATE * (44_100 / 512), 6)))
        assert len(whole_frames(clip(length), 44_100, 512)) == frames * 512


@pytest.mark.parametrize("shape", [(0,), (10, 2)])
def test_a_clip_that_is_empty_or_not_mono_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"it must be \[N\] with N > 0: pass one mono take"):
        whole_frames(np.zeros(shape, np.int16), 24_000, 1920)


def test_a_waveform_is_cut_or_filled_up() -> None:
    ones = np.ones(3, np.float32)
    assert [fitted(ones, length).tolist() for length in (2, 3, 5)] == [[1, 1], [1, 1, 1], [1, 1, 1, 0, 0]]


def test_samples_are_rounded_and_kept_in_range() -> None:
    samples = to_samples(np.array([0.0, 0.5, -1.0, 1.7], np.float32))
    assert (samples.dtype, samples.tolist()) == (np.int16, [0, 16384, -32767, 32767])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_no_sound(value: float) -> None:
    with pytest.raises(ValueError, match="set its dtype to 'float32'"):
        to_samples(np.array([0.0, value], np.float32))


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((0, 2)), "codes of shape"),
        (np.zeros((3, 4)), "codes of shape"),
        (np.zeros(4), "codes of shape"),
        (np.full((3, 2), 16), "the code 16; codes must be below 16"),
    ],
)
def test_codes_that_cannot_be_decoded_are_named(codes: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_codes(codes.astype(np.uint16), 2, 16)
    check_codes(np.full((3, 2), 15, np.uint16), 2, 16)


def test_a_digest_is_of_names_and_contents_wherever_they_lie(tmp_path: Path) -> None:
    for folder, name, text in (("b", "x", "1"), ("c", "y", "2"), ("z", "x", "1"), ("a", "y", "2"), ("a", "x", "2")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(text)
    first, moved, other = (
        digest_of(tmp_path / path for path in paths) for paths in (("b/x", "c/y"), ("a/y", "z/x"), ("a/x", "a/y"))
    )
    assert first == moved != other
