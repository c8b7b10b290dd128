"""The Mandarin grammar as data: what it covers, and that what it says can be read aloud as meant."""

import re
from collections import Counter
from functools import cache

import pytest
from pypinyin import Style, lazy_pinyin

from schemas.script import EMOTIONS, STYLES, Turn
from stages.backends.grammar_data import load_grammar, scenes
from stages.backends.rules_judge import broken_rule
from stages.turn_skeletons import skeleton
from tests.stages.scripts import written

DIALOGUES = 2000

MISREAD = {
    "照片": "pian1",  # zhàopiàn
    "教你": "jiao4",  # jiāo nǐ
    "教我": "jiao4",
    "数羊": "shu4",  # shǔ yáng
    "也没收": "mo4",  # yě méi shōu
    "两只": "zhi3",  # liǎng zhī
    "还给主队": "huan2",  # hái gěi
    "水壶和面包": "huo2",  # hé
    "写太长": "zhang3",  # cháng
    "都会这样": "du1",  # dōu huì
    "干辣椒": "gan4",  # gān
    "同行的人": "hang2",  # tóngxíng
}
"""Phrases that pypinyin reads wrongly, and the wrong reading: the grammar says such things in other words."""

SLIPS = ["[，、][，、。？！]", "[。？！]{2}", "^[，、。？！]", "[^。？！]$", "的的|了了|就就|先先|又又"]
"""Traces that left-out parts and slots leave when they do not fit: punctuation and words twice, no end."""

FIRST_PERSON_FAMILY = re.compile("我(妈|爸|家[^里]|对象|室友|女儿|儿子)")


@cache
def turns() -> tuple[Turn, ...]:
    return tuple(turn for script in written(DIALOGUES, "zh") for turn in script.turns)


def spoken() -> list[Turn]:
    return [turn for turn in turns() if turn.overlap != "backchannel"]


def test_covers_topics_and_scenes() -> None:
    per_topic = Counter(scene.partition("/")[0] for scene in scenes("zh"))
    assert len(per_topic) >= 12
    assert min(per_topic.values()) >= 3


def test_every_script_is_accepted() -> None:
    reasons = [reason for script in written(DIALOGUES, "zh") if (reason := broken_rule(script)) is not None]
    assert reasons == []


def test_every_intent_is_said() -> None:
    said = {(script.topic, turn.intent) for script in written(4 * DIALOGUES, "zh") for turn in script.turns}
    declared = {(topic.name, intent) for topic in load_grammar("zh").topics.values() for intent in topic.intents}
    assert declared - said == set()


def test_turns_are_varied() -> None:
    skeletons = Counter(map(skeleton, turns()))
    assert len(skeletons) >= 5000
    assert skeletons.most_common(1)[0][1] <= 0.01 * len(turns())


def test_turns_last_a_few_seconds() -> None:
    lengths = [sum(character.isalnum() for character in turn.text) for turn in spoken()]
    assert 10 <= sum(lengths) / len(lengths) <= 28
    assert max(lengths) <= 60


def test_texts_hold_only_characters_and_chinese_punctuation() -> None:
    odd = [turn.text for turn in turns() if not re.fullmatch("[一-鿿，。？！、]+", turn.text)]
    assert odd == []


@pytest.mark.parametrize("slip", SLIPS)
def test_left_out_parts_leave_no_trace(slip: str) -> None:
    assert [turn.text for turn in turns() if re.search(slip, turn.text)] == []


def test_assistant_has_no_family_of_its_own() -> None:
    """Slots that name the user's people have another form in the assistant's mouth."""
    slips = [turn.text for turn in turns() if turn.role == "assistant" and FIRST_PERSON_FAMILY.search(turn.text)]
    assert slips == []


def test_moods_are_used() -> None:
    assert {turn.emotion for turn in spoken()} == set(EMOTIONS)
    assert {turn.style for turn in spoken()} == set(STYLES)
    assert {turn.intensity for turn in spoken()} == {1, 2, 3}
    assert {turn.pace for turn in spoken()} == {"slow", "normal", "fast"}
    assert {turn.overlap for turn in turns()} == {"none", "interrupts", "backchannel"}


@pytest.mark.parametrize(("phrase", "wrong"), MISREAD.items())
def test_misread_phrases_are_avoided(phrase: str, wrong: str) -> None:
    assert wrong in lazy_pinyin(phrase, style=Style.TONE3), "pypinyin reads it well by now: drop it from the list"
    assert [turn.text for turn in turns() if phrase in turn.text] == []
