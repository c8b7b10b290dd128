"""When each turn of a dialogue starts, so that its two sides can be laid beside each other."""

from collections.abc import Sequence

from schemas.script import Turn

INTERRUPTION_S = 0.4
"""How long before the end of the running turn an interruption cuts in (at most a third of that turn)."""
BACKCHANNEL_AT = 0.6
"""Where in the running turn a back-channel falls, as a share of its duration."""


def start_times(turns: Sequence[Turn], durations_s: Sequence[float]) -> list[float]:
    """Start of every turn in seconds, the first at 0. A back-channel lies under the turn before it and moves nothing.

    Raises ValueError if there is not one duration per turn.
    """
    starts: list[float] = []
    floor_start = floor_end = 0.0  # the turn that holds the floor
    for turn, duration in zip(turns, durations_s, strict=True):
        if turn.overlap == "backchannel" and starts:
            starts.append(floor_start + BACKCHANNEL_AT * (floor_end - floor_start))
            continue
        if not starts:
            floor_start = 0.0
        elif turn.overlap == "interrupts":
            floor_start = floor_end - min(INTERRUPTION_S, (floor_end - floor_start) / 3)
        else:
            floor_start = floor_end + turn.pause_before_s
        starts.append(floor_start)
        floor_end = floor_start + duration
    return starts
