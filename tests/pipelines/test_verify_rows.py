"""Decoding a row with the embedded codec: its own codes, another's, and how far apart sounds are."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soundfile

from pipelines.verify_rows import band_distance_db, check_decoding
from schemas.take import SAMPLE_RATE, Samples
from stages.backends.kmeans_codec import KmeansCodec


def vowel(f0_hz: float, formant_hz: float) -> Samples:
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    harmonics = np.arange(1, int(5000 / f0_hz))
    gains = np.exp(-(((harmonics * f0_hz - formant_hz) / 300.0) ** 2)) + 0.1 / harmonics
    tone = (np.cos(2 * np.pi * f0_hz * times[:, None] * harmonics) * gains).sum(axis=1)
    return np.asarray(8000 * tone / np.abs(tone).max(), np.int16)


@pytest.fixture(scope="module")
def codec() -> Iterator[KmeansCodec]:
    codec = KmeansCodec()
    codec.open()
    yield codec
    codec.close()


def row_of(codec: KmeansCodec, samples: Samples) -> dict[str, Any]:
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format="FLAC")
    codes = codec.encode([samples])[0].values.tolist()
    return {
        "take_id": "t",
        "audio": {"bytes": file.getvalue()},
        "codes": codes,
        "duration_s": len(samples) / SAMPLE_RATE,
    }


def test_its_own_codes_decode_to_a_sound_like_its_audio(codec: KmeansCodec) -> None:
    distances_db: list[float] = []
    samples = vowel(140.0, 700.0)

    assert list(check_decoding(row_of(codec, samples), codec, distances_db)) == []
    assert distances_db[0] < 0.5 * band_distance_db(samples, vowel(220.0, 2000.0))


def test_codes_of_another_sound_of_the_same_length_are_named(codec: KmeansCodec) -> None:
    row, other = row_of(codec, vowel(140.0, 700.0)), row_of(codec, vowel(220.0, 2000.0))
    (fault,) = check_decoding(row | {"codes": other["codes"]}, codec, [])

    assert fault.startswith("t: ")
    assert fault.endswith("of its codes are those that its audio gets: they are another's")


def test_the_distance_of_a_louder_sound_is_its_gain() -> None:
    noise = np.random.default_rng(0).normal(0, 2000, SAMPLE_RATE).astype(np.int16)

    assert band_distance_db(noise, noise) == 0
    assert band_distance_db(noise, (4 * noise.astype(np.int32)).clip(-32768, 32767).astype(np.int16)) == pytest.approx(
        12.0, abs=0.5
    )
