"""Composes one phrase: how well each degree suits each note (by chord, contour, place), and a line drawn from that."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from stages.backends.melody_line import Weights, draw_line
from stages.backends.melody_rhythm import Timing
from stages.backends.melody_rules import Cadence, Contour, Meter, Scale, draw

CONTOUR_SEMITONES = 3.5
"""Standard deviation of the pitches around the contour."""
CHORD_AT = {"span": 0.12, "beat": 0.5, "between": 0.9}
"""How well a tone outside the chord suits a note where the chord begins, on a beat, and between beats."""
LONG_BEATS, CHORD_LONG = 1.0, 0.3
"""The same for a long note, wherever it is."""
APART = (0.6, 1.0, 1.0, 0.7, 0.5, 0.3)
"""How well a phrase begins 0, 1, 2 … steps from where the last one ended; farther is rare."""
FARTHER = 0.03
ECHO = 8.0
"""How much more a note suits where the phrase echoes another."""


@dataclass(frozen=True)
class Frame:
    """What all phrases of a song keep to. The highest degree is for the climax alone."""

    scale: Scale
    meter: Meter
    phrase_beats: float
    lowest: int
    highest: int

    @property
    def degrees(self) -> range:
        return range(self.lowest, self.highest + 1)


@dataclass(frozen=True)
class Wish:
    """What is asked of one phrase: the place of the song's climax, if it is here; `kept` and `echoed` are degrees by
    place, the first certain, the second likely; `after` is where the phrase before ended."""

    timing: Timing
    cadence: Cadence
    contour: Contour
    after: int | None = None
    peak: int | None = None
    kept: Mapping[int, int] = field(default_factory=dict)
    echoed: Mapping[int, int] = field(default_factory=dict)


def compose_phrase(random: np.random.Generator, frame: Frame, wish: Wish) -> list[int]:
    """A degree for each note of the phrase. Raises ValueError if no line keeps the rules."""
    likings = _by_chord(random, frame, wish) * _by_contour(frame, wish)
    degrees = np.array(frame.degrees)
    likings[:, degrees == frame.highest] = 0.0
    if wish.peak is not None:
        likings[wish.peak] = degrees == frame.highest
    if wish.after is not None:
        steps = np.abs(degrees - wish.after)
        likings[0] *= np.array([APART[step] if step < len(APART) else FARTHER for step in steps])
    for place, degree in wish.echoed.items():
        likings[place, degrees == degree] *= ECHO
    for place, degree in wish.kept.items():
        likings[place] = degrees == degree
    return draw_line(random, frame.scale, frame.lowest, likings)


def _by_chord(random: np.random.Generator, frame: Frame, wish: Wish) -> Weights:
    """float64 [N, D]. The last note is one that the cadence may end on (a full one in the tonic's own octave), the
    song's first is in the tonic's chord."""
    scale, timing = frame.scale, wish.timing
    close = scale.closes[wish.cadence]
    roots = draw(random, close.progressions)
    spans = round(frame.phrase_beats / frame.meter.span)
    likings = np.ones((len(timing), len(frame.degrees)))
    for place, (onset, beats) in enumerate(zip(timing.onsets, timing.beats, strict=True)):
        span = min(max(int(onset // frame.meter.span), 0), spans - 1)
        root = roots[round(span * (len(roots) - 1) / (spans - 1))]
        outside = _outside(frame.meter, onset, beats)
        likings[place] = [1.0 if scale.in_chord(degree, root) else outside for degree in frame.degrees]
    if wish.after is None:
        likings[0] = [float(scale.in_chord(degree, 0)) for degree in frame.degrees]
    octave = None if wish.cadence == "full" else len(scale.steps)
    likings[-1] = [(degree % octave if octave else degree) in close.ends for degree in frame.degrees]
    return likings


def _outside(meter: Meter, onset: float, beats: float) -> float:
    beat = 1.5 if meter.beat_unit == 8 else 1.0
    where = "span" if onset % meter.span == 0 else "beat" if onset % beat == 0 else "between"
    return min(CHORD_AT[where], CHORD_LONG if beats >= LONG_BEATS else 1.0)


def _by_contour(frame: Frame, wish: Wish) -> Weights:
    """float64 [N, D]. The last note is free of it: the cadence decides."""
    pitches = np.array([frame.scale.semitones(degree) for degree in frame.degrees])
    heights = wish.contour.heights
    places = np.linspace(0.0, 1.0, len(wish.timing))
    targets = np.interp(places, np.linspace(0.0, 1.0, len(heights)), heights)
    top = pitches[-2] if wish.peak is None else pitches[-1]
    away = (pitches[None, :] - (pitches[0] + targets[:, None] * (top - pitches[0]))) / CONTOUR_SEMITONES
    away[-1] = 0.0
    likings: Weights = np.exp(-0.5 * away**2)
    return likings


def peak_place(random: np.random.Generator, timing: Timing) -> int:
    """Where a climax may lie: a note in the middle of its phrase that is not among the shortest."""
    count = len(timing)
    middle = range(1, count - 1)
    early = [place for place in middle if place <= 0.7 * count] or list(middle)
    longest = max(timing.beats[place] for place in early)
    return draw(random, [place for place in early if timing.beats[place] >= longest / 2])
