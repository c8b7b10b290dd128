import numpy as np
import pytest

from schemas.seeds import generator
from stages.backends.espeak_carrier import CarrierPhone
from stages.backends.world_delivery import Delivery
from stages.backends.world_expression import (
    HIGH_KNEE_HZ,
    MAX_F0_HZ,
    MIN_F0_HZ,
    f0_contour,
    final_movement_st,
    phone_mask,
    roughened,
    smooth,
    timbre,
    whispered,
)
from stages.backends.world_vocoder import Frames

PHONES = (CarrierPhone("s", 0.0, 0.1), CarrierPhone("a", 0.1, 0.3, stress=2), CarrierPhone("n", 0.3, 0.5))
CARRIER_F0_HZ = np.where(np.arange(100) < 20, 0.0, 100.0)


def contour(**changes: float) -> np.ndarray:
    return f0_contour(CARRIER_F0_HZ, PHONES, 200.0, Delivery(**changes), generator(1))


def semitones(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return 12 * np.log2(one[20:] / other[20:])


def test_phone_mask_marks_frames() -> None:
    mask = phone_mask(PHONES, 100, np.array([False, True, False]))
    assert np.flatnonzero(mask).tolist() == list(range(20, 60))


def test_smoothing_keeps_length_and_constants() -> None:
    np.testing.assert_allclose(smooth(np.full(50, 3.0), 0.1), np.full(50, 3.0))


def test_the_contour_lies_at_the_voice_and_is_voiced_as_the_carrier() -> None:
    f0_hz = contour()
    assert ((f0_hz > 0) == (CARRIER_F0_HZ > 0)).all()
    assert np.median(f0_hz[f0_hz > 0]) == pytest.approx(200.0, rel=0.03)


def test_each_movement_goes_where_it_says() -> None:
    plain = contour()
    np.testing.assert_allclose(semitones(contour(level_st=3.0), plain), 3.0, atol=1e-6)
    falling = semitones(contour(declination_st=-2.0), plain)
    assert falling[0] == pytest.approx(1.0)
    assert falling[-1] == pytest.approx(-1.0)
    rising = semitones(contour(final_st=4.0), plain)
    assert rising[0] == 0.0
    assert rising[-1] == pytest.approx(4.0)
    accented = semitones(contour(accent_st=2.0), plain)
    assert accented[20] == pytest.approx(2.0)
    assert accented[-1] == 0.0


def test_a_carrier_without_voice_stays_without() -> None:
    assert (f0_contour(np.zeros(100), PHONES, 200.0, Delivery(), generator(1)) == 0).all()


@pytest.mark.parametrize(
    ("spoken", "language", "movement_st"),
    [
        ("Really?", "en", 4.0),
        ('He said "no?"', "en", 4.0),
        ("No.", "en", -1.5),
        ("是吗？", "zh", 2.5),
        ("是", "zh", -0.7),
    ],
)
def test_questions_and_statements_end_differently(spoken: str, language: str, movement_st: float) -> None:
    assert final_movement_st(spoken, language) == movement_st


def test_breath_adds_noise_above_the_first_formant_only() -> None:
    frames = Frames(CARRIER_F0_HZ, np.zeros((100, 513)), np.full((100, 513), 0.2), 22050)
    airy = timbre(frames, Delivery(breath=0.5)).aperiodicity
    assert airy[0, 0] == pytest.approx(0.2)
    assert airy[0, -1] == pytest.approx(0.6)


def test_a_whisper_is_noise_alone() -> None:
    frames = Frames(CARRIER_F0_HZ, np.zeros((100, 513)), np.full((100, 513), 0.2), 22050)
    quiet = whispered(frames)
    assert (quiet.f0_hz == 0).all()
    assert (quiet.aperiodicity == 1.0).all()
    assert quiet.log_power[50, 5] < -1.0
    assert (quiet.log_power[:20] == 0).all()  # unvoiced frames keep their spectrum


def test_f0_nears_its_bounds_and_is_never_cut_there() -> None:
    high, higher, low = (contour(level_st=level)[20:] for level in (18.0, 22.0, -30.0))
    assert (high > HIGH_KNEE_HZ).all()
    assert (higher > high).all()
    assert (higher < MAX_F0_HZ).all()
    assert (low > MIN_F0_HZ).all()


def test_the_sound_of_a_tag_has_its_own_melody_around_the_voice() -> None:
    phones = (*PHONES[:2], CarrierPhone("@", 0.3, 0.5, tag="[hum]"))
    carrier_hz = np.where(np.arange(100) < 60, CARRIER_F0_HZ, 220.0)  # the hum an octave above SOUND_F0_HZ
    level, falling = (
        f0_contour(carrier_hz, phones, 200.0, Delivery(range_ratio=0.2, final_st=st), generator(1))
        for st in (0.0, -4.0)
    )
    assert np.median(level[20:60]) == pytest.approx(200.0, rel=0.03)
    assert np.median(level[60:]) == pytest.approx(400.0, rel=0.03)
    assert falling[59] < 0.9 * level[59]  # the final movement belongs to the last word
    np.testing.assert_allclose(falling[60:], level[60:])


@pytest.mark.parametrize(("region", "bin_hz"), [("body_db", 250), ("nose_db", 1200), ("air_db", 5500)])
def test_a_region_is_raised_where_it_lies(region: str, bin_hz: int) -> None:
    frames = Frames(CARRIER_F0_HZ, np.zeros((100, 513)), np.full((100, 513), 0.2), 22050)
    gain_db = timbre(frames, Delivery(**{region: 4.0})).log_power[50] * 10 / np.log(10)
    place = round(bin_hz / 22050 * 1024)
    assert gain_db[place] == pytest.approx(4.0, abs=0.1)
    assert gain_db[round(place * 4)] < 0.2 if place * 4 < 513 else gain_db[round(place / 4)] < 0.2


def test_shimmer_is_in_voiced_frames_alone() -> None:
    frames = Frames(CARRIER_F0_HZ, np.zeros((100, 513)), np.full((100, 513), 0.2), 22050)
    rough_db = roughened(frames, 1.0, generator(1)).log_power[:, 7] * 10 / np.log(10)
    assert (rough_db[:20] == 0).all()
    assert 0.7 < rough_db[20:].std() < 1.3
