"""The rhythms of a song: a few bars, drawn once and used over and over, so that its phrases belong together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stages.backends.melody_rules import LIVELINESS, Meter, Rhythm, draw

PICKUP_SHARE = 0.35
BREATH_BEATS = 0.5
"""At least so much rest between phrases."""
SHORTEST_CLOSE = 1.0
ORDERS = ((0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1))
"""Which of the song's two motifs fill the bars of a phrase before its cadence."""


@dataclass(frozen=True)
class Timing:
    """When the notes of a phrase begin and how long they last, in beats from its first bar line; a pickup is before."""

    onsets: tuple[float, ...]
    beats: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.onsets)

    def in_bar(self, bar: int, bar_beats: float) -> list[int]:
        return [place for place, onset in enumerate(self.onsets) if bar * bar_beats <= onset < (bar + 1) * bar_beats]

    def held_to(self, end: float) -> "Timing":
        """The same with the last note held until the given beat."""
        return Timing(self.onsets, (*self.beats[:-1], end - self.onsets[-1]))


@dataclass(frozen=True)
class SongRhythm:
    """What all phrases of a song are made from."""

    meter: Meter
    bars: int
    pickup: Rhythm
    motifs: tuple[Rhythm, Rhythm]
    cadences: tuple[Rhythm, ...]

    @property
    def phrase_beats(self) -> float:
        return self.bars * self.meter.bar_beats

    @cached_property
    def shortest(self) -> float:
        return min((*self.pickup, *self.motifs[0], *self.motifs[1], *(beats for bar in self.cadences for beats in bar)))

    def timing(self, random: np.random.Generator, first: int) -> Timing:
        """A phrase that begins with the given motif."""
        order = draw(random, ORDERS)[: self.bars - 1]
        bars = [self.motifs[(first + motif) % 2] for motif in order]
        close = draw(random, self.cadences)
        onsets = [*_starts(self.pickup, -sum(self.pickup))]
        for index, bar in enumerate((*bars, close)):
            onsets += _starts(bar, index * self.meter.bar_beats)
        timing = Timing(tuple(onsets), (*self.pickup, *(beats for bar in (*bars, close) for beats in bar)))
        latest = self.phrase_beats - sum(self.pickup) - BREATH_BEATS
        return timing if timing.onsets[-1] + timing.beats[-1] <= latest else timing.held_to(latest)


def draw_rhythm(random: np.random.Generator, meter: Meter) -> SongRhythm:
    liveliness = draw(random, LIVELINESS)
    pickup = draw(random, meter.pickups) if random.random() < PICKUP_SHARE else ()
    latest = meter.bar_beats - sum(pickup) - BREATH_BEATS
    closes = [bar for bar in meter.cadences if sum(bar[:-1]) + SHORTEST_CLOSE <= latest]
    return SongRhythm(
        meter,
        draw(random, meter.phrase_bars),
        pickup,
        (_bar(random, meter, meter.cells[liveliness]), _bar(random, meter, meter.cells[liveliness])),
        (draw(random, closes), draw(random, closes)),
    )


def _bar(random: np.random.Generator, meter: Meter, cells: Sequence[Rhythm]) -> Rhythm:
    bar: Rhythm = ()
    while sum(bar) < meter.bar_beats:
        bar += draw(random, cells)
    return bar


def _starts(rhythm: Rhythm, first: float) -> list[float]:
    return [first + sum(rhythm[:index]) for index in range(len(rhythm))]
