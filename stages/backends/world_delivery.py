"""How a line is delivered: emotion, intensity, style and pace as departures from a neutral voice."""

import tomllib
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from schemas.script import Turn

DELIVERY_TABLE = Path(__file__).parent / "tables" / "delivery.toml"


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
    final_st: float = 0.0  # f0 movement over the last syllable
    tremor_cents: float = 0.0  # depth of the f0 tremor
    jitter_cents: float = 0.0  # irregular f0, standard deviation
    dynamics_ratio: float = 1.0  # loudness contrasts
    formant_ratio: float = 1.0  # formant frequencies
    loudness_db: float = 0.0  # loudness of the whole line

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


def written_delivery(turn: Turn) -> Delivery:
    """What the turn's emotion, intensity, style and pace ask for."""
    table = _table()
    emotion = Delivery(**table["emotion"][turn.emotion]).scaled(table["intensity"][str(turn.intensity)])
    return emotion + Delivery(**table["style"][turn.style]) + Delivery(**table["pace"][turn.pace])


def varied(delivery: Delivery, random: np.random.Generator) -> Delivery:
    """The delivery with the small differences between two takes of one speaker (standard deviations below)."""
    return delivery + replace(
        Delivery(),
        level_st=0.35 * random.standard_normal(),
        range_ratio=float(np.exp(0.05 * random.standard_normal())),
        rate_ratio=float(np.exp(0.02 * random.standard_normal())),
        tilt_db_oct=0.15 * random.standard_normal(),
    )
