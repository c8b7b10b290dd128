"""How a line is delivered: emotion, intensity, style and pace as departures from a neutral voice."""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from schemas.script import Turn
from schemas.take import Voice

DELIVERY_TABLE = Path(__file__).parent / "tables" / "delivery.toml"
ARCH_DEVIATION_ST = 2.0
STRENGTH_DEVIATION = 0.07  # of the logarithm of an emotion's strength
TAKE_SHARE = 0.4  # chance of a take against that of a text


@dataclass(frozen=True)
class Delivery:
    """A departure from neutral. Fields in `_ratio` multiply, the others add; the default changes nothing."""

    level_st: float = 0.0  # f0 level, semitones
    range_ratio: float = 1.0  # f0 excursions around the level
    rate_ratio: float = 1.0  # speaking rate
    tilt_db_oct: float = 0.0  # spectral slope, dB per octave around 1 kHz
    breath: float = 0.0  # share of voiced energy turned to noise, 0-1
    accent_st: float = 0.0  # extra f0 on stressed syllables
    declination_st: float = 0.0  # f0 change from first to last voiced frame
    arch_st: float = 0.0  # f0 of the middle against that of both ends
    final_st: float = 0.0  # f0 movement over the last syllable
    tremor_cents: float = 0.0  # depth of the f0 tremor
    jitter_cents: float = 0.0  # irregular f0, standard deviation
    shimmer_db: float = 0.0  # irregular loudness of voiced frames, standard deviation
    dynamics_ratio: float = 1.0  # loudness contrasts
    formant_ratio: float = 1.0  # formant frequencies
    loudness_db: float = 0.0  # loudness of the whole line
    body_db: float = 0.0  # gains of the five regions of world_expression.REGIONS_HZ
    throat_db: float = 0.0
    nose_db: float = 0.0
    ring_db: float = 0.0
    air_db: float = 0.0

    def scaled(self, weight: float) -> "Delivery":
        """The same departure, `weight` times as strong."""
        return Delivery(
            **{
                f.name: getattr(self, f.name) ** weight if f.name.endswith("_ratio") else getattr(self, f.name) * weight
                for f in fields(self)
            }
        )

    def __add__(self, other: "Delivery") -> "Delivery":
        """Both departures together."""
        both = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Delivery(**{name: a * b if name.endswith("_ratio") else a + b for name, (a, b) in both.items()})


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(DELIVERY_TABLE.read_text())


def designed_delivery(voice: Voice) -> Delivery:
    """What the voice itself makes of any line."""
    return Delivery(**{f.name: voice.traits[f.name] for f in fields(Delivery) if f.name in voice.traits})


def written_delivery(turn: Turn, strength: float = 1.0) -> Delivery:
    """What the turn's emotion, intensity, style and pace ask for; `strength` scales the emotion."""
    table = _table()
    emotion = Delivery(**table["emotion"][turn.emotion]).scaled(strength * table["intensity"][str(turn.intensity)])
    return emotion + Delivery(**table["style"][turn.style]) + Delivery(**table["pace"][turn.pace])


def played_delivery(turn: Turn, text: np.random.Generator, take: np.random.Generator) -> Delivery:
    """What the turn asks for as one take gives it: no two are felt quite as strongly, nor spoken quite alike.

    `text` is the chance in how a speaker takes a text, whatever the mood: it is the same in all takes of that text, and
    the greater part; `take` is the chance of one take.
    """
    feeling = STRENGTH_DEVIATION * (text.standard_normal() + TAKE_SHARE * take.standard_normal())
    arch = Delivery(arch_st=ARCH_DEVIATION_ST * text.standard_normal())
    return written_delivery(turn, float(np.exp(feeling))) + arch + _chance(text) + _chance(take).scaled(TAKE_SHARE)


def _chance(random: np.random.Generator) -> Delivery:
    """A small departure in any direction; the numbers are standard deviations, of logarithms for ratios."""
    return Delivery(
        level_st=0.4 * random.standard_normal(),
        range_ratio=float(np.exp(0.08 * random.standard_normal())),
        rate_ratio=float(np.exp(0.025 * random.standard_normal())),
        tilt_db_oct=0.3 * random.standard_normal(),
        loudness_db=0.4 * random.standard_normal(),
    )
