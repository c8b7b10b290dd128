import numpy as np
import pyloudnorm
import pytest

from schemas.seeds import generator
from schemas.take import SAMPLE_RATE
from stages.backends.espeak_carrier import CarrierPhone
from stages.backends.world_mastering import EDGE_S, PEAK, master

RATE_HZ = 22050
PHONES = (CarrierPhone("sil", 0.0, 0.1), CarrierPhone("a", 0.1, 0.9), CarrierPhone("sil", 0.9, 1.2))


def tone(seconds: float, amplitude: float = 0.05) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def test_edges_and_phones_in_the_time_of_the_take() -> None:
    samples, phones = master(tone(1.2), RATE_HZ, PHONES, 0.0, generator(1))
    assert samples.dtype == np.int16
    assert len(samples) / SAMPLE_RATE == pytest.approx(0.8 + 2 * EDGE_S, abs=1e-3)
    assert [phone.label for phone in phones] == ["sil", "a", "sil"]
    assert phones[0].start_s == 0.0
    assert phones[1].start_s == phones[0].end_s == pytest.approx(EDGE_S)
    assert phones[1].end_s == phones[2].start_s == pytest.approx(0.8 + EDGE_S)
    assert phones[2].end_s == len(samples) / SAMPLE_RATE
    edge = samples[: round(EDGE_S * SAMPLE_RATE)]
    assert 0 < np.abs(edge).max() < 20  # a noise floor, no digital silence


def test_what_is_to_be_kept_is_kept_around_the_phones() -> None:
    samples, phones = master(tone(1.2), RATE_HZ, PHONES[1:2], 0.0, generator(1), kept_s=(0.0, 1.0))
    assert len(samples) == round((1.0 + 2 * EDGE_S) * SAMPLE_RATE)
    assert [phone.label for phone in phones] == ["sil", "a", "sil"]
    assert (phones[1].start_s, phones[1].end_s) == pytest.approx((0.1 + EDGE_S, 0.9 + EDGE_S))


@pytest.mark.parametrize("loudness_db", [-6.0, 0.0, 3.0])
def test_loudness_is_the_target(loudness_db: float) -> None:
    samples, _ = master(tone(1.2), RATE_HZ, PHONES, loudness_db, generator(1))
    measured = pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(samples / 32768.0)
    assert measured == pytest.approx(-23.0 + loudness_db, abs=0.1)


def test_peaks_are_held_without_being_cut() -> None:
    clicks = tone(1.2, 0.01)
    clicks[RATE_HZ // 2 :: RATE_HZ // 10] = 1.0
    samples, _ = master(clicks, RATE_HZ, PHONES, 0.0, generator(1))
    assert np.abs(samples.astype(int)).max() <= round(PEAK * 32768) + 20
    assert np.sum(np.abs(samples.astype(int)) > 0.88 * 32768) < 20


def test_a_clip_shorter_than_the_gating_block_is_loud_enough() -> None:
    phones = (CarrierPhone("a", 0.0, 0.1),)
    samples, _ = master(tone(0.1, 0.001), RATE_HZ, phones, 0.0, generator(1))
    assert np.abs(samples.astype(int)).max() > 2000


def test_the_phones_of_a_sound_are_one_span_with_the_name_of_its_tag() -> None:
    phones = (
        CarrierPhone("a", 0.1, 0.3),
        CarrierPhone("h", 0.3, 0.4, tag="[laugh]"),
        CarrierPhone("@", 0.4, 0.6, tag="[laugh]"),
        CarrierPhone("sil", 0.6, 0.7),
        CarrierPhone("h", 0.7, 0.9, tag="[sigh]"),
    )
    _, spans = master(tone(1.2), RATE_HZ, phones, 0.0, generator(1))
    assert [span.label for span in spans] == ["sil", "a", "[laugh]", "sil", "[sigh]", "sil"]
    assert spans[2].end_s - spans[2].start_s == pytest.approx(0.3)
