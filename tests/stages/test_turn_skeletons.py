from collections import Counter

import pytest

from schemas.script import LANGUAGES, Language, Turn
from stages.turn_skeletons import skeleton
from tests.stages.scripts import written


def test_slots_and_numbers_are_masked() -> None:
    turn = Turn(
        role="user",
        text="Owen, make tomato pasta for twenty people at 7:30!",
        intent="ask",
        slots={"user": "Owen", "dish": "tomato pasta"},
    )
    assert skeleton(turn) == "_ make _ for _ people at _"
    chinese = Turn(role="user", text="小雨，三点去爬香山吧。", intent="ask", slots={"user": "小雨", "place": "香山"})
    assert skeleton(chinese) == "_ _点去爬_吧"


@pytest.mark.parametrize("language", LANGUAGES)
def test_grammar_is_varied(language: Language) -> None:
    turns = [turn for script in written(2000, language) for turn in script.turns if turn.overlap != "backchannel"]
    counts = Counter(skeleton(turn) for turn in turns)
    assert len(counts) >= 1500
    assert counts.most_common(1)[0][1] <= 0.01 * len(turns)
