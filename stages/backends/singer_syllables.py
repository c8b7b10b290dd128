"""From a carrier's phones to syllables, and from syllables to the stretches of the score they are sung on.

A syllable is its nucleus with the consonants around it; those between two nuclei go to the later one as far as they
can begin a syllable (maximal onset), across words too, as singers do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from stages.backends.espeak_carrier import SILENCE, CarrierPhone
from stages.backends.singer_words import Stretch

VOWEL_LETTERS = frozenset("aAeEiIoOuUV@03y&")  # with these espeak-ng's mnemonics of vowels begin, and no others
SYLLABIC = ("n-", "m-")
SONORANTS = frozenset(("m", "n", "N", "l", "l#", "r", "r-", "j", "w", "R"))
_STOPS = ("p", "b", "t", "d", "k", "g")
_LIQUIDS = ("r", "l", "w", "j")
ONSETS = frozenset(
    [(stop, liquid) for stop in (*_STOPS, "f", "T", "S") for liquid in _LIQUIDS]
    + [(one, "j") for one in ("m", "n", "h", "v", "l", "s")]
    + [("h", "w")]
    + [("s", after) for after in ("p", "t", "k", "m", "n", "l", "w", "f")]
    + [("s", stop, liquid) for stop in ("p", "t", "k") for liquid in _LIQUIDS]
) - {("t", "l"), ("d", "l"), ("T", "l"), ("S", "j")}
"""Clusters that begin English syllables; of Mandarin's only those with a glide."""
NO_ONSET = ("N", "r-", "x")
"""Consonants that begin no syllable."""


@dataclass(frozen=True)
class Syllable:
    """Phones of a carrier, in its time; `stretch` is where the score has it, in seconds from beat 0."""

    onset: tuple[CarrierPhone, ...]
    nucleus: CarrierPhone
    coda: tuple[CarrierPhone, ...]
    stretch: Stretch = (0.0, 0.0)


def is_nucleus(label: str) -> bool:
    return label[:1] in VOWEL_LETTERS or label in SYLLABIC


def syllables_of(phones: Sequence[CarrierPhone]) -> list[Syllable]:
    """The syllables of a carrier's phones; pauses are left out. Empty where nothing can be held.

    Where there is no vowel, the last sonorant is the nucleus ("mm").
    """
    said = [phone for phone in phones if phone.label != SILENCE]
    nuclei = [place for place, phone in enumerate(said) if is_nucleus(phone.label)]
    nuclei = nuclei or [place for place, phone in enumerate(said) if phone.label in SONORANTS][-1:]
    if not nuclei:
        return []
    borders = [0]
    for before, after in pairwise(nuclei):
        borders.append(after - _onset_length([phone.label for phone in said[before + 1 : after]]))
    borders.append(len(said))
    return [
        Syllable(tuple(said[start:nucleus]), said[nucleus], tuple(said[nucleus + 1 : end]))
        for start, nucleus, end in zip(borders[:-1], nuclei, borders[1:], strict=True)
    ]


def _onset_length(consonants: Sequence[str]) -> int:
    """How many of the consonants between two nuclei begin the later syllable."""
    if not consonants or consonants[-1] in NO_ONSET:
        return 0
    glided = len(consonants) > 1 and consonants[-1] in ("j", "w") and consonants[-2] not in (*SONORANTS, *NO_ONSET)
    for length in (3, 2):
        if len(consonants) >= length and tuple(consonants[-length:]) in ONSETS:
            return length
    return 2 if glided else 1


def aligned(syllables: Sequence[Syllable], stretches: Sequence[Stretch]) -> list[Syllable]:
    """The syllables on the score's stretches, in order.

    Where there are fewer syllables than stretches, some are held over several; where there are more, several share
    one, in equal parts. Neither list may be empty.
    """
    count, wanted = len(syllables), len(stretches)
    placed = []
    for index, syllable in enumerate(syllables):
        if count <= wanted:
            first, last = index * wanted // count, (index + 1) * wanted // count - 1
            stretch = stretches[first][0], stretches[last][1]
        else:
            place = index * wanted // count
            sharers = [other for other in range(count) if other * wanted // count == place]
            start_s, end_s = stretches[place]
            part_s = (end_s - start_s) / len(sharers)
            start_s += part_s * (index - sharers[0])
            stretch = start_s, start_s + part_s
        placed.append(replace(syllable, stretch=stretch))
    return placed
