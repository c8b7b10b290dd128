"""Turns follow each other with their pauses; interruptions cut in, back-channels lie under the running turn."""

import pytest

from schemas.script import Overlap, Role, Turn
from stages.arrange_turns import INTERRUPTION_S, start_times


def turn(role: Role, overlap: Overlap = "none", pause_s: float = 0.5) -> Turn:
    return Turn(role=role, text="x", intent="x", overlap=overlap, pause_before_s=pause_s)


def test_pauses_separate_turns_and_the_first_starts_at_zero() -> None:
    assert start_times([turn("user", pause_s=2.0), turn("assistant"), turn("user", pause_s=0.25)], [1.0, 2.0, 1.0]) == [
        0.0,
        1.5,
        3.75,
    ]


def test_an_interruption_starts_before_the_end_of_what_it_interrupts() -> None:
    assert start_times([turn("user"), turn("assistant", "interrupts")], [3.0, 1.0]) == [0.0, 3.0 - INTERRUPTION_S]
    assert start_times([turn("user"), turn("assistant", "interrupts")], [0.6, 1.0])[1] == pytest.approx(0.4)


def test_a_backchannel_moves_nothing() -> None:
    turns = [turn("user"), turn("assistant", "backchannel"), turn("assistant")]
    assert start_times(turns, [5.0, 0.4, 2.0]) == [0.0, 3.0, 5.5]


def test_one_duration_per_turn() -> None:
    with pytest.raises(ValueError, match="zip"):
        start_times([turn("user")], [])
