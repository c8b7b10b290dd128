"""Text that is written and not spoken: thoughts, actions, profiles of characters, stagings of scenes."""

from collections.abc import Callable

from schemas.script import Language
from stages.backends import foreign_text
from stages.backends.foreign_text import quoted


def unfit(text: str, language: Language, most: int) -> str | None:
    """Why the text is not plain words of the language, at most `most` of them (characters in Mandarin), in words that
    continue a sentence ("holds '*smiles*', which is mark-up"); None if it is."""
    if (units := count_units(text, language)) > most:
        return f"has {units} words or characters, limit {most}"
    for finder, wrong in _FINDERS:
        if found := finder(text):
            return f"holds {quoted(found)}, {wrong}"
    return foreign_text.other_language(text, language)


def count_units(text: str, language: Language) -> int:
    """Words, or letters and digits in Mandarin."""
    return len(text.split()) if language == "en" else sum(c.isalnum() for c in text)


def _markup(text: str) -> str | None:
    """Here the tags that are performed are mark-up as well: nothing of this is performed."""
    return foreign_text.tag(text, legal=())


_FINDERS: tuple[tuple[Callable[[str], str | None], str], ...] = (
    (foreign_text.hidden, "which does not show"),
    (foreign_text.loose_marks, "marks that belong to no letter"),
    (_markup, "which is mark-up"),
    (foreign_text.address, "which is an address"),
    (foreign_text.model_talk, "which is talk of prompts or models"),
    (foreign_text.copied, "which is copied from the prompt"),
)
