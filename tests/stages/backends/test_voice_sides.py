from typing import Any

import pytest

from schemas.script import Character
from stages.backends.voice_sides import shared_out, side


def person(character_id: str) -> Character:
    told: Any = dict.fromkeys(("name", "identity", "personality", "temperament", "timbre"), "x")
    return Character(character_id=character_id, language="en", age="youth", gender="female", pace="normal", **told)


@pytest.mark.parametrize(
    ("character_id", "wanted"), [("en-u017", 0), ("en-a003", 1), ("zh-c00012", 1), ("ann", side("ann"))]
)
def test_the_side_is_in_the_id(character_id: str, wanted: int) -> None:
    assert side(character_id) == wanted


def test_other_ids_fall_on_both_sides() -> None:
    assert {side(f"person {number}") for number in range(20)} == {0, 1}


def test_items_are_shared_out_by_side_and_id() -> None:
    users = {shared_out("abcdef", person(f"en-u{number:03d}")) for number in range(60)}
    assistants = {shared_out("abcdef", person(f"en-a{number:03d}")) for number in range(60)}
    assert (users, assistants) == (set("ace"), set("bdf"))
    assert shared_out("abcdef", person("en-u001")) == shared_out("abcdef", person("en-u001"))
