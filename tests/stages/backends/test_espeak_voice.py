from collections.abc import Callable
from itertools import product
from math import log2
from typing import get_args

import numpy as np

from schemas.script import Age, Character, Gender
from stages.backends.espeak_voice import MIN_GAP_ST, design_voice

Maker = Callable[..., Character]


def mean_traits(make: Maker, **profile: str) -> dict[str, float]:
    """Traits averaged over forty speakers, half of them users."""
    ids = [f"en-{role}{number:03d}" for role in "ua" for number in range(20)]
    voices = [design_voice(make(character_id=character_id, **profile)) for character_id in ids]
    return {name: float(np.mean([voice.traits[name] for voice in voices])) for name in voices[0].traits}


def test_a_voice_depends_on_the_character_alone(make_character: Maker) -> None:
    ann = make_character()
    assert design_voice(ann) == design_voice(make_character())
    assert design_voice(ann).voice_id == "espeak-world:en-u001"
    assert design_voice(ann).engine == "espeak-world"


def test_any_user_is_apart_from_any_assistant(make_character: Maker) -> None:
    groups = list(product(get_args(Age), get_args(Gender), ("", "deep and husky", "high"))) * 3
    levels: dict[str, list[float]] = {"u": [], "a": []}
    for role, (number, (age, gender, timbre)) in product("ua", enumerate(groups)):
        who = make_character(character_id=f"en-{role}{number:03d}", age=age, gender=gender, timbre=timbre)
        levels[role].append(12 * log2(design_voice(who).traits["f0_hz"]))
    gaps_st = np.abs(np.subtract.outer(levels["u"], levels["a"]))
    assert MIN_GAP_ST >= 1.0
    assert gaps_st.min() >= MIN_GAP_ST - 0.01


def test_distinct_ids_have_distinct_voices(make_character: Maker) -> None:
    ids = [f"en-u{number:03d}" for number in range(300)]
    voices = [design_voice(make_character(character_id=character_id)) for character_id in ids]
    assert len({tuple(voice.traits.values()) for voice in voices}) == len(ids)


def test_gender_and_age_shape_the_voice(make_character: Maker) -> None:
    man, woman = (mean_traits(make_character, gender=gender) for gender in ("male", "female"))
    assert woman["f0_hz"] / man["f0_hz"] > 1.5
    assert woman["formant_ratio"] / man["formant_ratio"] > 1.1
    child, youth, elder = (mean_traits(make_character, age=age) for age in ("child", "youth", "elderly"))
    assert child["f0_hz"] > youth["f0_hz"] > woman["f0_hz"] > elder["f0_hz"]
    assert child["formant_ratio"] > youth["formant_ratio"] > woman["formant_ratio"] > elder["formant_ratio"]
    assert youth["rate_ratio"] > woman["rate_ratio"] > elder["rate_ratio"]
    assert elder["tremor_cents"] > woman["tremor_cents"] == 0.0


def test_words_of_the_profile_shift_the_voice(make_character: Maker) -> None:
    plain = design_voice(make_character()).traits
    husky = design_voice(make_character(timbre="slightly husky")).traits
    bright = design_voice(make_character(timbre="清亮")).traits
    mellow = design_voice(make_character(timbre="mellow")).traits
    calm = design_voice(make_character(temperament="phlegmatic")).traits
    slow = design_voice(make_character(pace="slow")).traits
    assert husky["breath"] == plain["breath"] + 0.12
    assert bright["tilt_db_oct"] > plain["tilt_db_oct"] > mellow["tilt_db_oct"]
    assert mellow["f0_hz"] == plain["f0_hz"]  # "mellow" is not "low"
    assert calm["range_ratio"] < plain["range_ratio"]
    assert slow["rate_ratio"] < plain["rate_ratio"]
