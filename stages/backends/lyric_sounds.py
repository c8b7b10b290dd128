"""How the words of a lyric sound: what they rhyme with, and where English ones are stressed."""

from collections.abc import Sequence

from schemas.script import Language
from stages.backends.english_lexicon import ONE_SYLLABLE, english_lexicon, syllable_counts

RHYMES: dict[str, str] = {
    "a ia ua": "发花",
    "o e uo": "梭坡",
    "ie ve": "乜斜",
    "i v er": "一七",
    "u": "姑苏",
    "ai uai": "怀来",
    "ei uei": "灰堆",
    "ao iao": "遥条",
    "ou iou": "由求",
    "an ian uan van": "言前",
    "en in uen vn": "人辰",
    "ang iang uang": "江阳",
    "eng ing ong iong ueng": "中东",
}
"""Finals of pinyin, and the rhyme class of opera and song (十三辙) that they belong to."""
_CLASSES = {final: name for finals, name in RHYMES.items() for final in finals.split()}

_LIGHT = (
    "a an the and or but of to in on at by for from with as like while when where till through is are am will be can "
    "has have had so my your his her its their me you we i it he she they us this"
)
LIGHT_WORDS = frozenset(_LIGHT.split())
"""English words of one syllable that are not stressed in a sentence."""


def rhyme_of(text: str, language: Language) -> str:
    """What the end of a text rhymes by: phones from the last stressed vowel on, or the rhyme class of the last final.

    English words may be hyphenated between syllables. Raises ValueError for an English word that CMUdict does not have.
    """
    if language == "en":
        phones = _phones(text.split()[-1].replace("-", ""))
        start = max((i for i, phone in enumerate(phones) if phone[-1] in "12"), default=0)
        return " ".join(phone.rstrip("012") for phone in phones[start:])
    from pypinyin import Style, lazy_pinyin

    final: str = lazy_pinyin(text, style=Style.FINALS, strict=True)[-1]
    return _CLASSES[final]


def stresses_of(syllables: Sequence[str]) -> tuple[bool, ...]:
    """Which syllables of English words are stressed. Raises ValueError for a word that CMUdict does not have, or whose
    syllables are not so many in all of its readings."""
    stresses: list[bool] = []
    word: list[str] = []
    for syllable in syllables:
        word.append(syllable)
        if not syllable.endswith("-"):
            stresses += _stresses_of_word("".join(word).replace("-", ""), len(word))
            word = []
    return tuple(stresses)


def _stresses_of_word(word: str, count: int) -> list[bool]:
    vowels = [phone for phone in _phones(word) if phone[-1].isdigit()]
    counts = syllable_counts(word.lower())
    if counts != (count,) and not (count == 1 and word.lower() in ONE_SYLLABLE):
        raise ValueError(f"'{word}' is written with {count} syllables and has {sorted(counts)} in CMUdict")
    return [False] if word.lower() in LIGHT_WORDS else [phone[-1] != "0" for phone in vowels]


def _phones(word: str) -> Sequence[str]:
    readings = english_lexicon().get(word.lower())
    if not readings:
        raise ValueError(f"'{word}' is not in CMUdict")
    return readings[0]
