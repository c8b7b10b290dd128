"""Offline rules that a script must meet before anyone performs it, whoever wrote it."""

from collections.abc import Callable

from schemas.errors import UnspeakableTextError
from schemas.script import Language, Script, Turn
from stages.normalize_text import normalize

MIN_TURNS, MAX_TURNS = 2, 20
"""Turns of a dialogue, back-channels apart."""

MAX_UNITS: dict[Language, int] = {"en": 60, "zh": 90}
"""Longest turn in words or characters: about 20 s of speech, inside the 30 s that Emilia's filter allows."""

MIN_SCRIPT_SHARE = 0.5
"""Least share of a turn's letters that belong to the script (writing system) of the dialogue's language."""


def judge_script(script: Script) -> str | None:
    """Why the script is rejected, or None if it is accepted.

    A reason reads "RULE: details"; RULE is one of turns, roles, empty, language, length, repeated, unspeakable.
    """
    for rule in RULES:
        if (details := rule(script)) is not None:
            return f"{rule.__name__.removeprefix('_')}: {details}"
    return None


def _turns(script: Script) -> str | None:
    count = sum(turn.overlap != "backchannel" for turn in script.turns)
    if MIN_TURNS <= count <= MAX_TURNS:
        return None
    return f"{count} turns, wanted {MIN_TURNS} to {MAX_TURNS}"


def _roles(script: Script) -> str | None:
    """User first, then in turns; a back-channel comes from the listener of the turn before it."""
    expected = "user"
    for index, turn in enumerate(script.turns):
        if index == 0 and turn.overlap != "none":
            return "turn 0 overlaps, but nothing comes before it"
        if turn.role != expected:
            return f"turn {index} is the {turn.role}'s, wanted the {expected}'s"
        if turn.overlap != "backchannel":
            expected = "assistant" if turn.role == "user" else "user"
    return None


def _empty(script: Script) -> str | None:
    for index, turn in enumerate(script.turns):
        if not any(character.isalnum() for character in turn.text):
            return f"turn {index} says nothing: '{turn.text}'"
    return None


def _language(script: Script) -> str | None:
    language = script.plan.language
    for index, turn in enumerate(script.turns):
        letters = [c for c in turn.text if c.isalpha()]
        own = sum(_is_han(c) == (language == "zh") for c in letters)
        if own < MIN_SCRIPT_SHARE * len(letters):
            return f"turn {index} is not in '{language}': '{turn.text}'"
    return None


def _length(script: Script) -> str | None:
    limit = MAX_UNITS[script.plan.language]
    for index, turn in enumerate(script.turns):
        if (units := _count_units(turn, script.plan.language)) > limit:
            return f"turn {index} has {units} words or characters, limit {limit}"
    return None


def _repeated(script: Script) -> str | None:
    first_said: dict[str, int] = {}
    for index, turn in enumerate(script.turns):
        words = "".join(c for c in turn.text.lower() if c.isalnum())
        if turn.overlap != "backchannel" and first_said.setdefault(words, index) != index:
            return f"turn {index} repeats turn {first_said[words]}: '{turn.text}'"
    return None


def _unspeakable(script: Script) -> str | None:
    for index, turn in enumerate(script.turns):
        try:
            normalize(turn.text, script.plan.language)
        except UnspeakableTextError as error:
            return f"turn {index}: {error}"
    return None


def _count_units(turn: Turn, language: Language) -> int:
    return len(turn.text.split()) if language == "en" else sum(c.isalnum() for c in turn.text)


def _is_han(character: str) -> bool:
    return "一" <= character <= "鿿"


RULES: tuple[Callable[[Script], str | None], ...] = (
    _turns, _roles, _empty, _language, _length, _repeated, _unspeakable
)  # fmt: skip
