import re

import pytest

from schemas.script import Language
from stages.backends.lyric_sounds import RHYMES, rhyme_of, stresses_of


@pytest.mark.parametrize(
    ("one", "other", "language", "rhyming"),
    [
        ("through the night", "in the morn-ing light", "en", True),
        ("be-side the sea", "in my heart", "en", False),
        ("a-round", "with-out a sound", "en", True),
        ("飘向远方", "照亮我的窗", "zh", True),  # ang, uang
        ("去天边", "落在窗前", "zh", True),  # ian
        ("等着你", "写在日记里", "zh", True),
        ("下小雨", "记在心里", "zh", True),  # ü and i are one class
        ("唱首歌", "放在心里", "zh", False),
    ],
)
def test_rhyme(one: str, other: str, language: Language, rhyming: bool) -> None:
    assert (rhyme_of(one, language) == rhyme_of(other, language)) is rhyming


def test_rhyme_classes_are_the_thirteen() -> None:
    assert len(set(RHYMES.values())) == 13


def test_stresses_follow_the_dictionary_and_the_sentence() -> None:
    assert stresses_of(("re-", "mem-", "ber", "the", "sea")) == (False, True, False, False, True)


@pytest.mark.parametrize(
    ("syllables", "problem"),
    [
        (("riv-", "er-", "s"), "'rivers' is written with 3 syllables and has [2] in CMUdict"),
        (("fire",), "'fire' is written with 1 syllables and has [1, 2] in CMUdict"),
        (("zorb-", "le"), "'zorble' is not in CMUdict"),
    ],
)
def test_words_of_doubtful_length_are_refused(syllables: tuple[str, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        stresses_of(syllables)
