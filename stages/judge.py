"""The one place where measures become decisions: `judge` says what a take misses, `rank` sorts attempts."""

import math
from collections.abc import Iterable

from schemas.errors import RecipeError
from schemas.limits import Limit, Limits
from schemas.take import Line, Measures, Miss, Verdict

MAY_BE_ABSENT = frozenset(
    {
        "f0_audit_cents",  # only a seeded sample of takes is audited
        "f0_mean_hz",  # these five: nothing voiced to measure, as in a whisper
        "f0_range_st",
        "hnr_db",
        "jitter",
        "shimmer",
        "repetition",  # ears that hear phones do not count it
        "loudness_lufs",  # shorter than one block of the loudness gate
    }
)
"""Measures that a healthy take may lack; their limits then do not count. Any other limit needs its measure."""


def judge(measures: Measures, limits: Iterable[Limit]) -> Verdict:
    """The verdict on one take under the limits in force for it (`Limits.of`); misses keep the order of the limits.

    Raises RecipeError where a limited measure was not taken and is not in MAY_BE_ABSENT, ValueError where it is
    not a number.
    """
    misses = (_miss(limit, getattr(measures, limit.measure)) for limit in limits)
    return Verdict(tuple(miss for miss in misses if miss is not None))


def judge_line(line: Line, measures: Measures, limits: Limits) -> Verdict:
    """The verdict on one performance of a line."""
    return judge(measures, limits.of(line.kind, line.language, line.turn.manner))


def rank(verdict: Verdict, attempt: int) -> tuple[int, float, int]:
    """Sorts attempts, the best first: fewest misses, then the lowest summed gap of the misses, then the earliest."""
    return len(verdict.misses), sum(miss.gap for miss in verdict.misses), attempt


def _miss(limit: Limit, value: float | None) -> Miss | None:
    if value is None:
        if limit.measure in MAY_BE_ABSENT:
            return None
        raise RecipeError(
            f"limits: '{limit.measure}' has a {limit.side} of {limit.bound:g} ({limit.source}), but nothing measures "
            "it: lift the limit, or choose a back end that measures it."
        )
    if math.isnan(value):
        raise ValueError(f"judge: {limit.measure} is not a number.")
    excess = limit.bound - value if limit.side == "minimum" else value - limit.bound
    return Miss(limit.measure, value, limit.bound, excess / limit.scale) if excess > 0 else None
