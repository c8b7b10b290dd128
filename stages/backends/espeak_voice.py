"""Voice design for the embedded engine: from a Character to named numbers, the same for every line of that character.

Traits: `f0_hz` (median f0 of neutral speech), `formant_ratio` (1 = the carrier's, an adult man's), `range_ratio`,
`rate_ratio`, `tilt_db_oct`, `breath`, `tremor_cents`, `jitter_cents` (units as in world_delivery.Delivery).

f0 levels lie on a lattice of `CELL_ST` semitones; ids of users (`en-u017`) take the even cells and those of assistants
(`en-a003`) the odd ones, any other id takes the side its digest says. Inside a cell f0 keeps to the middle, so a user
and an assistant are always at least `MIN_GAP_ST` apart, whoever they are, while each keeps one voice everywhere.
"""

import re
import tomllib
from functools import cache
from math import log2
from pathlib import Path
from typing import Any

import numpy as np

from schemas.script import Character
from schemas.seeds import derive_seed, generator
from schemas.take import Voice
from stages.backends.world_delivery import Delivery

VOICE_TABLE = Path(__file__).parent / "tables" / "voices.toml"
ENGINE = "espeak-world"
CELL_ST = 1.6
CELL_SPREAD_ST = 0.5
MIN_GAP_ST = CELL_ST - CELL_SPREAD_ST
LATTICE_ORIGIN_HZ = 100.0
SPEAKER_PACE = {"slow": 0.93, "normal": 1.0, "fast": 1.07}
_ROLE_IN_ID = re.compile(r"-([ua])\d+$")


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(VOICE_TABLE.read_text())


def design_voice(character: Character) -> Voice:
    """The character's voice: a function of its profile, with an individual part seeded by its id."""
    group = _table()["age"][character.age]
    random = generator("espeak-world voice", character.character_id)
    individual = random.uniform(-1.0, 1.0, size=6)
    shift = Delivery(**group["shift"]) + _word_shift(character) + _individual_shift(individual)
    wanted_st = 12 * log2(group["f0_hz"][character.gender] / LATTICE_ORIGIN_HZ) + shift.level_st + 2.0 * individual[0]
    f0_hz = LATTICE_ORIGIN_HZ * 2 ** (_snap(wanted_st, _side(character.character_id), individual[1]) / 12)
    traits = {
        "f0_hz": f0_hz,
        "formant_ratio": group["formant_ratio"][character.gender] * shift.formant_ratio,
        "range_ratio": shift.range_ratio,
        "rate_ratio": shift.rate_ratio * SPEAKER_PACE[character.pace],
        "tilt_db_oct": shift.tilt_db_oct,
        "breath": max(shift.breath, 0.0),
        "tremor_cents": shift.tremor_cents,
        "jitter_cents": shift.jitter_cents,
    }
    return Voice(
        f"{ENGINE}:{character.character_id}", ENGINE, {name: round(float(value), 4) for name, value in traits.items()}
    )


def _individual_shift(u: "np.ndarray[Any, np.dtype[np.float64]]") -> Delivery:
    """What tells two speakers of one age and gender apart, from numbers in -1..1."""
    return Delivery(
        formant_ratio=float(np.exp(0.05 * u[2])),
        tilt_db_oct=0.9 * u[3],
        range_ratio=float(np.exp(0.12 * u[4])),
        rate_ratio=float(np.exp(0.05 * u[5])),
    )


def _word_shift(character: Character) -> Delivery:
    """The sum of the shifts whose words occur in timbre or temperament."""
    text = f"{character.timbre} {character.temperament}".lower()
    english = set(re.findall("[a-z]+", text))
    shift = Delivery()
    for entry in _table()["words"]:
        if any(word in (english if word.isascii() else text) for word in entry["any"]):
            shift += Delivery(**entry["shift"])
    return shift


def _side(character_id: str) -> int:
    """0 for users, 1 for assistants."""
    role = _ROLE_IN_ID.search(character_id)
    return "ua".index(role.group(1)) if role else derive_seed("side", character_id) % 2


def _snap(level_st: float, side: int, individual: float) -> float:
    """The level moved into the nearest cell of that side, in semitones above LATTICE_ORIGIN_HZ."""
    cell = 2 * round((level_st / CELL_ST - side) / 2) + side
    return cell * CELL_ST + CELL_SPREAD_ST / 2 * individual
