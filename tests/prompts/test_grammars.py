"""What the dialogues of each kind and language are held to: variety, and few that resemble each other."""

import re
from collections import Counter
from functools import cache

import pytest

from schemas.script import EMOTIONS, KINDS, LANGUAGES, Kind, Language
from schemas.tags import TAGS, tags_in
from stages.backends.rules_judge import broken_rule
from stages.near_duplicates import TWIN_SIMILARITY, bands, signature, similarity
from stages.turn_skeletons import skeleton
from tests.stages.scripts import written

DIALOGUES = 2000
COUNTS: dict[Kind, int] = {"conversation": DIALOGUES, "roleplay": DIALOGUES, "singing": 400}
SKELETONS: dict[Kind, int] = {"conversation": 5000, "roleplay": 5000, "singing": 1200}
"""So many skeletons at least in so many dialogues; singing, where songs take their time, has 2,900 in 1,000."""


@cache
def skeletons(language: Language, kind: Kind) -> Counter[str]:
    """Spoken turns of COUNTS dialogues with names, numbers and lexicon slots masked."""
    scripts = written(COUNTS[kind], language, kind)
    return Counter(skeleton(turn) for script in scripts for turn in script.turns if turn.song is None)


def twins(language: Language, kind: Kind) -> int:
    """Dialogues that say nearly the same as an earlier one."""
    signatures = [signature(script) for script in written(COUNTS[kind], language, kind)]
    buckets: dict[str, list[int]] = {}
    later = set()
    for index, values in enumerate(signatures):
        for band in bands(values):
            for earlier in buckets.setdefault(band, []):
                if similarity(signatures[earlier], values) >= TWIN_SIMILARITY:
                    later.add(index)
            buckets[band].append(index)
    return len(later)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_turns_have_many_skeletons_and_none_is_common(language: Language, kind: Kind) -> None:
    counted = skeletons(language, kind)
    assert len(counted) >= SKELETONS[kind]
    assert counted.most_common(1)[0][1] <= 0.01 * counted.total()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_few_dialogues_are_twins(language: Language, kind: Kind) -> None:
    assert twins(language, kind) < 0.03 * COUNTS[kind]


@pytest.mark.parametrize("language", LANGUAGES)
def test_role_plays_keep_the_rules_of_scripts(language: Language) -> None:
    broken = [broken_rule(script) for script in written(DIALOGUES, language, "roleplay")[:500]]
    assert {reason for reason in broken if reason} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_singing_keeps_the_rules_of_scripts_and_is_asked_for_in_many_words(language: Language) -> None:
    scripts = written(COUNTS["singing"], language, "singing")
    assert {reason for script in scripts if (reason := broken_rule(script))} == set()
    asked = Counter(script.turns[0].text for script in scripts)
    assert asked.most_common(1)[0][1] <= 0.01 * len(scripts)
    spoken = [turn for script in scripts for turn in script.turns if turn.song is None]
    slips = re.compile(r"  | [,.?!]|[,，、][,.?!，。？！、]|[{}<>()|]|^[,.，。]|[。？！.?!]{2}|[^.?!。？！]$")
    assert [turn.text for turn in spoken if slips.search(turn.text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_role_plays_move_hold_tags_deeds_and_thoughts(language: Language) -> None:
    scripts = written(DIALOGUES, language, "roleplay")
    turns = [turn for script in scripts for turn in script.turns if turn.overlap != "backchannel"]
    assert 0.03 <= sum(bool(tags_in(turn.text)) for turn in turns) / len(turns) <= 0.2
    assert {tag for turn in turns for tag in tags_in(turn.text)} == set(TAGS)
    assert {turn.emotion for turn in turns} == set(EMOTIONS)
    assert sum(bool(turn.action or turn.thought) for turn in turns) >= 0.1 * len(turns)
    assert {len([t for t in script.turns if t.overlap != "backchannel"]) for script in scripts} == {2, 4, 6, 8, 10}
    moving = [len({turn.emotion for turn in script.turns}) >= 2 for script in scripts if len(script.turns) >= 4]
    assert sum(moving) >= 0.8 * len(moving)


def test_articles_agree_with_the_word_after_them() -> None:
    """By letters; a few words begin with a vowel and sound otherwise."""
    wrong = re.compile(r"\ba (?!one|once|uni|use|eu)[aeiou]|\ban [^aeiouh\s]", re.IGNORECASE)
    scripts = (*written(3 * DIALOGUES, "en"), *written(DIALOGUES, "en", "roleplay"))
    texts = {turn.text for script in scripts for turn in script.turns}
    assert [text for text in texts if wrong.search(text)] == []
