"""Timing: the small differences in phone and pause lengths between two takes of one line."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stages.backends.espeak_carrier import SILENCE, CarrierPhone
from stages.backends.world_vocoder import FRAME_S, Frames

PHONE_DEVIATION = 0.06  # standard deviation of log duration
PAUSE_DEVIATION = 0.2


def retimed(
    frames: Frames, phones: Sequence[CarrierPhone], random: np.random.Generator
) -> tuple[Frames, tuple[CarrierPhone, ...]]:
    """Frames and phones with every phone's length varied at random, clipped at two standard deviations."""
    deviations = np.array([PAUSE_DEVIATION if phone.label == SILENCE else PHONE_DEVIATION for phone in phones])
    stretch = np.exp(deviations * np.clip(random.standard_normal(len(phones)), -2.0, 2.0))
    old_s = np.array([phone.start_s for phone in phones] + [phones[-1].end_s])
    new_s = old_s[0] + np.concatenate([[0.0], np.cumsum(np.diff(old_s) * stretch)])
    moved = tuple(
        replace(phone, start_s=float(start_s), end_s=float(end_s))
        for phone, start_s, end_s in zip(phones, new_s[:-1], new_s[1:], strict=True)
    )
    times_s = np.arange(round(new_s[-1] / FRAME_S) + 1) * FRAME_S
    return _sampled(frames, np.interp(times_s, new_s, old_s)), moved


def _sampled(frames: Frames, times_s: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Frames:
    """The frames at the given times: spectra interpolated, f0 and voicing from the nearest frame."""
    last = len(frames.f0_hz) - 1
    place = np.clip(times_s / FRAME_S, 0.0, last)
    low = np.minimum(place.astype(int), last - 1)
    weight = (place - low)[:, None]
    nearest = np.round(place).astype(int)
    return Frames(
        frames.f0_hz[nearest],
        frames.log_power[low] * (1.0 - weight) + frames.log_power[low + 1] * weight,
        frames.aperiodicity[nearest],
        frames.rate_hz,
    )
