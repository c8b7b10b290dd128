"""Settings that speech back ends share, checked when they are constructed. No value is quoted: it may be anything."""

from collections.abc import Collection, Mapping
from typing import Any, get_args

from schemas.errors import RecipeError
from schemas.script import Gender


def voices_by_gender(value: Any) -> Mapping[Gender, tuple[str, ...]]:
    """Two names and more for each gender. Raises RecipeError."""
    wanted = 'a table such as {female = ["alloy", "nova"], male = ["echo", "onyx"]}, with two names or more for each'
    genders: tuple[Gender, ...] = get_args(Gender)
    if not isinstance(value, dict) or set(value) != set(genders):
        raise wrong("voices", wanted)
    for names in value.values():
        sound = isinstance(names, list | tuple) and all(isinstance(name, str) and name.strip() for name in names)
        if not sound or len(set(names)) < max(2, len(names)):
            raise wrong("voices", wanted)
    if set(value["female"]) & set(value["male"]):
        raise wrong("voices", "without a name that stands for both genders")
    return {gender: tuple(value[gender]) for gender in genders}


def text(name: str, value: Any) -> str:
    """Raises RecipeError unless it is a text."""
    if not isinstance(value, str) or not value.strip():
        raise wrong(name, "a text")
    return value


def wrong(name: str, wanted: str) -> RecipeError:
    return RecipeError(f"'settings.{name}' of the speech back end is not {wanted}: mend it in the recipe.")


def one_of(name: str, value: Any, known: Collection[str]) -> str:
    """Raises RecipeError unless it is one of the known."""
    if not isinstance(value, str) or value not in known:
        raise wrong(name, f"one of: {', '.join(known)}")
    return value


def check_unused(name: str, value: Any, mode: str) -> None:
    """Raises RecipeError for a setting that is given and does nothing in the mode."""
    if value:
        raise RecipeError(f"'settings.{name}' of the speech back end is of no use in the mode '{mode}': delete it.")
