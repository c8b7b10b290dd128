import pytest

from schemas.script import Turn
from stages.judge_script import judge_script
from tests.stages.scripts import script, turn

ASK = turn("user", "What is for dinner tonight?")
ANSWER = turn("assistant", "There is soup at 7:30.")


def test_good_script_is_accepted() -> None:
    murmur = turn("assistant", "Mm-hm.", "backchannel")
    interruption = turn("assistant", "Wait, there is soup.", "interrupts")
    assert judge_script(script(ASK, ANSWER)) is None
    assert judge_script(script(ASK, murmur, interruption)) is None
    assert judge_script(script(turn("user", "几点吃饭？"), turn("assistant", "7:30吧。"), language="zh")) is None


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ((ASK,), "turns: 1 turns, wanted 2 to 20"),
        ((ANSWER, ASK), "roles: turn 0 is the assistant's, wanted the user's"),
        ((ASK, ASK), "roles: turn 1 is the user's, wanted the assistant's"),
        (
            (ASK, turn("user", "Mm.", "backchannel"), ANSWER),
            "roles: turn 1 is the user's, wanted the assistant's",
        ),
        (
            (turn("user", "Wait.", "interrupts"), ANSWER),
            "roles: turn 0 overlaps, but nothing comes before it",
        ),
        ((ASK, turn("assistant", " … ")), "empty: turn 1 says nothing: ' … '"),
        ((ASK, turn("assistant", "晚上喝汤。")), "language: turn 1 is not in 'en': '晚上喝汤。'"),
        ((ASK, turn("assistant", "soup " * 61)), "length: turn 1 has 61 words or characters, limit 60"),
        (
            (ASK, ANSWER, turn("user", "what is for dinner, tonight?"), turn("assistant", "Soup.")),
            "repeated: turn 2 repeats turn 0: 'what is for dinner, tonight?'",
        ),
        (
            (ASK, turn("assistant", "Soup ♥")),
            "unspeakable: turn 1: '♥' (BLACK HEART SUIT) in 'Soup ♥' cannot be said as written.",
        ),
    ],
)
def test_bad_script_is_rejected_with_the_reason(turns: tuple[Turn, ...], reason: str) -> None:
    assert judge_script(script(*turns)) == reason


def test_latin_letters_in_mandarin_are_unspeakable() -> None:
    spoken = script(turn("user", "你喜欢什么电影？"), turn("assistant", "我喜欢看DVD。"), language="zh")
    assert (
        judge_script(spoken)
        == "unspeakable: turn 1: the Latin letter 'D' in '我喜欢看DVD。' cannot be said as written."
    )
