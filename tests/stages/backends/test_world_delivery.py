from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from schemas.script import EMOTIONS, STYLES, Turn
from schemas.seeds import generator
from stages.backends.world_delivery import Delivery, varied, written_delivery


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


def test_two_takes_differ_a_little() -> None:
    delivery = written_delivery(turn(emotion="happy"))
    one, again, other = (varied(delivery, generator(seed)) for seed in (1, 1, 2))
    assert one == again != other
    assert abs(one.level_st - other.level_st) < 2.0
    untouched = {"level_st": 0.0, "range_ratio": 1.0, "rate_ratio": 1.0, "tilt_db_oct": 0.0}
    assert replace(one, **untouched) == replace(delivery, **untouched)
