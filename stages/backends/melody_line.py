"""Draws the degrees of a phrase: of all lines that keep the rules, likely ones more often.

A line is a Markov chain over (last move, degree), weighted by how well each degree suits its place and each move
follows the one before, and drawn exactly: backward sums, then forward draws. So it ends where it must without being
forced there at the last moment.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.backends.melody_rules import Scale

Weights = NDArray[np.float64]

LEAP = 3
"""Moves of so many steps are leaps: the next move fills them, by a step or skip the other way."""
WIDEST_SEMITONES = 9
TRITONE = 6
CLOSING = {-1: 1.0, 1: 0.6, -2: 0.25, 2: 0.08, 3: 0.12}
"""How a phrase may move to its last note: mostly down a step, or from the fifth below up to the tonic."""


@lru_cache(maxsize=16)
def _follow(intervals: tuple[float, ...]) -> Weights:
    """float64 [M + 1, M]: how well each of the M moves follows each of them; the last row is for the line's start."""
    widest = len(intervals) - 1
    moves = range(-widest, widest + 1)
    table = [[_follows(before, move) * intervals[abs(move)] for move in moves] for before in moves]
    table.append([intervals[abs(move)] for move in moves])
    return np.array(table)


def _follows(before: int, move: int) -> float:
    turns = before * move < 0
    if abs(before) >= LEAP:
        return 1.0 if turns and abs(move) < LEAP else 0.0
    if abs(move) >= LEAP:
        # A leap in the direction that the line already goes leaves it nowhere to go.
        return 0.3 if before * move > 0 else 1.0
    if abs(before) == 2 and abs(move) == 2:
        return 0.15 if turns else 0.5
    if before == 0 and move == 0:
        return 0.3
    return 1.0 if not turns else 0.75


def _allowed(scale: Scale, lowest: int, count: int, moves: int) -> NDArray[np.bool_]:
    """bool [M, D]: whether a degree may be reached by each move (within the range, no tritone, nothing too wide)."""
    widest = moves // 2
    allowed = np.zeros((moves, count), dtype=bool)
    for row in range(moves):
        for column in range(count):
            start = column - (row - widest)
            if 0 <= start < count:
                size = abs(scale.semitones(lowest + column) - scale.semitones(lowest + start))
                allowed[row, column] = size <= WIDEST_SEMITONES and size != TRITONE
    return allowed


def draw_line(random: np.random.Generator, scale: Scale, lowest: int, likings: Weights) -> list[int]:
    """Degrees of a phrase.

    `likings` is float64 [N, D]: how well each of D degrees, from `lowest` up, suits each of N notes; 0 forbids.
    Raises ValueError if no line keeps the rules.
    """
    notes, count = likings.shape
    follow = _follow(scale.intervals)
    moves = follow.shape[1]
    widest = moves // 2
    allowed = _allowed(scale, lowest, count, moves)
    closing = np.array([CLOSING.get(move, 0.0) for move in range(-widest, widest + 1)])[:, None]
    # ahead[n][m, d]: the weight of all ends of the line after note n moved by m to degree d
    ahead: list[Weights] = [np.ones((moves + 1, count))]
    reached: list[Weights] = []
    for index in range(notes - 1, 0, -1):
        here = likings[index] * ahead[0][:moves] * allowed * (closing if index == notes - 1 else 1.0)
        leaving = np.stack([_shifted(here[row], row - widest) for row in range(moves)])
        reached.insert(0, leaving)
        total = follow @ leaving
        ahead.insert(0, total / max(total.max(), 1e-300))
    degree = _drawn(random, likings[0] * ahead[0][moves])
    line, before = [degree], moves
    for leaving in reached:
        before = _drawn(random, follow[before] * leaving[:, line[-1]])
        line.append(line[-1] + before - widest)
    return [lowest + place for place in line]


def _shifted(row: Weights, move: int) -> Weights:
    """Values of where a move leads, at where it starts from."""
    if move == 0:
        return row
    empty = np.zeros(abs(move))
    return np.concatenate([row[move:], empty]) if move > 0 else np.concatenate([empty, row[:move]])


def _drawn(random: np.random.Generator, weights: Any) -> int:
    total = weights.sum()
    if total <= 0.0:
        raise ValueError("no melodic line keeps all rules here")
    return int(random.choice(len(weights), p=weights / total))
