"""Makes melodies: phrases in a form, over chords, to cadences (what is drawn from is in `tables/melody.toml`).

A song has two rhythmic motifs, phrases that come back whole or with another ending, a half close in the middle, one
climax after the middle, and its end on the tonic. How lines move is in `melody_line`, what suits each note in
`melody_phrase`, how phrases make a song in `melody_form`.
"""

from itertools import pairwise

import numpy as np

from schemas.score import TONICS, Note, Score
from stages.backends.melody_form import Design, Phrase, compose_song
from stages.backends.melody_phrase import Frame
from stages.backends.melody_rhythm import SongRhythm, draw_rhythm
from stages.backends.melody_rules import Scale, draw, draw_weighted, load_rules

WORDLESS = "la"
SHORTEST_S, LONGEST_S = 12.0, 28.0
SHORTEST_NOTE_S = 0.1
NARROWEST, WIDEST = 12, 17
"""Semitones that a melody may use: an octave to an eleventh (most use less)."""
FIFTH = 7
MIDDLES = range(63, 69)
"""Where the middle of a melody may lie, as MIDI pitch."""
WIDEST_TURN = 9
"""Semitones from a phrase's end to the next one's beginning."""
SLUR_SHARES = (0.0, 0.0, 0.2, 0.45)
TRIES = 100


def generate_melody(random: np.random.Generator) -> Score:
    """A melody without words yet, every syllable "la", around C4 to C5: 12 to 28 s long, within an eleventh, no note
    under 100 ms, a breath before each phrase."""
    for _ in range(TRIES):
        design = _design(random)
        low, high = _tempi(design)
        if low > high:
            continue  # no tempo of this meter makes the song neither too short nor too long
        try:
            phrases = compose_song(random, design)
        except ValueError:
            continue  # no line keeps all rules in this design
        if _turns_well(design.frame.scale, phrases):
            return _score(random, design, phrases, round(float(random.uniform(low, high)), 1))
    raise ValueError(f"no melody keeps the rules of tables/melody.toml in {TRIES} tries: loosen what was last added")


def _design(random: np.random.Generator) -> Design:
    rules = load_rules()
    scale = draw_weighted(random, rules.scales)
    rhythm = draw_rhythm(random, draw_weighted(random, rules.meters))
    frame = Frame(scale, rhythm.meter, rhythm.phrase_beats, *draw(random, _ranges(scale)))
    return Design(draw_weighted(random, rules.forms), rhythm, frame, rules.contours, draw(random, SLUR_SHARES))


def _tempi(design: Design) -> tuple[float, float]:
    """Slowest and fastest; the first is the greater where none will do."""
    rhythm = design.rhythm
    beats = len(design.form.phrases) * rhythm.phrase_beats + _lead(rhythm)
    slowest, fastest = rhythm.meter.tempo
    return (
        max(slowest, 60.0 * beats / LONGEST_S),
        min(fastest, 60.0 * beats / SHORTEST_S, 60.0 * rhythm.shortest / SHORTEST_NOTE_S),
    )


def _lead(rhythm: SongRhythm) -> float:
    """Beats before the first whole bar: a bar that ends with the pickup, if there is one."""
    return rhythm.meter.bar_beats if rhythm.pickup else 0.0


def _ranges(scale: Scale) -> list[tuple[int, int]]:
    """Lowest and highest degree: from the tonic up, or around it from the fourth below at most."""
    octave = len(scale.steps)
    return [
        (low, high)
        for low in range(-(octave // 2), 1)
        for high in range(octave // 2, 2 * octave)
        if NARROWEST <= scale.semitones(high) - scale.semitones(low) <= WIDEST and scale.semitones(high) >= FIFTH
    ]


def _turns_well(scale: Scale, phrases: list[Phrase]) -> bool:
    """Whether no phrase begins too far from the end of the one before, which may be where phrases come back."""
    ends = ((before.degrees[-1], after.degrees[0]) for before, after in pairwise(phrases))
    return all(abs(scale.semitones(start) - scale.semitones(end)) <= WIDEST_TURN for end, start in ends)


def _score(random: np.random.Generator, design: Design, phrases: list[Phrase], tempo_bpm: float) -> Score:
    """The last note is held to the end of its bar."""
    scale, meter, rhythm = design.frame.scale, design.frame.meter, design.rhythm
    pitches = [scale.semitones(degree) for phrase in phrases for degree in phrase.degrees]
    tonic = draw(random, MIDDLES) - (min(pitches) + max(pitches)) // 2
    notes: list[Note] = []
    for index, phrase in enumerate(phrases):
        start = _lead(rhythm) + index * rhythm.phrase_beats
        last = index == len(phrases) - 1
        notes += _notes(scale, tonic, start, phrase, rhythm.phrase_beats if last else None)
    return Score(
        tempo_bpm=tempo_bpm,
        tonic=TONICS[tonic % 12],
        mode=scale.mode,
        beats_per_bar=meter.beats_per_bar,
        beat_unit=meter.beat_unit,
        notes=tuple(notes),
    )


def _notes(scale: Scale, tonic: int, start: float, phrase: Phrase, end: float | None) -> list[Note]:
    timing = phrase.timing if end is None else phrase.timing.held_to(end)
    return [
        Note(
            midi=tonic + scale.semitones(degree),
            onset_beats=start + timing.onsets[place],
            duration_beats=timing.beats[place],
            syllable="" if phrase.slurs[place] else WORDLESS,
            slur=phrase.slurs[place],
            breath=place == 0,
        )
        for place, degree in enumerate(phrase.degrees)
    ]
