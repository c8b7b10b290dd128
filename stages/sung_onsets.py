"""Is a song sung in time? Where its vowels begin, heard from the sound alone and laid against the score.

A vowel begins where the sound between 250 and 3600 Hz rises most: after the closure or hiss of an obstruent it jumps,
after a nasal or a glide it opens. The take is first laid against its score as a whole, so that where notes are evenly
spaced no onset is taken for its neighbour's.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.score import Score
from schemas.take import SAMPLE_RATE, Samples, SungNote
from stages.sung_pitch import STEP_S, expected

RATE_HZ = 8_000
HOP, WINDOW = 16, 160
"""2 and 20 ms at RATE_HZ."""
HOP_S = HOP / RATE_HZ
BANDS_HZ = (250.0, 500.0, 1000.0, 2000.0, 3600.0)
"""Octaves, so that a step of the melody, which moves the harmonics, moves little from one to the next."""
LOUDNESS_POWER = 0.4
"""Of intensity, between amplitude and loudness: a faint hiss counts, but for less than a vowel."""
SIDE = 15
"""30 ms: a rise is the mean loudness of so many hops after a moment less that of so many before it."""
LOUD_PERCENTILE = 90
FAINT_BAND = 0.05
"""A band is taken for this much of the loudest at least: what is not there cannot rise."""
HEARD_RISE = 0.1
"""Least rise of an onset, in units of the take's loud parts."""

SHIFT_S = 0.3
"""The take is laid against its score up to so early or late."""
TUNED_CENTS = 50.0
NEAR_S, NEAR_SHARE = 0.12, 0.45
"""An onset is looked for so near the score's, moved with the whole take, and in so much of the way to the next one."""
BELL_S = 0.06
"""Rises are weighed by a bell of this standard deviation around there."""
HEARD_SHARE = 0.25
"""Where fewer of the onsets are heard (humming has few) the take's shift is that of the whole."""

Curve = NDArray[np.float64]


def rises(samples: Samples) -> Curve:
    """How much the sound rises [T], every HOP_S from the start of int16 [N] at 24 kHz; 1 is out of silence to what is
    loud in every band."""
    loudness = _loudness(samples)
    loud = np.percentile(loudness, LOUD_PERCENTILE, axis=0)
    floor = max(FAINT_BAND * float(loud.max()), float(np.finfo(np.float64).tiny))
    share = loudness / np.maximum(loud, floor)
    total = np.cumsum(np.pad(share, ((SIDE + 1, SIDE), (0, 0)), mode="edge"), axis=0)
    means = (total[SIDE:] - total[:-SIDE]) / SIDE
    climbs = np.maximum(means[SIDE:] - means[:-SIDE], 0.0)
    return np.asarray(climbs[: len(loudness)].mean(axis=1))


def whole_shift_s(rise: Curve, heard_hz: Curve, score: Score, start_s: float) -> float:
    """By how much the take as a whole is late: where most of its pitch and of its onsets fit the score.

    `heard_hz` (of `track_song`) covers the score. SHIFT_S where nothing is voiced.
    """
    if not (heard_hz > 0).any():
        return SHIFT_S
    steps = round(SHIFT_S / STEP_S)
    shifts = sorted(range(-steps, steps + 1), key=abs)  # of equals, the smallest
    onsets_s = np.array([start_s + score.times_s(note)[0] for note in score.notes if not note.slur])
    sharpest = float(np.percentile(rise, 99)) or 1.0
    wanted_hz = expected(score, start_s, len(heard_hz)).f0_hz
    fits = [
        _tuned_share(heard_hz, wanted_hz, shift) + float(_at(rise, onsets_s + shift * STEP_S).mean()) / sharpest
        for shift in shifts
    ]
    return shifts[int(np.argmax(fits))] * STEP_S


def onset_errors_s(rise: Curve, notes: Sequence[SungNote], shift_s: float) -> list[float | None]:
    """The vowel's onset less the score's, one for one with the notes; None for a slur and where none is heard."""
    onsets_s = [note.start_s for note in notes if not note.slur]
    gaps_s = np.diff(onsets_s, prepend=-np.inf, append=np.inf)
    errors = iter(
        _onset_error_s(rise, onset_s, shift_s, min(NEAR_S, NEAR_SHARE * min(gaps_s[i], gaps_s[i + 1])))
        for i, onset_s in enumerate(onsets_s)
    )
    return [None if note.slur else next(errors) for note in notes]


def onset_measures(notes: Sequence[SungNote], shift_s: float) -> dict[str, float]:
    """onset_shift_s and onset_error_s of a song's notes; `shift_s` stands for both where too few onsets are heard."""
    errors = np.array([note.onset_error_s for note in notes if note.onset_error_s is not None])
    if len(errors) < HEARD_SHARE * sum(not note.slur for note in notes):
        return {"onset_shift_s": shift_s, "onset_error_s": abs(shift_s)}
    return {"onset_shift_s": float(np.median(errors)), "onset_error_s": float(np.percentile(np.abs(errors), 95))}


def _loudness(samples: Samples) -> Curve:
    """Loudness [T, bands] around every HOP_S."""
    import soxr

    sound = soxr.resample(samples / np.float32(32768), SAMPLE_RATE, RATE_HZ)
    frames = len(sound) // HOP + 1
    padded = np.pad(sound, WINDOW // 2 + HOP)[HOP:]
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW).astype(np.float32), axis=1)) ** 2
    edges = np.searchsorted(np.fft.rfftfreq(WINDOW, 1 / RATE_HZ), BANDS_HZ)
    return np.asarray(np.add.reduceat(power, edges, axis=1)[:, :-1] ** LOUDNESS_POWER, np.float64)


def _tuned_share(heard_hz: Curve, wanted_hz: Curve, shift: int) -> float:
    """Share of the score's frames in tune if the take is so many of them late."""
    size = len(wanted_hz)
    heard = heard_hz[max(0, shift) : size + min(0, shift)]
    wanted = wanted_hz[max(0, -shift) : size + min(0, -shift)]
    both = (heard > 0) & (wanted > 0)
    tuned = np.abs(1200 * np.log2(heard[both] / wanted[both])) < TUNED_CENTS
    return float(tuned.sum() / max(1, (wanted_hz > 0).sum()))


def _at(rise: Curve, times_s: Curve) -> Curve:
    return np.interp(times_s / HOP_S, np.arange(len(rise)), rise, left=0.0, right=0.0)


def _onset_error_s(rise: Curve, onset_s: float, shift_s: float, reach_s: float) -> float | None:
    """Where near `onset_s` + `shift_s` the sound rises most, less `onset_s`."""
    centre_s = onset_s + shift_s
    first, last = (
        max(1, round((centre_s - reach_s) / HOP_S)),
        min(len(rise) - 1, round((centre_s + reach_s) / HOP_S) + 1),
    )
    places = np.arange(first, max(first, last))
    left, top, right = (rise[places + step] for step in (-1, 0, 1))
    peaks = places[(top >= HEARD_RISE) & (top > left) & (top >= right)]
    if not len(peaks):
        return None
    place = int(peaks[np.argmax(rise[peaks] * np.exp(-0.5 * ((peaks * HOP_S - centre_s) / BELL_S) ** 2))])
    before, peak, after = rise[place - 1 : place + 2]
    between = 0.5 * (after - before) / (2 * peak - before - after)  # the vertex of a parabola
    return float((place + between) * HOP_S - onset_s)
