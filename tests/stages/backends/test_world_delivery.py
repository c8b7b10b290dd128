from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from schemas.script import EMOTIONS, STYLES, Turn
from schemas.seeds import generator
from stages.backends.world_delivery import Delivery, played_delivery, written_delivery


def turn(**changes: Any) -> Turn:
    return Turn(role="user", text="Hello.", intent="greet", **changes)


def test_a_plain_turn_changes_nothing() -> None:
    assert written_delivery(turn()) == Delivery()
    assert written_delivery(turn(intensity=3)) == Delivery()


def test_departures_add_up_and_scale() -> None:
    one, other = Delivery(level_st=2.0, rate_ratio=1.2), Delivery(level_st=-0.5, rate_ratio=0.5, breath=0.1)
    assert one + other == Delivery(level_st=1.5, rate_ratio=0.6, breath=0.1)
    assert one.scaled(2.0) == Delivery(level_st=4.0, rate_ratio=1.44)
    assert one.scaled(0.0) == Delivery()


def test_every_emotion_style_and_pace_is_in_the_table() -> None:
    deliveries = [written_delivery(turn(emotion=emotion)) for emotion in EMOTIONS]
    assert len(set(deliveries)) == len(EMOTIONS)
    assert written_delivery(turn(style=STYLES[2])).level_st == 6.0
    assert written_delivery(turn(pace="slow")).rate_ratio < 1 < written_delivery(turn(pace="fast")).rate_ratio


@pytest.mark.parametrize("emotion", EMOTIONS[1:])
def test_intensity_strengthens_every_departure(emotion: str) -> None:
    levels = [abs(written_delivery(turn(emotion=emotion, intensity=i)).level_st) for i in (1, 2, 3)]
    rates = [abs(np.log(written_delivery(turn(emotion=emotion, intensity=i)).rate_ratio)) for i in (1, 2, 3)]
    assert levels[0] < levels[1] < levels[2]
    assert rates[0] < rates[1] < rates[2]


def test_two_takes_of_a_text_differ_less_than_two_texts() -> None:
    happy = turn(emotion="happy")

    def levels(texts: range, takes: range) -> list[float]:
        return [played_delivery(happy, generator(text), generator(take)).level_st for text in texts for take in takes]

    assert played_delivery(happy, generator(1), generator(2)) == played_delivery(happy, generator(1), generator(2))
    assert 0.05 < np.std(levels(range(1), range(60))) < 0.6 * np.std(levels(range(60), range(1)))


def test_chance_leaves_a_neutral_line_neutral_but_for_six_fields() -> None:
    played = played_delivery(turn(), generator(1), generator(2))
    chance = {"level_st": 0.0, "range_ratio": 1.0, "rate_ratio": 1.0, "tilt_db_oct": 0.0, "loudness_db": 0.0}
    chance["arch_st"] = 0.0
    assert replace(played, **chance) == Delivery()
    assert all(getattr(played, name) != value for name, value in chance.items())


def test_a_stronger_feeling_is_a_larger_departure() -> None:
    weak, strong = (written_delivery(turn(emotion="sad"), strength) for strength in (0.5, 1.5))
    assert strong.level_st == pytest.approx(3 * weak.level_st)
    assert strong.rate_ratio == pytest.approx(weak.rate_ratio**3)
