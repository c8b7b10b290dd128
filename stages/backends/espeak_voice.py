"""Voice design for the embedded engine: from a Character to named numbers, the same for every line of that character.

Traits: `f0_hz` (median f0 of neutral speech), and those of TRAITS, fields of world_delivery.Delivery, in its units;
a formant_ratio of 1 is the carrier's, an adult man's.

f0 levels lie on a lattice of `CELL_ST` semitones; users take the even cells, assistants and role-play's characters the
odd ones (`voice_sides`). Inside a cell f0 keeps to the middle, so a user and an assistant are always at least
`MIN_GAP_ST` apart, whoever they are, while each keeps one voice everywhere.
"""

import re
import tomllib
from dataclasses import asdict, replace
from functools import cache
from math import exp, log, log2, tanh
from pathlib import Path
from typing import Any

import numpy as np

from schemas.script import Character
from schemas.seeds import generator
from schemas.take import Voice
from stages.backends.voice_sides import side
from stages.backends.world_delivery import Delivery

VOICE_TABLE = Path(__file__).parent / "tables" / "voices.toml"
ENGINE = "espeak-world"
TRAITS = (
    *("formant_ratio", "range_ratio", "rate_ratio", "dynamics_ratio", "tilt_db_oct", "breath"),
    *("tremor_cents", "jitter_cents", "shimmer_db", "body_db", "throat_db", "nose_db", "ring_db", "air_db"),
)
CELL_ST = 1.6
CELL_SPREAD_ST = 0.5
MIN_GAP_ST = CELL_ST - CELL_SPREAD_ST
LATTICE_ORIGIN_HZ = 100.0
SPEAKER_PACE = {"slow": 0.93, "normal": 1.0, "fast": 1.07}


WORD_LIMITS = {"level_st": 2.0, "formant_ratio": 0.03, "range_ratio": 0.3, "rate_ratio": 0.09, "tilt_db_oct": 1.2}
"""How far words may move a person's voice, in the field's unit or, for ratios, in log; the approach is smooth."""
WORDS_IN = {
    "timbre": ("timbre", "temperament"),
    "manner": ("temperament", "personality"),
    "identity": ("identity",),
    "species": ("species",),
}
"""Groups of words, and the parts of a description they are looked for in."""


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(VOICE_TABLE.read_text())


def design_voice(character: Character) -> Voice:
    """The character's voice: a function of its profile, with an individual part seeded by its id."""
    group = dict(_table()["age"][character.age][character.gender])
    random = generator("espeak-world voice", character.character_id)
    said = _limited(sum((_word_shift(character, words) for words in ("timbre", "manner", "identity")), Delivery()))
    shift = said + _word_shift(character, "species") + _individual_shift(random)
    wanted_st = 12 * log2(group.pop("f0_hz") / LATTICE_ORIGIN_HZ) + shift.level_st
    cell_st = _snap(wanted_st, side(character.character_id), random.uniform(-1.0, 1.0))
    whole = Delivery(**group) + replace(shift, level_st=0.0, rate_ratio=shift.rate_ratio * SPEAKER_PACE[character.pace])
    traits = {name: value for name, value in asdict(whole).items() if name in TRAITS}
    traits = {"f0_hz": LATTICE_ORIGIN_HZ * 2 ** (cell_st / 12)} | traits
    return Voice(
        f"{ENGINE}:{character.character_id}", ENGINE, {name: round(float(value), 4) for name, value in traits.items()}
    )


def _individual_shift(random: np.random.Generator) -> Delivery:
    """What tells two speakers of one age and gender apart: every field uniform within the table's bounds."""
    bounds = _table()["individual"].items()
    drawn = ((name, bound, random.uniform(-1.0, 1.0)) for name, bound in bounds)
    return Delivery(**{name: bound**u if name.endswith("_ratio") else bound * u for name, bound, u in drawn})


def _word_shift(character: Character, words: str) -> Delivery:
    """The sum of the shifts of a group whose words occur in its parts of the description."""
    text = " ".join(getattr(character, part) for part in WORDS_IN[words]).lower()
    english = set(re.findall("[a-z]+(?:-[a-z]+)*", text))
    shift = Delivery()
    for entry in _table()[words]:
        if any(word in (english if word.isascii() else text) for word in entry["any"]):
            shift += Delivery(**entry["shift"])
    return shift


def _limited(shift: Delivery) -> Delivery:
    """The shift with the fields of WORD_LIMITS pressed below their limits: words shade an age, they do not hide it."""
    pressed = {}
    for name, limit in WORD_LIMITS.items():
        value = getattr(shift, name)
        if name.endswith("_ratio"):
            pressed[name] = exp(limit * tanh(log(value) / limit))
        else:
            pressed[name] = limit * tanh(value / limit)
    return replace(shift, **pressed)


def _snap(level_st: float, side: int, individual: float) -> float:
    """The level moved into the nearest cell of that side, in semitones above LATTICE_ORIGIN_HZ."""
    cell = 2 * round((level_st / CELL_ST - side) / 2) + side
    return cell * CELL_ST + CELL_SPREAD_ST / 2 * individual
