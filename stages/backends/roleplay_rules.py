"""What a profile or a staging must be before dialogues are written from it."""

import re
from collections.abc import Mapping, Sequence

from schemas.roleplay import Profile, Staging
from schemas.script import Character, Language
from stages.backends.unspoken_text import unfit

PROFILE_UNITS: dict[str, dict[Language, int]] = {
    "name": {"en": 5, "zh": 10},
    "identity": {"en": 20, "zh": 30},
    "personality": {"en": 16, "zh": 24},
    "temperament": {"en": 12, "zh": 20},
    "timbre": {"en": 14, "zh": 24},
    "background": {"en": 80, "zh": 120},
    "relation": {"en": 50, "zh": 80},
    "manner": {"en": 80, "zh": 120},
}
"""Longest text of each field of a profile, in words or characters."""

STAGING_UNITS: dict[str, dict[Language, int]] = {
    "place": {"en": 40, "zh": 60},
    "time": {"en": 20, "zh": 30},
    "stake": {"en": 60, "zh": 90},
    "user_part": {"en": 50, "zh": 80},
    "user_calls": {"en": 12, "zh": 20},
    "character_calls": {"en": 12, "zh": 20},
    "cause": {"en": 30, "zh": 45},
}
"""The same of a staging; `cause` is that of each step of the arc."""

PHRASES = ("name", "identity", "personality", "temperament", "timbre")
"""Fields that the role description sets into a sentence of its own."""

FITTING = ("identity", "timbre")
"""Fields that speak of nobody but the character: they alone are held against the brief's age and gender."""

_SENTENCE_END = re.compile(r"[。！？!?；;：:]")


def unfit_profile(profile: Profile, brief: Character, contradictions: Mapping[str, Sequence[str]]) -> str | None:
    """What is wrong with a profile, field by field; None if it fits its brief.

    `contradictions` are words that nobody of an age or gender is described with, by age or gender.
    """
    texts: dict[str, str] = profile.model_dump()
    if problem := _unfit_texts(texts, PROFILE_UNITS, brief.language):
        return problem
    for name in PHRASES:
        if end := _SENTENCE_END.search(texts[name]):
            return f"{name}: wanted a phrase without '{end[0]}'"
    for name in FITTING:
        for trait in (brief.age, brief.gender):
            if found := _mentioned(contradictions.get(trait, ()), texts[name]):
                return f"{name}: '{found}' does not fit a character that is {trait}"
    return None


def unfit_staging(staging: Staging, language: Language, turns: int) -> str | None:
    """What is wrong with the staging of a dialogue of so many turns; None if it can be played."""
    told: dict[str, str] = staging.model_dump(exclude={"arc"})
    if problem := _unfit_texts(told, STAGING_UNITS, language):
        return problem
    if len(staging.arc) > turns:
        return f"arc: {len(staging.arc)} steps for {turns} turns"
    for number, step in enumerate(staging.arc):
        if problem := _unfit_texts({"cause": step.cause}, STAGING_UNITS, language):
            return f"arc.{number}.{problem}"
    return None


def _unfit_texts(
    texts: Mapping[str, str], units: Mapping[str, Mapping[Language, int]], language: Language
) -> str | None:
    for name, text in texts.items():
        if not any(character.isalnum() for character in text):
            return f"{name}: says nothing"
        if problem := unfit(text, language, units[name][language]):
            return f"{name}: {problem}"
    return None


def _mentioned(words: Sequence[str], text: str) -> str | None:
    """The first of the words that stands in the text, in English as a whole word; not where it is somebody else's, as
    in "the widower's daughter" or 老太太的孙女."""
    plain = text.casefold().replace("’", "'")
    found = (re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z]|'s|的|家)", plain) for word in words)
    return next((match[0] for match in found if match), None)
