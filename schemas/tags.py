"""Paralinguistic tags: the one set of them that a text may hold, and how texts with tags are taken apart.

A tag stands where its sound is made: between words, or before or after all of them. What a back end makes of each is
its `SpeechSynthesizer.tags`.
"""

import re
from collections.abc import Sequence
from typing import Literal, get_args

Tag = Literal["[laugh]", "[sigh]", "[breath]", "[cough]", "[hum]"]
TAGS: tuple[Tag, ...] = get_args(Tag)

_TAG = re.compile("(" + "|".join(map(re.escape, TAGS)) + ")")


def split_tags(text: str) -> list[str]:
    """The text's pieces in order, tags and what stands between them; pieces of nothing but spaces are left out."""
    return [piece.strip() for piece in split_around_tags(text) if piece.strip()]


def split_around_tags(text: str) -> list[str]:
    """The text's pieces as they are, spaces and all: joined, they are the text."""
    return _TAG.split(text)


def tags_in(text: str) -> tuple[Tag, ...]:
    """The tags of a text, in order."""
    return tuple(tag for piece in split_tags(text) for tag in TAGS if piece == tag)


def without_tags(text: str, tags: Sequence[Tag] = TAGS) -> str:
    """The text without these tags, spaces and commas tidied; without all of them it is what ears are to hear."""
    plain = text
    for tag in tags:
        plain = plain.replace(tag, " ")
    if plain == text:
        return text
    plain = re.sub(r" (?=[,.?!;:，。？！；：])", "", re.sub(r"\s+", " ", plain))
    return re.sub(r"([,，、])[,，、]+", r"\1", plain).strip(" ,，、")
