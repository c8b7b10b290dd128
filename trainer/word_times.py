"""When each word of a turn is said, in seconds from the start of its take.

Rows have phones with times, but no borders of words. Of what is sung, the score's notes have them. Of what is said, the
words' dictionary phones are aligned with the phones that were made, and each word gets the phones that fell to it.
Where that fails, or there are no phones, the words are spread over the turn by their letters, pauses left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

from schemas.errors import UnspeakableTextError
from schemas.phones import ARPABET, TONES
from schemas.script import Language
from stages.backends.english_lexicon import english_lexicon
from stages.backends.espeak_carrier import SILENCE
from stages.backends.reference_phones import (
    Phones,
    ReferenceWord,
    arpabet_from_espeak,
    nearest_readings,
    reference_words,
)
from trainer.export_corpus import Row

Basis = Literal["notes", "phones", "spread"]
Spans = list[tuple[float, float]]
Unit = tuple[str, int]
"""A phone as both sides write it, and whose it is: of a word, or of a phone that was made."""

VOWEL, CONSONANT = "V", "C"
VOWELS_ZH, GLIDES = "aeiouyAEIOUY@", ("j", "w")
"""How espeak-ng's labels of Mandarin vowels begin, and what it writes before them."""
VOWELS_EN = frozenset(phone for phone in ARPABET if phone[0] in "AEIOU")
TOUCHING_S = 1e-3
OTHER_PHONE, OTHER_CLASS, GAP = 0.4, 1.2, 1.0
"""Costs of an alignment: another phone of the same class, one of the other class, and a phone too many or too few."""


@dataclass(frozen=True)
class WordTimes:
    """Words in order, each with its start and end, and what the times are taken from."""

    words: tuple[str, ...]
    spans: tuple[tuple[float, float], ...]
    basis: Basis


def word_times(row: Row) -> WordTimes:
    """The words of an utterance as spoken, punctuation attached; in Mandarin each character is one."""
    score = row.get("score")
    if score and all(note["start_s"] is not None for note in score["notes"]):
        return _sung(row)
    words = tokens(row["spoken"], row["language"])
    phones = [phone for phone in row["phones"] if phone["label"] != SILENCE]
    spans = _aligned(words, phones, row["language"])
    if spans is None:
        return WordTimes(words, tuple(spread(words, _voiced(row))), "spread")
    return WordTimes(words, tuple(spans), "phones")


def tokens(spoken: str, language: Language) -> tuple[str, ...]:
    """A text in words, or Chinese characters; what has no letter goes with the word before it."""
    found: list[str] = []
    opening = ""
    for piece in spoken.split() if language == "en" else spoken.strip():
        if any(character.isalnum() for character in piece):
            found.append(opening + piece)
            opening = ""
        elif found:
            found[-1] += piece if language == "zh" else f" {piece}"
        else:
            opening += piece
    return tuple(found)


def spread(words: Sequence[str], voiced: Spans) -> Spans:
    """Times of words by their letters alone, laid over stretches of voice as if there were nothing between them."""
    letters = [max(1, sum(character.isalnum() for character in word)) for word in words]
    total_s = sum(end_s - start_s for start_s, end_s in voiced)
    borders_s = [total_s * share / sum(letters) for share in accumulate(letters, initial=0)]
    return [(_place(start_s, voiced, False), _place(end_s, voiced, True)) for start_s, end_s in pairwise(borders_s)]


def _place(voice_s: float, voiced: Spans, is_end: bool) -> float:
    """The moment at which so many seconds of voice have passed; at a pause, its start for the end of a word."""
    for start_s, end_s in voiced:
        length_s = end_s - start_s
        if voice_s < length_s - 1e-9 or (is_end and voice_s <= length_s + 1e-9):
            return start_s + min(voice_s, length_s)
        voice_s -= length_s
    return voiced[-1][1]


def _voiced(row: Row) -> Spans:
    """The turn's stretches between pauses; without phones, all but the silence at both ends."""
    spans: Spans = []
    for phone in row["phones"]:
        if phone["label"] == SILENCE:
            continue
        if spans and phone["start_s"] - spans[-1][1] < TOUCHING_S:
            spans[-1] = (spans[-1][0], phone["end_s"])
        else:
            spans.append((phone["start_s"], phone["end_s"]))
    if spans:
        return spans
    lead_s, trail_s = (row["measures"].get(f"{side}_silence_s") or 0.0 for side in ("leading", "trailing"))
    end_s = row["duration_s"] - trail_s
    return [(lead_s, end_s)] if lead_s < end_s else [(0.0, row["duration_s"])]


def _sung(row: Row) -> WordTimes:
    syllables: list[str] = []
    spans: Spans = []
    goes_on = False
    for note in row["score"]["notes"]:
        if spans and (note["slur"] or goes_on):
            spans[-1] = (spans[-1][0], note["end_s"])
            syllables[-1] += note["syllable"]
        else:
            spans.append((note["start_s"], note["end_s"]))
            syllables.append(note["syllable"])
        goes_on = note["syllable"].endswith("-") if not note["slur"] else goes_on
    written = tokens(row["spoken"], row["language"])
    words = written if len(written) == len(spans) else tuple(one.replace("-", "") for one in syllables)
    return WordTimes(words, tuple(spans), "notes")


def _aligned(words: Sequence[str], phones: Sequence[Row], language: Language) -> Spans | None:
    """Each word's start and end by the phones that fell to it; None where a word would have none."""
    heard = _heard([phone["label"] for phone in phones], language)
    try:
        expected = _expected(words, heard, language)
    except UnspeakableTextError:
        return None
    owner: dict[int, int] = {}
    for mine, theirs in align([label for label, _ in expected], [label for label, _ in heard]):
        owner.setdefault(heard[theirs][1], expected[mine][1])
    spans: list[tuple[float, float] | None] = [None for _ in words]
    last: int | None = None
    for place, phone in enumerate(phones):
        word = owner.get(place, last)
        if word is None:
            continue
        so_far = spans[word]
        if place in owner or (so_far and phone["start_s"] - so_far[1] < TOUCHING_S):  # else it is the sound of a tag
            spans[word] = (so_far[0] if so_far else phone["start_s"], phone["end_s"])
        last = word
    timed = [span for span in spans if span is not None]
    return timed if len(timed) == len(words) else None


def _heard(labels: Sequence[str], language: Language) -> list[Unit]:
    """The phones that were made: ARPABET, or vowel and consonant in Mandarin, a glide as part of its vowel."""
    if language == "en":
        return [(phone, place) for place, label in enumerate(labels) for phone in arpabet_from_espeak([label])]
    units: list[Unit] = []
    for place, label in enumerate(labels):
        if label in GLIDES or label[0] in VOWELS_ZH:
            if place == 0 or labels[place - 1] not in GLIDES:
                units.append((VOWEL, place))
        else:
            units.append((CONSONANT, place))
    return units


def _expected(words: Sequence[str], heard: Sequence[Unit], language: Language) -> list[Unit]:
    """The same of the words, as dictionaries have them; of several readings the one nearest to what was made."""
    if language == "zh":
        readings = [one.readings[0] for one in reference_words("".join(words), "zh", {}, _letters)]
        if len(readings) != len(words):
            raise UnspeakableTextError("characters without a reading")
        return [(unit, word) for word, reading in enumerate(readings) for unit in _syllable(reading)]
    parts = [(part, word) for word, text in enumerate(words) for part in _parts(text)]
    nearest = nearest_readings([part for part, _ in parts], [label for label, _ in heard])
    return [(phone, word) for (_, word), reading in zip(parts, nearest, strict=True) for phone in reading]


def _parts(text: str) -> tuple[ReferenceWord, ...]:
    return reference_words(text, "en", english_lexicon(), _letters)


def readings(words: Sequence[str], language: Language) -> list[Phones | None]:
    """The first dictionary reading of each word, tones among the phones of Mandarin; None for a word that has none."""
    return _mandarin_readings(words) if language == "zh" else [_english_reading(word) for word in words]


def _mandarin_readings(characters: Sequence[str]) -> list[Phones | None]:
    """Those of the characters together, as a neighbour may decide on one."""
    try:
        syllables = reference_words("".join(characters), "zh", {}, _letters)
    except UnspeakableTextError:
        syllables = ()
    return [one.readings[0] for one in syllables] if len(syllables) == len(characters) else [None for _ in characters]


def _english_reading(word: str) -> Phones | None:
    try:
        parts = _parts(word)
    except UnspeakableTextError:
        return None
    return (
        None if any(part.fallback for part in parts) else tuple(phone for part in parts for phone in part.readings[0])
    )


def _letters(word: str) -> Phones:
    """A word that no dictionary has: a phone a letter, vowel or consonant."""
    return tuple("AH" if letter in "aeiouy" else "T" for letter in word)


def _syllable(reading: Phones) -> str:
    """Vowel and consonants of a Mandarin syllable: an initial, if any, a final and its nasal."""
    *initial, final = (phone for phone in reading if phone not in TONES)
    return CONSONANT * len(initial) + VOWEL + CONSONANT * final.endswith(("n", "ng"))


def align(expected: Sequence[str], heard: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of places that fall together in the cheapest alignment, in order; ties go to pairing."""
    costs = [[GAP * column for column in range(len(heard) + 1)]]
    for row, mine in enumerate(expected, start=1):
        above, here = costs[-1], [GAP * row]
        for column, theirs in enumerate(heard, start=1):
            paired = above[column - 1] + _cost(mine, theirs)
            here.append(min(paired, above[column] + GAP, here[-1] + GAP))
        costs.append(here)
    pairs = []
    row, column = len(expected), len(heard)
    while row and column:
        cost = costs[row][column]
        if cost == costs[row - 1][column - 1] + _cost(expected[row - 1], heard[column - 1]):
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif cost == costs[row - 1][column] + GAP:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]


def _cost(mine: str, theirs: str) -> float:
    if mine == theirs:
        return 0.0
    return OTHER_PHONE if _is_vowel(mine) == _is_vowel(theirs) else OTHER_CLASS


def _is_vowel(label: str) -> bool:
    return label == VOWEL or label in VOWELS_EN
