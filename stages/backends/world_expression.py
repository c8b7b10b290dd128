"""Expression: a carrier's WORLD frames reshaped by a voice and a delivery. All curves are per frame, [T]."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stages.backends.espeak_carrier import SILENCE, CarrierPhone
from stages.backends.espeak_tags import SOUND_F0_HZ
from stages.backends.world_delivery import Delivery
from stages.backends.world_vocoder import FRAME_S, Floats, Frames, bin_frequencies, tilt_gain, warped

TREMOR_HZ = 6.5
DRIFT_ST, DRIFT_S = 0.3, 0.35  # slow wandering of f0: standard deviation, and time constant
FINAL_S = 0.28  # reach of the final movement
QUESTION_ST = {"en": 4.0, "zh": 2.5}  # less in Mandarin, where the last syllable must keep its tone
STATEMENT_ST = {"en": -1.5, "zh": -0.7}
REGIONS_HZ = {"body_db": 250.0, "throat_db": 600.0, "nose_db": 1200.0, "ring_db": 2900.0, "air_db": 5500.0}
REGION_OCTAVES = 0.45  # standard deviation of a region's bell
MAX_F0_HZ, MIN_F0_HZ = 600.0, 60.0
HIGH_KNEE_HZ, LOW_KNEE_HZ = 440.0, 75.0
UNVOICED_ENGLISH = ("p", "t", "t2", "k", "f", "T", "s", "S", "h", "tS", "x", "C")
UNVOICED_MANDARIN = ("ph", "th", "kh", "ts", "tsh", "ts.", "ts.h", "tS;", "tS;h", "S;", "s.", "X")
UNVOICED = frozenset((SILENCE, *UNVOICED_ENGLISH, *UNVOICED_MANDARIN))


def phone_mask(phones: Sequence[CarrierPhone], frames: int, keep: "NDArray[np.bool_]") -> "NDArray[np.bool_]":
    """[frames] True where the phone that holds the frame is marked in `keep` [phones]."""
    starts = np.array([phone.start_s for phone in phones])
    holder = np.searchsorted(starts, np.arange(frames) * FRAME_S, side="right") - 1
    return np.asarray(keep[np.maximum(holder, 0)] & (holder >= 0))


def smooth(curve: Floats, width_s: float) -> Floats:
    """The curve under a Hann window of that width, edges held."""
    size = max(3, 2 * round(width_s / FRAME_S / 2) + 1)
    window = np.hanning(size + 2)[1:-1]
    padded = np.pad(curve, size // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")


def final_movement_st(spoken: str, language: str) -> float:
    """Questions rise, statements fall."""
    return QUESTION_ST[language] if spoken.rstrip("\"'”’ ").endswith(("?", "？")) else STATEMENT_ST[language]


def f0_contour(
    carrier_f0_hz: Floats,
    phones: Sequence[CarrierPhone],
    base_hz: float,
    delivery: Delivery,
    random: np.random.Generator,
) -> Floats:
    """The carrier's f0 (0 = unvoiced) moved to `base_hz` and shaped; Hz, 0 where the carrier is unvoiced."""
    frames = len(carrier_f0_hz)
    sounding = phone_mask(phones, frames, np.array([phone.tag is not None for phone in phones]))
    voiced = np.flatnonzero((carrier_f0_hz > 0) & ~sounding)
    if len(voiced) == 0:
        return np.zeros(frames)
    levels = 12 * np.log2(carrier_f0_hz[voiced])
    time = np.arange(frames)
    st = (np.interp(time, voiced, levels) - np.median(levels)) * delivery.range_ratio
    own = sounding & (carrier_f0_hz > 0)
    st[own] = 12 * np.log2(carrier_f0_hz[own] / SOUND_F0_HZ)
    stressed = phone_mask(phones, frames, np.array([phone.stress == 2 for phone in phones]))
    st += delivery.accent_st * smooth(stressed.astype(float), 0.12)
    first, last = voiced[0], voiced[-1]
    place = np.clip((time - first) / max(last - first, 1), 0.0, 1.0)
    st += delivery.declination_st * (place - 0.5)
    st += delivery.arch_st * (1 / 3 - 4 * (place - 0.5) ** 2)
    final = np.clip(1.0 - (last - time) * FRAME_S / FINAL_S, 0.0, 1.0) ** 1.5
    st += delivery.final_st * np.where(time <= last, final, 0.0)
    st += _wander(random, frames) * min(delivery.range_ratio, 1.0)
    phase = random.uniform(0, 2 * np.pi)
    st += delivery.tremor_cents / 100 * np.sin(2 * np.pi * TREMOR_HZ * FRAME_S * time + phase)
    st += delivery.jitter_cents / 100 * random.standard_normal(frames)
    f0_hz = _bounded(base_hz * 2 ** ((st + delivery.level_st) / 12))
    return np.asarray(np.where(carrier_f0_hz > 0, f0_hz, 0.0))


def _bounded(f0_hz: Floats) -> Floats:
    """f0 that nears MAX_F0_HZ and MIN_F0_HZ but never reaches them; between the knees it is as it was."""
    octaves = np.log2(f0_hz)
    for knee_hz, bound_hz in ((HIGH_KNEE_HZ, MAX_F0_HZ), (LOW_KNEE_HZ, MIN_F0_HZ)):
        room = np.log2(bound_hz / knee_hz)
        beyond = (octaves - np.log2(knee_hz)) / room
        octaves = np.where(beyond > 0, np.log2(knee_hz) + room * beyond / (1 + np.abs(beyond)), octaves)
    return np.asarray(2**octaves)


def _wander(random: np.random.Generator, frames: int) -> Floats:
    wander = smooth(random.standard_normal(frames), DRIFT_S)
    return DRIFT_ST * wander / max(float(wander.std()), 1e-9)


def timbre(frames: Frames, delivery: Delivery) -> Frames:
    """Formants, spectral slope, breath and loudness contrasts; f0 untouched."""
    frequencies_hz = bin_frequencies(frames)
    log_power = warped(frames.log_power, delivery.formant_ratio)
    log_power = log_power + tilt_gain(frequencies_hz, delivery.tilt_db_oct) + _region_gain(frequencies_hz, delivery)
    log_power += _contrast(frames, delivery.dynamics_ratio)[:, None]
    aperiodicity = warped(frames.aperiodicity, delivery.formant_ratio)
    air = min(delivery.breath, 0.9) * np.clip((frequencies_hz - 500.0) / 3000.0, 0.0, 1.0)
    return Frames(frames.f0_hz, log_power, 1.0 - (1.0 - aperiodicity) * (1.0 - air), frames.rate_hz)


def _region_gain(frequencies_hz: Floats, delivery: Delivery) -> Floats:
    """Log-power gain [F]: a bell for each of REGIONS_HZ."""
    octaves = np.log2(np.maximum(frequencies_hz, 50.0))
    bells = (
        getattr(delivery, name) * np.exp(-0.5 * ((octaves - np.log2(centre_hz)) / REGION_OCTAVES) ** 2)
        for name, centre_hz in REGIONS_HZ.items()
    )
    return np.asarray(sum(bells) * np.log(10.0) / 10.0)


def roughened(frames: Frames, shimmer_db: float, random: np.random.Generator) -> Frames:
    """The frames with the loudness of the voiced ones made irregular."""
    gain = shimmer_db * random.standard_normal(len(frames.f0_hz)) * (frames.f0_hz > 0) * np.log(10.0) / 10.0
    return replace(frames, log_power=frames.log_power + gain[:, None])


def _contrast(frames: Frames, ratio: float) -> Floats:
    """Log-power gain [T] that widens (ratio > 1) the slow loudness movements of the voiced frames."""
    voiced = frames.f0_hz > 0
    if ratio == 1.0 or not voiced.any():
        return np.zeros(len(frames.f0_hz))
    level = np.log(np.exp(frames.log_power).sum(axis=1) + 1e-12)
    level = np.interp(np.arange(len(level)), np.flatnonzero(voiced), level[voiced])
    slow = smooth(level, 0.15)
    return np.asarray(np.clip((ratio - 1.0) * (slow - slow[voiced].mean()), -2.0, 1.0))


def whispered(frames: Frames) -> Frames:
    """The frames without voice: noise alone, the first formant region weak, as in whispered vowels (Tartter 1989)."""
    frequencies_hz = bin_frequencies(frames)
    voiced = (frames.f0_hz > 0).astype(float)[:, None]
    thin = np.clip((1000.0 - frequencies_hz) / 900.0, 0.0, 1.0) * -3.0 - tilt_gain(frequencies_hz, -2.0)
    return Frames(
        np.zeros_like(frames.f0_hz),
        frames.log_power + voiced * thin,
        np.ones_like(frames.aperiodicity),
        frames.rate_hz,
    )
