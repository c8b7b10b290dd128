"""What the melody generator composes with: scales, meters, forms and contours, as `tables/melody.toml` has them.

A degree counts steps of the scale from the tonic, which is 0; below it they are negative.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from schemas.score import Mode

TABLE = Path(__file__).parent / "tables" / "melody.toml"
Cadence = Literal["half", "open", "full"]
Liveliness = Literal["calm", "flowing", "lively"]
LIVELINESS: tuple[Liveliness, ...] = get_args(Liveliness)
Rhythm = tuple[float, ...]
"""Durations in beats."""


@dataclass(frozen=True)
class Close:
    """How a phrase may close: the degrees it may end on, and the roots of the four chords that lead there."""

    ends: tuple[int, ...]
    progressions: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Scale:
    weight: float
    mode: Mode
    steps: tuple[int, ...]
    chord: tuple[int, ...]
    intervals: tuple[float, ...]
    closes: Mapping[Cadence, Close]

    def semitones(self, degree: int) -> int:
        octave, step = divmod(degree, len(self.steps))
        return 12 * octave + self.steps[step]

    def in_chord(self, degree: int, root: int) -> bool:
        return (degree - root) % len(self.steps) in self.chord


@dataclass(frozen=True)
class Meter:
    """`span` is how many beats one chord lasts, `tempo` lowest and highest beats a minute."""

    weight: float
    beats_per_bar: int
    beat_unit: Literal[4, 8]
    phrase_bars: tuple[int, ...]
    span: float
    tempo: tuple[float, float]
    pickups: tuple[Rhythm, ...]
    cells: Mapping[Liveliness, tuple[Rhythm, ...]]
    cadences: tuple[Rhythm, ...]

    @property
    def bar_beats(self) -> float:
        return self.beats_per_bar * 4 / self.beat_unit


@dataclass(frozen=True)
class Form:
    """Phrases by letter, with a stroke where one is varied, and which of them has the climax."""

    weight: float
    phrases: tuple[str, ...]
    climax: int


@dataclass(frozen=True)
class Contour:
    weight: float
    heights: tuple[float, ...]


@dataclass(frozen=True)
class Rules:
    scales: tuple[Scale, ...]
    meters: tuple[Meter, ...]
    forms: tuple[Form, ...]
    contours: tuple[Contour, ...]


Weighted = TypeVar("Weighted", Scale, Meter, Form, Contour)
Item = TypeVar("Item")


def draw_weighted(random: np.random.Generator, items: Sequence[Weighted]) -> Weighted:
    weights = np.array([item.weight for item in items])
    return items[int(random.choice(len(items), p=weights / weights.sum()))]


def draw(random: np.random.Generator, items: Sequence[Item]) -> Item:
    return items[int(random.integers(len(items)))]


@cache
def load_rules() -> Rules:
    data = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return Rules(
        tuple(_scale(mode, entry) for mode, entry in data["modes"].items()),
        tuple(_meter(entry) for entry in data["meters"].values()),
        tuple(Form(entry["weight"], tuple(entry["phrases"].split()), entry["climax"]) for entry in data["forms"]),
        tuple(Contour(entry["weight"], tuple(entry["heights"])) for entry in data["contours"].values()),
    )


def _scale(mode: Mode, entry: Mapping[str, Any]) -> Scale:
    closes: dict[Cadence, Close] = {
        cadence: Close(tuple(entry[cadence]["ends"]), tuple(map(tuple, entry[cadence]["progressions"])))
        for cadence in get_args(Cadence)
    }
    steps, chord, intervals = (tuple(entry[key]) for key in ("steps", "chord", "intervals"))
    return Scale(entry["weight"], mode, steps, chord, intervals, closes)


def _meter(entry: Mapping[str, Any]) -> Meter:
    return Meter(
        weight=entry["weight"],
        beats_per_bar=entry["bar"][0],
        beat_unit=entry["bar"][1],
        phrase_bars=tuple(entry["phrase_bars"]),
        span=entry["span"],
        tempo=(entry["tempo"][0], entry["tempo"][1]),
        pickups=_rhythms(entry["pickups"]),
        cells={liveliness: _rhythms(entry[liveliness]) for liveliness in LIVELINESS},
        cadences=_rhythms(entry["cadences"]),
    )


def _rhythms(texts: Sequence[str]) -> tuple[Rhythm, ...]:
    return tuple(tuple(map(float, text.split())) for text in texts)
