import io
from typing import Any

import numpy as np
import pytest
import soundfile

from stages.backends.served_audio import audio_kind, read_audio, read_pcm, wav_bytes
from tests.singing_server import wav

WAVE: Any = 0.5 * np.sin(2 * np.pi * 200 * np.arange(12_000) / 24_000)


def file(kind: str, subtype: str | None = None) -> bytes:
    body = io.BytesIO()
    soundfile.write(body, WAVE, 24_000, format=kind, subtype=subtype)
    return body.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype", "name"),
    [
        ("WAV", "PCM_16", "WAV"),
        ("WAV", "FLOAT", "WAV"),
        ("FLAC", None, "FLAC"),
        ("OGG", "OPUS", "Ogg"),
        ("MP3", None, "MP3"),
    ],
)
def test_every_kind_is_known_and_read(kind: str, subtype: str | None, name: str) -> None:
    body = file(kind, subtype)
    assert audio_kind(body) == name
    samples, rate_hz = read_audio(body)
    assert samples.dtype == np.int16
    assert len(samples) / rate_hz == pytest.approx(0.5, abs=0.05)
    assert np.abs(samples[1000:-1000].astype(int)).max() == pytest.approx(16_384, rel=0.05)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": 1}', b"RIFF0000AVI ", b"\x00\x01\x02"])
def test_what_is_no_audio(body: bytes) -> None:
    assert audio_kind(body) == ""


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF])
def test_a_wav_that_was_written_while_it_was_made_has_no_size(size: int) -> None:
    body = wav(WAVE, 24_000)
    streamed = body[:4] + size.to_bytes(4, "little") + body[8:40] + (0xFFFFFFFF).to_bytes(4, "little") + body[44:]
    samples, rate_hz = read_audio(streamed)
    np.testing.assert_array_equal(samples, read_audio(body)[0])
    assert rate_hz == 24_000


def test_what_is_wrong_is_said() -> None:
    body = wav(WAVE, 24_000)
    for wrong, cause in (
        (body[:-10], rf"^the WAV is cut off: {len(body) - 10} of {len(body)} bytes$"),
        (body[:20] + bytes(24) + body[44:], "^the WAV is broken: "),
        (file("FLAC")[:60], "^the FLAC is broken: "),
        (wav(np.stack([WAVE, WAVE], axis=1), 24_000), "^the WAV has 2 channels: send one$"),
        (wav(np.where(WAVE > 0.49, np.nan, WAVE), 24_000, "FLOAT"), r"^the WAV holds \d+ samples that are no numbers$"),
    ):
        with pytest.raises(ValueError, match=cause):
            read_audio(wrong)


def test_floats_beyond_full_scale_are_clipped() -> None:
    samples, _ = read_audio(wav(3 * WAVE, 24_000, "FLOAT"))
    assert (samples.min(), samples.max()) == (-32_768, 32_767)


def test_pcm_is_whole_samples() -> None:
    samples = np.array([-32_768, -1, 0, 1, 32_767], np.int16)
    np.testing.assert_array_equal(read_pcm(samples.astype("<i2").tobytes()), samples)
    with pytest.raises(ValueError, match="the PCM is cut off: 3 bytes are no whole number of 16-bit samples"):
        read_pcm(b"abc")


def test_a_wav_of_samples_is_read_back() -> None:
    samples = np.arange(-300, 300, dtype=np.int16)
    np.testing.assert_array_equal(read_audio(wav_bytes(samples))[0], samples)
    assert read_audio(wav_bytes(samples))[1] == 24_000
