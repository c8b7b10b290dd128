"""The sound of a song: the carrier's spectra laid out in the song's time, tuned to its pitches and made even in power.

Curves are per frame, [T]; the first frame lies `lead_s` before beat 0, and sung phones are in the frames' time.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from schemas.score import Score
from stages.backends.singer_timing import SungPhone, frames_of
from stages.backends.world_expression import smooth
from stages.backends.world_vocoder import FRAME_S, Floats, Frames, bin_frequencies

DB = np.log(10.0) / 10.0  # log power of a decibel
NOTHING = -32.0  # log power of silence
TUNED_FROM = 0.4  # of f0: a resonance between this and f0 is tuned to f0, or the lowest harmonic would be lost
TUNED_WIDTH = 0.15  # standard deviation of the tuning around f0, as a share of f0
HIGHEST_HARMONIC_HZ = 5000.0
EVENNESS, MOST_EVENED_DB = 0.85, 14.0
"""Share of the differences in power between vowels that is evened out, and the largest change."""
SMOOTH_S = 0.04
VOICED_BELOW_DB, UNVOICED_BELOW_DB = 4.0, 7.0  # consonants are at least so much weaker than vowels
FADE_IN_S, FADE_OUT_S = 0.012, 0.04
ARC_DB = (-2.0, 0.0, -2.5)  # a phrase's first, best (at ARC_TOP of it) and last moment
ARC_TOP = 0.6
SWELL_NOTE_S, SWELL_DB = 0.5, 1.5
ACCENT_DB = 1.2  # on the first beat of a bar; the other beats have half of it
VIBRATO_DB = 0.8
REARTICULATION_DB, REARTICULATION_S = 7.0, 0.05
"""A vowel or hum after a vowel is set off by so deep a dip, so long, around its onset."""


def laid_out(frames: Frames, sung: Sequence[SungPhone], count: int) -> Frames:
    """The carrier's frames in the song's time, [count]; silence between the phones. f0 is yet to be set."""
    sounding = np.zeros(count, dtype=bool)
    source_s = np.zeros(count)
    for item in sung:
        span = frames_of(item.phone)
        source_s[span] = np.interp(np.arange(span.start, span.stop) * FRAME_S, item.target_s, item.source_s)
        sounding[span] = True
    place = np.clip(source_s / FRAME_S, 0.0, len(frames.f0_hz) - 1.001)
    low = place.astype(int)
    weight = (place - low)[:, None]
    log_power = frames.log_power[low] * (1.0 - weight) + frames.log_power[low + 1] * weight
    log_power[~sounding] = NOTHING
    return Frames(np.zeros(count), log_power, frames.aperiodicity[np.round(place).astype(int)], frames.rate_hz)


def tuned(frames: Frames) -> Frames:
    """The voiced frames with the lowest resonance moved up to f0 where it lies below (singers tune F1 so)."""
    frequencies_hz = bin_frequencies(frames)
    log_power = frames.log_power.copy()
    voiced = np.flatnonzero(frames.f0_hz > 0)
    ratio = frequencies_hz[None, :] / frames.f0_hz[voiced, None]
    below = np.where((ratio >= TUNED_FROM) & (ratio <= 1.0), log_power[voiced], -np.inf).max(axis=1)
    bell = np.exp(-0.5 * ((ratio - 1.0) / TUNED_WIDTH) ** 2)
    raised = np.maximum(below[:, None] - log_power[voiced], 0.0) * bell
    cut = np.clip((0.7 - ratio) / 0.4, 0.0, 1.0) * -12.0 * DB
    log_power[voiced] += raised + cut
    return replace(frames, log_power=log_power)


def even(frames: Frames, vowels: "NDArray[np.bool_]") -> Floats:
    """Log-power gain [T] that brings the vowels near one power; consonants go with them, but stay below."""
    level = _level(frames)
    places = np.flatnonzero(vowels)
    usual = float(np.median(level[places]))
    evened = EVENNESS * np.clip(usual - level[places], -MOST_EVENED_DB * DB, MOST_EVENED_DB * DB)
    gain = smooth(np.interp(np.arange(len(level)), places, evened), SMOOTH_S)
    highest = usual - np.where(vowels, -np.inf, np.where(frames.f0_hz > 0, VOICED_BELOW_DB, UNVOICED_BELOW_DB)) * DB
    return smooth(np.minimum(gain, highest - level), 3 * FRAME_S)


def _level(frames: Frames) -> Floats:
    """Log power [T] of each frame: at the harmonics it has, or of all its noise."""
    power = np.exp(frames.log_power).sum(axis=1) * _step_hz(frames)
    places = np.flatnonzero(frames.f0_hz > 0)
    f0_hz, harmonics = frames.f0_hz[places], np.zeros(len(places))
    for harmonic in range(1, int(HIGHEST_HARMONIC_HZ / f0_hz.min(initial=HIGHEST_HARMONIC_HZ)) + 1):
        inside = harmonic * f0_hz < HIGHEST_HARMONIC_HZ
        bins = np.round(harmonic * f0_hz[inside] / _step_hz(frames)).astype(int)
        harmonics[inside] += np.exp(frames.log_power[places[inside], bins])
    power[places] = f0_hz * harmonics
    return np.asarray(np.log(power + 1e-12))


def _step_hz(frames: Frames) -> float:
    return frames.rate_hz / 2 / float(frames.log_power.shape[1] - 1)


def dynamics(score: Score, vibrato: Floats, lead_s: float) -> Floats:
    """Loudness in dB [T]: the arc of each phrase, swells, accents on the beats of the bar, and the vibrato's."""
    time_s = np.arange(len(vibrato)) * FRAME_S - lead_s
    level_db = np.zeros(len(vibrato))
    for line in score.lines:
        start_s, end_s = score.times_s(line[0])[0], score.times_s(line[-1])[1]
        place = (time_s - start_s) / (end_s - start_s)
        arc_db = np.interp(place, (0.0, ARC_TOP, 1.0), ARC_DB)
        level_db = np.where((place >= -0.1) & (place <= 1.0), arc_db, level_db)
    beat = 4.0 / score.beat_unit
    for note in score.notes:
        start_s, end_s = score.times_s(note)
        place = np.clip((time_s - start_s) / (end_s - start_s), 0.0, 1.0)
        bump = np.sin(np.pi * place)
        if end_s - start_s > SWELL_NOTE_S:
            level_db += SWELL_DB * bump
        if note.onset_beats % (beat * score.beats_per_bar) == 0:
            level_db += ACCENT_DB * bump
        elif note.onset_beats % beat == 0:
            level_db += ACCENT_DB / 2 * bump
    return smooth(level_db, 0.06) + VIBRATO_DB * vibrato


def edges(sung: Sequence[SungPhone], frames: int) -> Floats:
    """Log-power gain [T]: voice set in and let go without a click, and vowels that follow one another set off."""
    time_s = np.asarray(np.arange(frames) * FRAME_S, np.float64)
    gain = np.zeros(frames)
    for index, item in enumerate(sung):
        if not item.nucleus:
            continue
        start_s, end_s = item.phone.start_s, item.phone.end_s
        here = (time_s >= start_s - 1e-6) & (time_s < end_s)
        before_s = sung[index - 1].phone.end_s if index else -np.inf
        after_s = sung[index + 1].phone.start_s if index + 1 < len(sung) else np.inf
        if start_s - before_s > FRAME_S:
            gain += _ramp((time_s - start_s) / FADE_IN_S, here)
        elif index and sung[index - 1].nucleus:
            place = (time_s - start_s + 0.9 * REARTICULATION_S) / REARTICULATION_S
            gain -= REARTICULATION_DB * DB * np.where((place > 0) & (place < 1), np.sin(np.pi * place) ** 2, 0.0)
        if after_s - end_s > FRAME_S:
            gain += _ramp((end_s - time_s) / FADE_OUT_S, here)
    return gain


def _ramp(place: Floats, here: "NDArray[np.bool_]") -> Floats:
    """Log power of a fade from -30 dB at 0 to nothing at 1, where it is to be heard."""
    return np.where(here & (place < 1.0), -30.0 * DB * (1.0 - np.clip(place, 0.0, 1.0)) ** 2, 0.0)
