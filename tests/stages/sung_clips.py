"""Songs whose truth is known by construction: harmonics under formants; noise and hums for consonants."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.score import Note, Score
from schemas.seeds import generator
from schemas.take import SAMPLE_RATE, Samples

Consonant = Literal["none", "plosive", "fricative", "sonorant"]
Curve = NDArray[np.float64]

FORMANTS_HZ = ((730, 1090, 2440), (300, 2290, 3010), (320, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
HUM = len(FORMANTS_HZ)
HUM_HZ = (270, 1000, 2200)
BANDWIDTH_HZ = 110.0
HARMONICS = 14
CONSONANT_S = 0.08
"""At most; a third of the note before where that is shorter."""
RAMP_S = 0.01
LEAD_S, TAIL_S = 0.4, 0.3


def melody(
    pitches: Sequence[int], beats: Sequence[float], tempo_bpm: float = 120.0, rests: Mapping[int, float] | None = None
) -> Score:
    """Notes end to end but for the rests after some; a negative pitch is slurred."""
    onset, notes = 0.0, []
    for index, (pitch, length) in enumerate(zip(pitches, beats, strict=True)):
        slur = pitch < 0
        notes.append(
            Note(midi=abs(pitch), onset_beats=onset, duration_beats=length, slur=slur, syllable="la" * (not slur))
        )
        onset += length + (rests or {}).get(index, 0.0)
    return Score(tempo_bpm=tempo_bpm, tonic="C", notes=tuple(notes))


def sung(
    score: Score,
    consonants: Sequence[Consonant] = ("none",),
    vibrato_cents: float = 0.0,
    glide_s: float = 0.03,
    late_s: float = 0.0,
    silent: Collection[int] = (),
    off: Mapping[int, float] | None = None,
    hummed: bool = False,
) -> tuple[Samples, float]:
    """The score rendered, int16 [N] at 24 kHz, and where its beat 0 should lie.

    Consonants and vowels go round; the notes `silent` are left out, those in `off` are so many semitones wrong.
    """
    count = round((LEAD_S + score.duration_s + late_s + TAIL_S) * SAMPLE_RATE)
    semitones, noise, voice = np.full(count, float(score.notes[0].midi)), np.zeros(count), np.zeros((HUM + 1, count))
    syllable, before = -1, 0
    for index, note in enumerate(score.notes):
        first, last = (round((LEAD_S + late_s + t) * SAMPLE_RATE) for t in score.times_s(note))
        semitones[first:] = note.midi + (off or {}).get(index, 0.0)
        syllable += not note.slur
        if index not in silent:
            if not note.slur and not hummed:
                _set_consonant(
                    consonants[syllable % len(consonants)], first - min(before, _CONSONANT), first, noise, voice
                )
            voice[HUM if hummed else syllable % HUM, first:last] = 1.0
        before = (last - first) // 3
    f0_hz = 440.0 * 2 ** ((_smooth(semitones, glide_s) - 69) / 12)
    wave = np.arange(count) / SAMPLE_RATE
    f0_hz *= 2 ** (vibrato_cents / 1200 * np.sin(2 * np.pi * 5.5 * wave))
    hiss = generator("sung clips", count).normal(0, 1, count)
    sound = _harmonics(f0_hz, np.array([_smooth(gain, RAMP_S) for gain in voice])) + 0.3 * _smooth(noise, 0.002) * hiss
    return (8_000 * sound / np.abs(sound).max()).astype(np.int16), LEAD_S


_CONSONANT = round(CONSONANT_S * SAMPLE_RATE)


def _set_consonant(kind: Consonant, start: int, end: int, noise: Curve, voice: Curve) -> None:
    if kind == "none":
        return
    voice[:, start:end] = 0.0
    if kind == "sonorant":
        voice[HUM, start:end] = 0.5
    else:
        noise[start + (2 * (end - start) // 3 if kind == "plosive" else 0) : end] = 1.0


def _smooth(curve: Curve, width_s: float) -> Curve:
    window = np.hanning(2 * round(width_s * SAMPLE_RATE / 2) + 3)
    padded = np.pad(curve, len(window) // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")


def _harmonics(f0_hz: Curve, gains: Curve) -> Curve:
    """Vowels and the hum, each by its gain [N]: harmonics falling by 1/k under three resonances."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / SAMPLE_RATE
    sound = np.zeros(len(f0_hz))
    for formants_hz, gain in zip((*FORMANTS_HZ, HUM_HZ), gains, strict=True):
        on = np.flatnonzero(gain > 1e-4)
        for k in range(1, HARMONICS + 1):
            peaks = [1 / (1 + ((k * f0_hz[on] - centre) / BANDWIDTH_HZ) ** 2) for centre in formants_hz]
            sound[on] += gain[on] * (0.05 + sum(peaks)) / np.sqrt(k) * np.sin(k * phase[on])
    return sound
