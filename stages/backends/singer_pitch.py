"""The f0 of a song, from its score alone: glides between notes, vibrato on long ones, and a voice's small unsteadiness.

Everything that moves f0 within a note stays well inside 50 cents, the tolerance of raw pitch accuracy, and is centred
on the note.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from schemas.score import Note, Score
from stages.backends.world_expression import TREMOR_HZ, smooth
from stages.backends.world_vocoder import FRAME_S, Floats

LONGEST_GLIDE_S, SHORTEST_GLIDE_S, GLIDE_SHARE = 0.035, 0.01, 0.1
"""Length of a glide: a share of the shorter note, within bounds."""
EARLY_S = 0.002  # a glide in a voiced stretch is centred so long before the beat
REACH_S = 0.03  # an unvoiced consonant that ends closer to the beat than this hides the change of pitch
SCOOP_CENTS, SCOOP_S = (8.0, 24.0), 0.04  # a phrase begins a little low; time constant
SCOOPED_NOTE_S = 0.4  # a shorter note has no time for it
VIBRATO_NOTE_S, VIBRATO_DELAY_S, VIBRATO_RAMP_S = 0.38, 0.14, 0.2
VIBRATO_HZ, VIBRATO_CENTS = 5.6, 30.0
MOST_VIBRATO_CENTS = 36.0
JITTER_CENTS, MOST_JITTER_CENTS = 2.5, 5.0
DRIFT_CENTS, DRIFT_S = 2.0, 0.3
TREMOR_SHARE, MOST_TREMOR_CENTS = 0.15, 5.0  # of the tremor in speech, which a singer supports better


@dataclass(frozen=True)
class PitchManner:
    """How a voice sings its pitches: vibrato's depth, tremor and jitter in cents, and the vibrato's rate in Hz."""

    vibrato_cents: float = VIBRATO_CENTS
    vibrato_hz: float = VIBRATO_HZ
    tremor_cents: float = 0.0
    jitter_cents: float = JITTER_CENTS


@dataclass(frozen=True)
class Melody:
    """f0 in Hz [T], 0 where unvoiced, and the vibrato that is in it, -1 to 1 times its depth's ramp [T]."""

    f0_hz: Floats
    vibrato: Floats


def melody_of(
    score: Score, voiced: "NDArray[np.bool_]", lead_s: float, manner: PitchManner, random: np.random.Generator
) -> Melody:
    """The melody on T frames, of which the first lies `lead_s` before beat 0; `voiced` [T]: where there is voice."""
    time_s = np.asarray(np.arange(len(voiced)) * FRAME_S - lead_s, np.float64)
    cents = _glides(score, voiced, time_s)
    cents -= _scoops(score, time_s, random)
    vibrato = _vibrato(score, time_s, manner, random)
    cents += min(manner.vibrato_cents, MOST_VIBRATO_CENTS) * vibrato
    cents += _unsteadiness(len(voiced), manner, random)
    f0_hz = 440.0 * 2 ** ((cents - 6900.0) / 1200.0)
    return Melody(np.where(voiced, f0_hz, 0.0), vibrato)


def _glides(score: Score, voiced: "NDArray[np.bool_]", time_s: Floats) -> Floats:
    """The notes' pitches in cents above MIDI note 0, joined by raised cosines."""
    cents = np.full(len(time_s), 100.0 * score.notes[0].midi)
    for before, note in pairwise(score.notes):
        if before.midi != note.midi:
            centre_s, length_s = _change(score, before, note, voiced, time_s)
            place = np.clip((time_s - centre_s) / length_s + 0.5, 0.0, 1.0)
            cents += 100.0 * (note.midi - before.midi) * (0.5 - 0.5 * np.cos(np.pi * place))
    return cents


def _change(score: Score, before: Note, note: Note, voiced: "NDArray[np.bool_]", time_s: Floats) -> tuple[float, float]:
    """Centre and length of the glide to a note: out of hearing, where the voice is off just before it."""
    (before_s, end_s), (start_s, note_end_s) = score.times_s(before), score.times_s(note)
    shorter_s = min(end_s - before_s, note_end_s - start_s)
    length_s = min(max(GLIDE_SHARE * shorter_s, SHORTEST_GLIDE_S), LONGEST_GLIDE_S)
    first = np.searchsorted(time_s, end_s if start_s - end_s > REACH_S else start_s - REACH_S)
    silent = np.flatnonzero(~voiced[first : np.searchsorted(time_s, start_s)])
    if note.slur or len(silent) == 0:
        return start_s - (0.0 if note.slur else EARLY_S), length_s
    return float(time_s[first + silent[-1]]) - FRAME_S, 2 * FRAME_S


def _scoops(score: Score, time_s: Floats, random: np.random.Generator) -> Floats:
    """Cents below the note where the voice sets in after a rest."""
    below = np.zeros(len(time_s))
    for line in score.lines:
        start_s, end_s = score.times_s(line[0])
        since_s = time_s - start_s
        depth = random.uniform(*SCOOP_CENTS) * min(1.0, ((end_s - start_s) / SCOOPED_NOTE_S) ** 2)
        below += np.where((since_s >= 0.0) & (time_s < end_s), depth * np.exp(-np.maximum(since_s, 0.0) / SCOOP_S), 0.0)
    return below


def _vibrato(score: Score, time_s: Floats, manner: PitchManner, random: np.random.Generator) -> Floats:
    """A whole number of cycles on every long note, up to its end, growing."""
    vibrato = np.zeros(len(time_s))
    for note in score.notes:
        start_s, end_s = score.times_s(note)
        rate_hz = manner.vibrato_hz * random.uniform(0.94, 1.06)
        sign = 1.0 if random.random() < 0.5 else -1.0
        if end_s - start_s < VIBRATO_NOTE_S:
            continue
        cycles = max(1, round(rate_hz * (end_s - start_s - VIBRATO_DELAY_S)))
        since_s = time_s - end_s + cycles / rate_hz
        ramp = np.clip(since_s / VIBRATO_RAMP_S, 0.0, 1.0)
        wave = sign * ramp * np.sin(2 * np.pi * rate_hz * since_s)
        vibrato += np.where((since_s >= 0.0) & (time_s < end_s), wave, 0.0)
    return vibrato


def _unsteadiness(frames: int, manner: PitchManner, random: np.random.Generator) -> Floats:
    """Cents of drift, tremor and jitter."""
    drift = smooth(random.standard_normal(frames), DRIFT_S)
    drift *= DRIFT_CENTS / max(float(drift.std()), 1e-9)
    tremor_cents = min(TREMOR_SHARE * manner.tremor_cents, MOST_TREMOR_CENTS)
    tremor = np.sin(2 * np.pi * TREMOR_HZ * FRAME_S * np.arange(frames) + random.uniform(0.0, 2 * np.pi))
    jitter = min(manner.jitter_cents, MOST_JITTER_CENTS) * random.standard_normal(frames)
    return np.asarray(drift + tremor_cents * tremor + jitter)
