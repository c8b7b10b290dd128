"""English words as they are sung: how many syllables by CMUdict, and which letters belong to which.

CMUdict gives phones, no letters. Letters are divided at the places that cost least: before a single consonant or a
cluster that begins words, never within a digraph, each part with one group of vowels, a silent e apart.
"""

import re
from collections.abc import Sequence
from itertools import combinations, pairwise

from schemas.printable import printable
from stages.backends.english_lexicon import ONE_SYLLABLE, syllable_counts

DIGRAPHS = frozenset(("ch", "ck", "dg", "gh", "kn", "ng", "ph", "qw", "rh", "sh", "th", "wh", "wr"))
"""Consonant letters that are one sound."""
ONSETS = frozenset(
    re.findall(
        r"\w+",
        "bl br cl cr dr fl fr gl gr pl pr sc sk sl sm sn sp st sw tr tw ch gh ph qw sh th wh wr "
        "chr scr shr spl spr str sqw thr",
    )
)
"""Consonant letters that begin words."""
VOWEL_PAIRS = frozenset(re.findall(r"\w+", "ai au ay ea ee ei eu ey ie oa oi oo ou oy ui"))
"""Vowel letters that are mostly one sound."""

_VOWELS = "aeiouy"
_SILENT_E = re.compile(r"[^aeiouy']e[sd]?$")
_WORD_ENDS = '.,!?;:…"“”()'
_HIATUS, _BROKEN, _LATE, _CLUSTER, _SILENT, _CROWDED, _EMPTY = 2.0, 6.0, 3.0, 1.0, 4.0, 3.0, 20.0
"""Costs of a division: between two vowels, within letters that are one sound, after a consonant that should begin the
next part, before a letter of a cluster that begins no word; and of a part whose one vowel is a silent e, that has more
than one group of vowels, or none."""


def syllables_of(line: str, count: int) -> tuple[str, ...]:
    """The line's words as `count` syllables, with a hyphen where a word goes on; of words with several readings in
    CMUdict, those that add up.

    Raises ValueError that says what is wrong with the line, for a word that CMUdict does not have as well.
    """
    words = [word.strip(_WORD_ENDS) for word in re.sub(r"[-‐-―]", " ", line.replace("’", "'")).split()]
    words = [word for word in words if word]
    readings = [_counts(word) for word in words]
    if unknown := [word for word, counts in zip(words, readings, strict=True) if not counts]:
        listed = ", ".join(f"'{printable(word, 30)}'" for word in unknown)
        raise ValueError(f"has {listed}, which the dictionary does not have: use other words")
    chosen = _adding_up(readings, count)
    if chosen is None:
        first = [_divided(word, counts[0]) for word, counts in zip(words, readings, strict=True)]
        shown = " ".join("".join(parts) for parts in first)
        raise ValueError(f"has {sum(map(len, first))} syllables, wanted {count}: '{shown}'")
    return tuple(part for word, number in zip(words, chosen, strict=True) for part in _divided(word, number))


def _counts(word: str) -> tuple[int, ...]:
    """Syllables of the word by each of its readings, the usual one first; none for what is in no dictionary."""
    if not re.fullmatch(r"[A-Za-z']*[A-Za-z][A-Za-z']*", word):
        return ()
    folded = word.lower()
    if folded in ONE_SYLLABLE:
        return (1,)
    counts = syllable_counts(folded) or syllable_counts(folded.strip("'"))
    return tuple(number for number in counts if 1 <= number <= len(folded.replace("'", "")))


def _adding_up(readings: Sequence[tuple[int, ...]], count: int) -> tuple[int, ...] | None:
    """One number of each, adding up to `count`; first ones where that can be."""
    ways: dict[int, tuple[int, ...]] = {0: ()}
    for numbers in readings:
        longer: dict[int, tuple[int, ...]] = {}
        for number in numbers:
            for total, chosen in ways.items():
                longer.setdefault(total + number, (*chosen, number))
        ways = longer
    return ways.get(count)


def _divided(word: str, count: int) -> tuple[str, ...]:
    """The word's letters in `count` parts, all but the last with a hyphen."""
    places = range(1, len(word))
    divisions = ((0, *cuts, len(word)) for cuts in combinations(places, count - 1))
    best = min(divisions, key=lambda cuts: _cost(word.lower().replace("qu", "qw"), cuts))
    parts = [word[start:end] for start, end in pairwise(best)]
    return (*(f"{part}-" for part in parts[:-1]), parts[-1])


def _cost(word: str, cuts: Sequence[int]) -> float:
    parts = [word[start:end] for start, end in pairwise(cuts)]
    return sum(_cut_cost(word, cut) for cut in cuts[1:-1]) + sum(
        _part_cost(part, place == len(parts) - 1) for place, part in enumerate(parts)
    )


def _cut_cost(word: str, cut: int) -> float:
    """Of a division before word[cut]."""
    pair = word[cut - 1 : cut + 1]
    if pair in DIGRAPHS or pair in VOWEL_PAIRS or pair[1] == "'":
        return _BROKEN
    if pair[0] in _VOWELS and pair[1] in _VOWELS:
        return _HIATUS
    onset = re.split(f"[{_VOWELS}]", word[cut:])[0]
    if not onset:
        return _LATE
    if onset.startswith("ng"):
        return _BROKEN
    begins = len(onset) == 1 or onset in ONSETS or word[cut:] in (f"{onset[0]}le", "n't")
    return 0.0 if begins else _CLUSTER * len(onset)


def _part_cost(part: str, last: bool) -> float:
    groups = re.findall(f"[{_VOWELS}]+", part)
    if part == "n't":
        return 0.0
    if not groups or (last and part in ("e", "le")):
        return _EMPTY
    silent = bool(_SILENT_E.search(part))
    if len(groups) > 1:
        return _CROWDED * (len(groups) - 1 - silent) + 0.5 * silent
    return _SILENT if last and silent and not part.endswith(("le", "ed", "es")) else 0.0
