"""Settings of a back end, checked when it is constructed: a recipe may hold any text or number there."""

import re
from typing import Any

from schemas.errors import RecipeError

MAX_TOKENS = 1_000_000
NAME = re.compile(r"[^\s\x00-\x1f]+")


def model_name(value: Any) -> str:
    """Raises RecipeError unless it is a text without blanks. Values are not quoted: a key may have slipped in."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise _error("model", "the name of a model, without blanks")
    return value


def number(name: str, value: Any, least: float, most: float) -> float:
    """Raises RecipeError unless it is a number of the range, its ends included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise _error(name, f"a number from {least:g} to {most:g}")
    return float(value)


def whole_number(name: str, value: Any, least: int, most: int) -> int:
    """Raises RecipeError unless it is an integer of the range, its ends included."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _error(name, f"a whole number from {least} to {most}")
    return value


def _error(name: str, wanted: str) -> RecipeError:
    return RecipeError(f"'settings.{name}' of the back end 'openai' is not {wanted}: mend it in the recipe.")
