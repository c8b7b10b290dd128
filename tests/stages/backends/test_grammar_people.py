from pathlib import Path

import pytest

from schemas.script import LANGUAGES, Character, Language
from stages.backends.grammar_people import characters
from tests.stages.backends.small_grammar import write_grammar


def test_a_character_is_made_of_the_lists(tmp_path: Path) -> None:
    made = characters("en", "assistant", 3, write_grammar(tmp_path))
    assert made[2] == Character(
        character_id="en-a002",
        name=made[2].name,
        language="en",
        age="elderly",
        gender="female",
        identity="a storyteller",
        personality="dry",
        temperament="sanguine",
        timbre="bright",
        pace="slow",
    )
    assert made[2].name in {"Ann", "Eve", "Ida"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_characters_are_many_and_stay_the_same(language: Language) -> None:
    users, assistants = characters(language, "user", 20), characters(language, "assistant", 8)
    assert users[:5] == characters(language, "user", 5)
    assert len({person.character_id for person in users + assistants}) == 28
    assert len({person.name for person in users + assistants}) == 28
    assert {person.gender for person in users} == {"female", "male"}
    assert {person.age for person in users} >= {"youth", "middle-aged", "elderly"}
    assert len({person.personality for person in users}) >= 4
