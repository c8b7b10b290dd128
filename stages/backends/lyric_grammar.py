"""What offline lyrics are made of (format: prompts/grammar/README.md): phrases by theme, and forms of lines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from schemas.script import Language
from stages.backends import grammar_shapes as shapes
from stages.backends.grammar_reader import read_toml
from stages.backends.grammar_shapes import Shape, Shapes, check_table, fail
from stages.backends.lyric_sounds import rhyme_of, stresses_of

FILE = "singing_lyrics.toml"
_PARTS = Shape("a table of lists of texts, none empty", lambda v: isinstance(v, dict) and all(map(_filled, v.values())))
_FORMS = Shape(
    "a list of lists of names, none empty", lambda v: isinstance(v, list) and all(map(_filled, v)) and bool(v)
)
_FILE: Shapes = {"forms": _FORMS, "unnamed": shapes.LIST, "parts": _PARTS, "themes": shapes.TABLES}
_OPTIONAL, _WITHOUT = "?", "without"
_SYLLABLE = re.compile(r"[A-Za-z']+-?|[一-鿿]")


def _filled(value: Any) -> bool:
    return shapes.FILLED.holds(value)


@dataclass(frozen=True)
class Phrase:
    """Words of a lyric that belong together.

    `text` is as written in the file, `syllables` are as in `schemas.score.Note`, `stresses` says which of them are
    stressed (English alone), `rhyme` is the sound of its end, and `last` its last word or character.
    """

    text: str
    syllables: tuple[str, ...]
    stresses: tuple[bool, ...]
    rhyme: str
    last: str


Slot = tuple[str, bool]
"""The name of a part, and whether it may be left out."""


@dataclass(frozen=True)
class LyricGrammar:
    """`parts` are the phrases of every theme, by part; a line is a form filled with them. Lines rhyme by the last slot
    of their form. Parts that are `unnamed` stand in no title."""

    forms: tuple[tuple[Slot, ...], ...]
    unnamed: frozenset[str]
    parts: Mapping[str, Mapping[str, tuple[Phrase, ...]]]

    @property
    def themes(self) -> tuple[str, ...]:
        return tuple(self.parts)


@lru_cache(maxsize=2)
def load_lyrics(language: Language) -> LyricGrammar:
    """The bundled phrases of a language. Raises GrammarError that names file and key."""
    path = Path(str(resources.files("prompts"))) / "grammar" / language / FILE
    data = read_toml(path)
    check_table(path, "", data, _FILE, {})
    shared = _phrases(path, "parts", data["parts"], language)
    parts: dict[str, dict[str, tuple[Phrase, ...]]] = {}
    for theme, lists in data["themes"].items():
        check_table(path, f"themes.{theme}", lists, {}, dict.fromkeys(lists, shapes.FILLED))
        without = lists.pop(_WITHOUT, [])
        own = _phrases(path, f"themes.{theme}", lists, language)
        parts[theme] = {name: _fitting(shared.get(name, ()), without) + own.get(name, ()) for name in shared | own}
        for name in {slot.rstrip(_OPTIONAL) for form in data["forms"] for slot in form}:
            if name not in parts[theme]:
                fail(path, f"themes.{theme}", f"there is no part '{name}', which a form asks for")
    forms = tuple(tuple((slot.rstrip(_OPTIONAL), slot.endswith(_OPTIONAL)) for slot in form) for form in data["forms"])
    return LyricGrammar(forms, frozenset(data["unnamed"]), parts)


def _fitting(phrases: tuple[Phrase, ...], without: list[str]) -> tuple[Phrase, ...]:
    """Those without the words that do not suit a theme."""
    unfit = re.compile("|".join(rf"(?<![a-z-]){word}(?![a-z-])" for word in without) or r"(?!)")
    return tuple(phrase for phrase in phrases if not unfit.search(phrase.text))


def _phrases(path: Path, key: str, lists: Mapping[str, list[str]], language: Language) -> dict[str, tuple[Phrase, ...]]:
    return {name: tuple(_phrase(path, f"{key}.{name}", text, language) for text in lists[name]) for name in lists}


def _phrase(path: Path, key: str, text: str, language: Language) -> Phrase:
    syllables = tuple(_SYLLABLE.findall(text))
    try:
        stresses = stresses_of(syllables) if language == "en" else ()
        last = text.split()[-1].replace("-", "") if language == "en" else text[-1]
        return Phrase(text, syllables, stresses, rhyme_of(text, language), last)
    except ValueError as error:
        fail(path, key, f"'{text}': {error}")
