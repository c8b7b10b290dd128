from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from schemas.script import EMOTIONS, LANGUAGES, PACES, STYLES, Language, Turn
from schemas.take import Line
from stages.backends.spoken_manner import LONGEST, manner, voice_words


def turn(**told: Any) -> Turn:
    return Turn(role="user", text="Well.", intent="say", **told)


@pytest.mark.parametrize(
    ("language", "told", "words"),
    [
        ("en", {}, ""),
        ("en", {"intensity": 3}, ""),
        ("en", {"emotion": "happy"}, "Speak in a slightly happy tone."),
        ("en", {"emotion": "angry", "intensity": 2}, "Speak in an angry tone."),
        (
            "en",
            {"emotion": "sad", "intensity": 3, "style": "whisper", "pace": "slow"},
            "Speak in a very sad tone, in a whisper, slowly.",
        ),
        ("en", {"style": "shout"}, "Speak shouting."),
        ("zh", {"emotion": "tender", "intensity": 3}, "请用非常温柔的语气说这句话。"),
        (
            "zh",
            {"emotion": "tired", "style": "whisper", "pace": "fast"},
            "请用略带疲惫的语气，压低声音耳语着，加快语速说这句话。",
        ),
    ],
)
def test_the_manner_of_a_turn_in_words(language: Language, told: dict[str, Any], words: str) -> None:
    assert manner(turn(**told), language) == words


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_manner_has_words_of_its_own(language: Language) -> None:
    turns = [turn(emotion=e, style=s, pace=p) for e, s, p in product(EMOTIONS, STYLES, PACES)]
    assert len({manner(each, language) for each in turns}) == len(turns)


def test_who_speaks_without_the_story_and_not_too_long(make_line: Callable[..., Line]) -> None:
    who = make_line().character
    story = who.model_copy(update={"background": "Grew up at sea", "relation": "Your sister"})
    assert voice_words(story) == voice_words(who)
    assert "timbre: bright" in voice_words(who)
    assert len(voice_words(who.model_copy(update={"personality": "calm " * 300}))) == LONGEST
