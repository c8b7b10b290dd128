"""Two sides of a dialogue in one file."""

import io
from typing import Any

import numpy as np
import soundfile

from schemas.script import Role
from schemas.take import Samples
from stages.mix_dialogue import mix_dialogue


def step(level: int, seconds: float) -> Samples:
    return np.full(round(seconds * 24_000), level, dtype=np.int16)


def mixed(*turns: tuple[Role, float, Samples]) -> tuple[Any, Any]:
    samples, rate = soundfile.read(io.BytesIO(mix_dialogue(turns)), dtype="int16")
    assert rate == 24_000
    return samples[:, 0], samples[:, 1]


def test_assistant_left_user_right_each_at_its_time_gaps_silent() -> None:
    left, right = mixed(("user", 0.0, step(100, 1.0)), ("assistant", 1.25, step(200, 0.5)))
    assert len(left) == len(right) == 1.75 * 24_000
    assert (set(right[:24_000]), set(right[24_000:])) == ({100}, {0})
    assert (set(left[:30_000]), set(left[30_000:])) == ({0}, {200})


def test_a_turn_under_another_and_one_that_cuts_in_keep_their_sides() -> None:
    left, right = mixed(
        ("user", 0.0, step(100, 2.0)), ("assistant", 1.2, step(7, 0.4)), ("assistant", 1.6, step(9, 1.0))
    )
    assert set(right[: 2 * 24_000]) == {100}
    assert (set(left[28_800:38_400]), set(left[38_400:])) == ({7}, {9})


def test_it_ends_with_the_last_of_them_and_no_sample_is_cut_off() -> None:
    left, _ = mixed(("assistant", 0.001, step(5, 0.50004)))  # 12001 samples
    assert (len(left), np.count_nonzero(left)) == (502 * 24, 12_001)


def test_one_side_at_two_places_at_once_is_added_up_to_full_scale() -> None:
    left, _ = mixed(("assistant", 0.0, step(30_000, 0.1)), ("assistant", 0.05, step(5_000, 0.1)))
    assert [int(left[place]) for place in (0, 1200, 2400)] == [30_000, 32_767, 5_000]
