"""The phones of a score as DiffSinger's dictionaries write them, syllable by syllable.

Mandarin: the initial and the final of `opencpop-extension` (y and w are initials: wo = w o, yan = y En, ye = y E;
zi = z i0, zhi = zh ir; ju = j v). English: ARPABET in lower case without stress, from CMUdict, words that it lacks from
espeak-ng.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise

from schemas.errors import UnspeakableTextError
from schemas.score import Note, Score
from schemas.script import Language
from stages.backends.english_lexicon import english_lexicon, english_reading
from stages.backends.espeak_carrier import EspeakProcess
from stages.backends.mandarin_readings import mandarin_syllables
from stages.backends.reference_phones import Phones, reference_words

_VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"
_CLUSTERS = (
    "P R,P L,P Y,B R,B L,B Y,T R,T W,D R,D W,K R,K L,K W,K Y,G R,G L,G W,F R,F L,F Y,TH R,TH W,SH R,V Y,HH Y,HH W,M Y,"
    "S P,S T,S K,S M,S N,S F,S L,S W,S P R,S P L,S P Y,S T R,S K R,S K W,S K Y"
)
_INITIALS = "zh ch sh b p m f d t n l g k h j q x r z c s y w"

VOWELS = frozenset(_VOWELS.split())
ONSETS = frozenset(tuple(cluster.split()) for cluster in _CLUSTERS.split(","))
"""Clusters that begin English syllables."""
INITIALS = (*_INITIALS.split(), "")

_HUM = {"mm": ("M",)}
_WITHOUT_VOWEL = {"n": "en", "ng": "en", "m": "mu", "r": "er", "hm": "hen", "hng": "heng", "ê": "ei"}
_FINALS = {
    **dict.fromkeys([("zh", "i"), ("ch", "i"), ("sh", "i"), ("r", "i")], "ir"),
    **dict.fromkeys([("z", "i"), ("c", "i"), ("s", "i")], "i0"),
    **{("y", "an"): "En", ("y", "e"): "E", ("l", "ue"): "ve", ("n", "ue"): "ve"},
}


@dataclass(frozen=True)
class SungPhones:
    """A syllable: its consonants before the beat, and what begins on it, at least one phone."""

    onset: Phones
    rime: Phones


def sung_phones(score: Score, language: Language) -> list[SungPhones]:
    """One for each note without slur. Raises UnspeakableTextError for what the language has no reading of."""
    if language == "zh":
        return [syllable for line in score.lines for syllable in _mandarin(line)]
    return [syllable for word in _words(score.notes) for syllable in english_syllables(*word)]


def _mandarin(line: Sequence[Note]) -> list[SungPhones]:
    characters = [note.syllable for note in line if not note.slur]
    if foreign := next((one for one in characters if one.isascii()), None):
        raise UnspeakableTextError(f"no Mandarin reading is known for '{foreign}' in: {''.join(characters)}")
    return [opencpop(reading[:-1]) for reading in mandarin_syllables("".join(characters))]


def opencpop(syllable: str) -> SungPhones:
    """Initial and final of a Pinyin syllable without its tone: "juan" -> j van."""
    syllable = _WITHOUT_VOWEL.get(syllable, syllable).replace("ü", "v")
    initial = next(initial for initial in INITIALS if syllable.startswith(initial))
    final = syllable.removeprefix(initial)
    if initial in ("j", "q", "x", "y") and final.startswith("u"):
        final = "v" + final[1:]
    return SungPhones((initial,) if initial else (), (_FINALS.get((initial, final), final),))


def _words(notes: Sequence[Note]) -> list[tuple[str, int]]:
    """The words of a score in lower case, each with the number of its syllables."""
    words: list[tuple[str, int]] = [("", 0)]
    for syllable in (note.syllable.lower() for note in notes if not note.slur):
        text, count = words[-1]
        words[-1] = (text + syllable.rstrip("-"), count + 1)
        if not syllable.endswith("-"):
            words.append(("", 0))
    return words[:-1]


def english_syllables(word: str, count: int) -> list[SungPhones]:
    """The phones of a word on so many syllables: of the reading with that many vowels, if there is one. Other vowels
    too many share a syllable; where there are too few, a vowel is sung again."""
    readings = [_HUM[word]] if word in _HUM else _readings(word)
    reading = next((one for one in readings if sum(phone in VOWELS for phone in one) == count), readings[0])
    syllables = _syllables(reading)
    return [_lower(phones) for phones in _fitted(syllables, count)]


def _syllables(phones: Phones) -> list[Phones]:
    """Consonants between two vowels go to the later one as far as they can begin a syllable."""
    nuclei = [place for place, phone in enumerate(phones) if phone in VOWELS] or [len(phones) - 1]
    borders = [0]
    for before, after in pairwise(nuclei):
        between = phones[before + 1 : after]
        fits = (n for n in (3, 2, 1) if n <= len(between) and (n == 1 or between[-n:] in ONSETS))
        borders.append(after - (0 if between[-1:] == ("NG",) else next(fits, 0)))
    borders.append(len(phones))
    return [phones[start:end] for start, end in pairwise(borders)]


def _fitted(syllables: Sequence[Phones], count: int) -> list[Phones]:
    if len(syllables) >= count:
        shares = groupby(range(len(syllables)), lambda index: index * count // len(syllables))
        return [sum((syllables[index] for index in share), ()) for _, share in shares]
    fitted: list[Phones] = []
    for index, syllable in enumerate(syllables):
        times = sum(place * len(syllables) // count == index for place in range(count))
        vowel = _nucleus(syllable)
        parts = [syllable[: vowel + 1], *[syllable[vowel : vowel + 1]] * (times - 1)]
        parts[-1] += syllable[vowel + 1 :]
        fitted += parts
    return fitted


def _nucleus(phones: Phones) -> int:
    return next((place for place, phone in enumerate(phones) if phone in VOWELS), len(phones) - 1)


def _lower(phones: Phones) -> SungPhones:
    lowered = tuple(phone.lower() for phone in phones)
    return SungPhones(lowered[: _nucleus(phones)], lowered[_nucleus(phones) :])


@lru_cache(maxsize=4096)
def _readings(word: str) -> tuple[Phones, ...]:
    (reference,) = reference_words(word, "en", english_lexicon(), _pronounce)
    return reference.readings


def _pronounce(word: str) -> Phones:
    with closing(EspeakProcess()) as espeak:
        return english_reading(word, espeak)
