"""How far what an ear wrote is from what should have been said: English in words, Mandarin in characters.

Both sides are written alike before they are compared, each language as its published evaluations do. English: whisper's
`EnglishTextNormalizer` (Radford et al. 2022, appendix C), which also drops "uh" and "mm"; then word error rate.
Mandarin, as Seed-TTS-eval: simplified characters (zhconv), digits in words, no punctuation; then character error rate.
"""

import unicodedata
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from schemas.script import Language
from stages.backends.protocols import Hearing
from stages.normalize_mandarin import spell_mandarin

LONGEST_LOOP = 8
"""Units of the longest phrase that is looked for when it comes again at once."""
STRAIGHT = str.maketrans({"’": "'", "‘": "'"})
"""whisper's normalizer knows contractions by the plain apostrophe alone."""


def compared(heard: str, text: str, language: Language) -> Hearing:
    """What was heard against the text, in the language's units. Raises ValueError for a language without rules.

    `error_rate` is edits over reference units, above 1 where more is heard than was said; a hypothesis without units
    has rate 1, and a reference without any counts as one unit, so that two empty sides agree.
    """
    hypothesis, reference = units(heard, language), units(text, language)
    return Hearing(
        hypothesis=" ".join(hypothesis),
        reference=" ".join(reference),
        error_rate=error_rate(hypothesis, reference),
        length_ratio=len(hypothesis) / len(reference) if reference else 1.0 + len(hypothesis),
        repetition=max(0.0, repeated_share(hypothesis) - repeated_share(reference)),
    )


def units(text: str, language: Language) -> list[str]:
    """Words of English, characters of Mandarin, as they are compared."""
    if language not in _UNITS:
        raise ValueError(f"there are no rules to compare texts in '{language}'; there are for: {', '.join(_UNITS)}.")
    return _UNITS[language](text)


def error_rate(hypothesis: Sequence[str], reference: Sequence[str]) -> float:
    """Substitutions, deletions and insertions over reference units."""
    if not reference:  # jiwer divides by their number
        return float(len(hypothesis))
    import jiwer

    return float(jiwer.process_words(" ".join(reference), " ".join(hypothesis)).wer)


def repeated_share(said: Sequence[str]) -> float:
    """Share of the units that only say again what stands right before them: .75 of "ha ha ha ha", 0 of "ha ho ha". The
    loop of a synthesizer or a recognizer that does not find its end."""
    return max((_said_again(said, length) for length in range(1, LONGEST_LOOP + 1)), default=0) / max(1, len(said))


def _said_again(said: Sequence[str], length: int) -> int:
    """Units in whole repeats of the phrase of `length` units before them."""
    again = run = 0
    for place in range(length, len(said) + 1):
        if place < len(said) and said[place] == said[place - length]:
            run += 1
            continue
        again += run - run % length
        run = 0
    return again


def _english(text: str) -> list[str]:
    words: str = _normalizer()(text.translate(STRAIGHT))
    return [word for word in words.split() if any(character.isalnum() for character in word)]


def _mandarin(text: str) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it imports pkg_resources, which warns of its own end
        import zhconv

    spelled = spell_mandarin(unicodedata.normalize("NFKC", zhconv.convert(text, "zh-hans")))
    return [character for character in spelled.lower() if character.isalnum()]


@cache
def _normalizer() -> Any:
    from whisper.normalizers import EnglishTextNormalizer

    return EnglishTextNormalizer()


_UNITS: dict[str, Callable[[str], list[str]]] = {"en": _english, "zh": _mandarin}
