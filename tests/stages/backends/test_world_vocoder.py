import numpy as np
import parselmouth

from stages.backends.espeak_carrier import CarrierRequest, EspeakProcess
from stages.backends.espeak_speech import UNVOICED, phone_mask
from stages.backends.world_delivery import Delivery
from stages.backends.world_expression import timbre
from stages.backends.world_vocoder import FRAME_S, Frames, analyze, analyze_monotone, synthesize, tilt_gain, warped


def analyzed(espeak: EspeakProcess, text: str) -> Frames:
    carrier = espeak.speak(CarrierRequest(text, "en-us+klatt4", 165))
    count = int(len(carrier.samples) / carrier.rate_hz / FRAME_S) + 1
    voiced = phone_mask(carrier.phones, count, np.array([phone.label not in UNVOICED for phone in carrier.phones]))
    return analyze(carrier.samples, carrier.rate_hz, voiced)


def first_formant_hz(samples: np.ndarray, rate_hz: int) -> float:
    """Median first formant over the louder half of the frames, by Praat (Burg)."""
    sound = parselmouth.Sound(samples, rate_hz)
    formants = sound.to_formant_burg(0.01, 5, 5500.0)
    times = formants.ts()
    loudness = np.array([sound.get_rms(t - 0.015, t + 0.015) for t in times])
    values = np.array([formants.get_value_at_time(1, t) for t in times])
    return float(np.nanmedian(values[loudness > np.median(loudness)]))


def test_voicing_follows_the_phones(espeak: EspeakProcess) -> None:
    frames = analyzed(espeak, "Six")
    assert frames.log_power.shape == frames.aperiodicity.shape == (len(frames.f0_hz), 513)
    voiced = frames.f0_hz > 0
    assert np.abs(np.diff(voiced.astype(int))).sum() == 2  # one vowel between two hisses
    assert (frames.aperiodicity[~voiced] == 1.0).all()
    assert np.isfinite(frames.log_power).all()


def test_a_monotone_is_analyzed_at_the_f0_it_is_said_to_have(espeak: EspeakProcess) -> None:
    carrier = espeak.speak(CarrierRequest("Now or never", "en-us+klatt4", 165, 50, 0))  # at range 0: 89 Hz
    voiced = np.ones(1000, dtype=bool)
    voiced[:20] = False
    known = analyze_monotone(carrier.samples, carrier.rate_hz, voiced, 89.0)
    found = analyze(carrier.samples, carrier.rate_hz, voiced)
    assert set(known.f0_hz[:20]) == {0.0}
    assert set(known.f0_hz[20:]) == {89.0}
    assert (known.aperiodicity[:20] == 1.0).all()
    loud = found.log_power.max(axis=1) > np.median(found.log_power.max(axis=1))
    level = [frames.log_power[: len(loud)][loud].mean() for frames in (known, found)]
    assert abs(level[0] - level[1]) < 0.1


def test_resynthesis_keeps_pitch_and_length(espeak: EspeakProcess) -> None:
    frames = analyzed(espeak, "Now or never, my lord")
    samples = synthesize(frames)
    assert abs(len(samples) / frames.rate_hz - len(frames.f0_hz) * FRAME_S) < 2 * FRAME_S
    heard = parselmouth.Sound(samples, frames.rate_hz).to_pitch_ac(0.005, 60.0).selected_array["frequency"]
    assert abs(np.median(heard[heard > 0]) / np.median(frames.f0_hz[frames.f0_hz > 0]) - 1) < 0.03


def test_warping_moves_a_peak() -> None:
    spectra = np.zeros((2, 101))
    spectra[:, 40] = 1.0
    assert warped(spectra, 1.25).argmax(axis=1).tolist() == [50, 50]
    np.testing.assert_allclose(warped(spectra, 1.0), spectra)


def test_formants_move_by_the_ratio(espeak: EspeakProcess) -> None:
    frames = analyzed(espeak, "ah ah ah ah")
    plain, raised = (
        first_formant_hz(synthesize(timbre(frames, Delivery(formant_ratio=ratio))), frames.rate_hz)
        for ratio in (1.0, 1.2)
    )
    assert 1.1 < raised / plain < 1.3


def test_tilt_turns_about_one_kilohertz() -> None:
    gain_db = tilt_gain(np.array([50.0, 100.0, 500.0, 1000.0, 2000.0, 8000.0, 11025.0]), 2.0) * 10 / np.log(10)
    np.testing.assert_allclose(gain_db, [-6.644, -6.644, -2.0, 0.0, 2.0, 6.0, 6.0], atol=1e-3)
