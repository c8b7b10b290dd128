"""Text as written -> words that a voice can say: numbers, times, money, units and symbols, in English and Mandarin.

What has no words here (other scripts, emoji, Latin letters in Mandarin) is refused, never dropped.
"""

import re
import unicodedata

from schemas.errors import UnspeakableTextError
from schemas.printable import SHOWN, printable
from schemas.script import Language
from schemas.tags import TAGS, split_tags, tags_in, without_tags
from stages.normalize_english import spell_english
from stages.normalize_mandarin import spell_mandarin

PUNCTUATION = {"en": ".,?!;:'\"- ", "zh": "，。？！；：、“”‘’《》（）—… "}
"""What may remain besides letters: it shapes phrasing and is not said."""

MAX_CHARACTERS = 2_000
"""Longest text that is looked at: two minutes of speech. The judge's own limits are much lower."""

QUOTED = 80
"""Characters that an error quotes of a text."""

PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": ", ", "…": "...", "(": ", ", ")": ", "})


def normalize(text: str, language: Language) -> str:
    """The text in words, without its tags. Raises UnspeakableTextError that names the first offending character, or an
    empty text, or one of more than MAX_CHARACTERS, or a number without a name."""
    if len(text) > MAX_CHARACTERS:
        raise UnspeakableTextError(f"{_quoted(text)} is {len(text)} characters long, limit {MAX_CHARACTERS}.")
    try:
        spoken = _words(without_tags(text), language)
    except (ValueError, OverflowError) as error:  # num2words and cn2an know numbers up to some size
        raise UnspeakableTextError(
            f"a number in {_quoted(text)} cannot be said: {printable(str(error), SHOWN)}."
        ) from error
    for character in spoken:
        if not _is_letter(character, language) and character not in PUNCTUATION[language]:
            raise UnspeakableTextError(
                f"{_describe(character, language)} in {_quoted(text)} cannot be said as written."
            )
    if not any(_is_letter(character, language) for character in spoken):
        raise UnspeakableTextError(f"{_quoted(text)} holds nothing that can be said.")
    return spoken


def normalize_tagged(text: str, language: Language) -> str:
    """The same with the tags at their places, or "" where there are none, for a text that `normalize` takes."""
    if not tags_in(text):
        return ""
    pieces = [piece if piece in TAGS else _words(piece, language) for piece in split_tags(text)]
    return re.sub(r" (?=[,.?!;:])", "", (" " if language == "en" else "").join(pieces))


def _words(text: str, language: Language) -> str:
    return _english(text) if language == "en" else _mandarin(text)


def _english(text: str) -> str:
    spoken = spell_english(unicodedata.normalize("NFKC", text.translate(PLAIN)).translate(PLAIN))
    decomposed = unicodedata.normalize("NFD", spoken)
    spoken = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")  # café -> cafe
    spoken = re.sub(r"\s+", " ", spoken).strip()
    return re.sub(r" (?=[.,?!;:])", "", spoken)


def _mandarin(text: str) -> str:
    return re.sub(r"\s+", "", spell_mandarin(text))


def _is_letter(character: str, language: Language) -> bool:
    if language == "en":
        return character.isascii() and character.isalpha()
    return "一" <= character <= "鿿" or character == "〇"


def _quoted(text: str) -> str:
    return f"'{printable(text, QUOTED)}'"


def _describe(character: str, language: Language) -> str:
    if language == "zh" and character.isascii() and character.isalpha():
        return f"the Latin letter '{character}'"
    return f"'{printable(character)}' ({unicodedata.name(character, 'unnamed character')})"
