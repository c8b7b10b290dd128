"""Scores drawn at random, of everything that a score may hold."""

import numpy as np

from schemas.score import HIGHEST_MIDI, LOWEST_MIDI, MODES, TICKS_A_BEAT, TONICS, Note, Score
from schemas.script import Language

TICKS = (30, 40, 60, 80, 120, 160, 240, 320, 360, 480, 720, 960, 1920)
"""From sixteenths of a beat over triplets to a whole note."""
WORDS = {
    "en": ("star", "twin- kle", "won- der- ing", "hal- le- lu- jah", "ne'er", "I", "fire", "heav- en", "mm", "a- la"),
    "zh": tuple("月亮代表我的心小星满天日照女儿远嗯"),
}


def random_score(random: np.random.Generator, language: Language) -> Score:
    """Up to sixteen words; pickups, rests, slurs and breaths anywhere."""
    tick = int(random.choice((0, 0, 120, 480, 1920)))
    notes: list[Note] = []
    for word in random.choice(WORDS[language], random.integers(1, 17)):
        for place, syllable in enumerate(str(word).split()):
            if random.random() < 0.2:
                tick += int(random.choice(TICKS))
            breath = place == 0 and random.random() < 0.3
            for held in range(1 + int(random.choice((0, 0, 0, 1, 2)))):
                ticks = int(random.choice(TICKS))
                notes.append(
                    Note(
                        midi=int(random.integers(LOWEST_MIDI, HIGHEST_MIDI + 1)),
                        onset_beats=tick / TICKS_A_BEAT,
                        duration_beats=ticks / TICKS_A_BEAT,
                        syllable="" if held else syllable,
                        slur=held > 0,
                        breath=breath and not held,
                    )
                )
                tick += ticks
    return Score(
        tempo_bpm=round(random.uniform(20.0, 300.0), 2),
        tonic=str(random.choice(TONICS)),
        mode=MODES[random.integers(len(MODES))],
        beats_per_bar=int(random.integers(1, 17)),
        beat_unit=(1, 2, 4, 8, 16)[random.integers(5)],
        notes=tuple(notes),
    )
