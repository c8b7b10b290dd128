"""What both languages' dialogues are held to: variety, and few that resemble each other."""

import re
from collections import Counter
from functools import cache

import pytest

from schemas.script import LANGUAGES, Language
from stages.near_duplicates import TWIN_SIMILARITY, bands, signature, similarity
from stages.turn_skeletons import skeleton
from tests.stages.scripts import written

DIALOGUES = 2000


@cache
def skeletons(language: Language) -> Counter[str]:
    """Turns of DIALOGUES dialogues with names, numbers and lexicon slots masked."""
    return Counter(skeleton(turn) for script in written(DIALOGUES, language) for turn in script.turns)


def twins(language: Language) -> int:
    """Dialogues that say nearly the same as an earlier one."""
    signatures = [signature(script) for script in written(DIALOGUES, language)]
    buckets: dict[str, list[int]] = {}
    later = set()
    for index, values in enumerate(signatures):
        for band in bands(values):
            for earlier in buckets.setdefault(band, []):
                if similarity(signatures[earlier], values) >= TWIN_SIMILARITY:
                    later.add(index)
            buckets[band].append(index)
    return len(later)


@pytest.mark.parametrize("language", LANGUAGES)
def test_turns_have_many_skeletons_and_none_is_common(language: Language) -> None:
    counted = skeletons(language)
    assert len(counted) >= 5000
    assert counted.most_common(1)[0][1] <= 0.01 * counted.total()


@pytest.mark.parametrize("language", LANGUAGES)
def test_few_dialogues_are_twins(language: Language) -> None:
    assert twins(language) < 0.03 * DIALOGUES


def test_articles_agree_with_the_word_after_them() -> None:
    """By letters; a few words begin with a vowel and sound otherwise."""
    wrong = re.compile(r"\ba (?!one|once|uni|use|eu)[aeiou]|\ban [^aeiouh\s]", re.IGNORECASE)
    texts = {turn.text for script in written(3 * DIALOGUES, "en") for turn in script.turns}
    assert [text for text in texts if wrong.search(text)] == []
