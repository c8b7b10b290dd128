"""The embedded codec as users of the AudioCodec protocol see it, with its bundled weights."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from schemas.recipe import BackendChoice
from stages.backends import registry
from stages.backends.codec_features import hear, to_waveform
from stages.backends.kmeans_codec import WEIGHTS, KmeansCodec


@pytest.fixture(scope="module")
def codec() -> Iterator[KmeansCodec]:
    codec = KmeansCodec()
    codec.open()
    yield codec
    codec.close()


def vowel(f0_hz: float, seconds: float) -> np.ndarray:
    """A gliding harmonic tone, 6 dB down an octave, with three formants, int16 at 24 kHz."""
    times = np.arange(int(seconds * 24_000)) / 24_000
    phase = 2 * np.pi * np.cumsum(f0_hz * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * times))) / 24_000
    harmonics = np.arange(1, int(5000 / f0_hz))
    centres = np.array([[600.0], [1200.0], [2500.0]])
    gains = np.exp(-(((harmonics * f0_hz - centres) / 250.0) ** 2)).sum(axis=0) + 0.5
    tone = (np.cos(phase[:, None] * harmonics) * gains / harmonics).sum(axis=1)
    return (tone / np.abs(tone).max() * 12_000).astype(np.int16)


def test_attributes_are_those_of_the_layout() -> None:
    codec = registry.load("codec", BackendChoice(name="kmeans-hn"))

    assert (codec.sample_rate, codec.frame_rate, codec.num_codebooks, codec.cardinality) == (16_000, 12.5, 8, 1024)


def test_codes_say_what_is_needed_to_decode_them(codec: KmeansCodec) -> None:
    (codes,) = codec.encode([vowel(140.0, 1.01)])

    assert codes.values.shape == (13, 8)
    assert codes.values.dtype == np.uint16
    assert (codes.codec, codes.sample_rate, codes.frame_rate, codes.cardinality) == ("kmeans-hn", 16_000, 12.5, 1024)


def test_a_clip_of_one_sample_is_one_code_and_80_ms(codec: KmeansCodec) -> None:
    (codes,) = codec.encode([np.zeros(1, dtype=np.int16)])
    (samples,) = codec.decode([codes.values])

    assert codes.values.shape == (1, 8)
    assert samples.shape == (1280,)
    assert samples.dtype == np.int16


def test_codes_and_audio_depend_on_the_clip_alone(codec: KmeansCodec) -> None:
    clips = [vowel(120.0, 0.7), vowel(260.0, 1.3)]
    together = codec.encode(clips)
    alone = [codec.encode([clip])[0] for clip in reversed(clips)][::-1]
    reopened = KmeansCodec()
    reopened.open()

    assert [one.values.tobytes() for one in together] == [one.values.tobytes() for one in alone]
    assert reopened.encode(clips[:1])[0].values.tobytes() == together[0].values.tobytes()
    first, second = codec.decode([one.values for one in together])
    assert second.tobytes() == codec.decode([together[1].values])[0].tobytes()
    assert first.tobytes() == reopened.decode([together[0].values])[0].tobytes()


@pytest.mark.parametrize("f0_hz", [110.0, 220.0, 330.0])
def test_decoded_audio_keeps_pitch_and_level(codec: KmeansCodec, f0_hz: float) -> None:
    clip = vowel(f0_hz, 2.0)
    (codes,) = codec.encode([clip])
    (samples,) = codec.decode([codes.values])
    before, after = hear(to_waveform(clip)), hear(samples.astype(np.float32) / 32768.0)
    both = before.voiced & after.voiced

    assert both.mean() > 0.9
    assert np.median(np.abs(before.log2_f0 - after.log2_f0)[both]) * 1200 < 30.0
    assert 0.5 < np.std(samples) / np.std(clip) < 2.0


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((8, 5), dtype=np.uint16), r"shape \(8, 5\); it must be \[T, 8\] .*: pass one clip, frames first"),
        (np.zeros(8, dtype=np.uint16), r"shape \(8,\)"),
        (np.zeros((0, 8), dtype=np.uint16), r"shape \(0, 8\)"),
        (np.full((2, 8), 1024, dtype=np.uint16), r"code 1024; codes must be below 1024: take out padding"),
    ],
)
def test_decode_names_what_is_wrong_with_codes(codec: KmeansCodec, codes: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        codec.decode([codes])


@pytest.mark.parametrize("shape", [(0,), (2, 100)])
def test_encode_names_what_is_wrong_with_a_clip(codec: KmeansCodec, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"shape \({shape[0]},.*it must be \[N\] with N > 0"):
        codec.encode([np.zeros(shape, dtype=np.int16)])


def test_a_closed_codec_says_so() -> None:
    with pytest.raises(RuntimeError, match=r"not open: call open\(\)"):
        KmeansCodec().encode([vowel(100.0, 0.2)])


def test_the_bundled_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size <= 8_000_000


def test_the_fingerprint_is_that_of_the_weights_and_the_code(tmp_path: Path) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(WEIGHTS.read_bytes())
    same = KmeansCodec(copy).fingerprint
    copy.write_bytes(WEIGHTS.read_bytes() + b" ")

    assert same == KmeansCodec().fingerprint
    assert KmeansCodec(copy).fingerprint != same
