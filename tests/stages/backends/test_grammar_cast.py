from pathlib import Path

import pytest

from schemas.errors import GrammarError
from schemas.script import LANGUAGES, Character, Language
from stages.backends.grammar_cast import PACE_POLES, cast, contradicts, role, role_of
from stages.backends.grammar_data import load_grammar
from stages.backends.grammar_people import characters
from stages.backends.grammar_worlds import TRAITS
from tests.stages.backends.small_grammar import TRAITS as SMALL_TRAITS
from tests.stages.backends.small_grammar import write_world

DISTINCT = 5_000


def test_a_character_is_put_together_from_what_fits(tmp_path: Path) -> None:
    folder = write_world(tmp_path)
    captain, fox = (one.character for one in cast("en", 2, folder))
    assert fox == Character(
        character_id="en-c00001",
        name="Rust",
        language="en",
        age="child",
        gender="female",
        identity="a stowaway",
        personality="bold",
        temperament=fox.temperament,
        timbre="clear",
        pace=fox.pace,
        species="fox",
        world="sea",
        origin="Reed Island",
        background="Came aboard in a barrel",
        relation="The user keeps it hidden",
    )
    assert fox.temperament in ("fiery", "even")
    assert fox.pace in ("normal", "fast")
    assert (captain.identity, captain.age, captain.origin) == ("a captain", "elderly", "Reed Island")


def test_the_first_of_a_longer_list_are_the_shorter_list(tmp_path: Path) -> None:
    folder = write_world(tmp_path)
    assert cast("zh", 9, folder)[:4] == cast("zh", 4, folder)


def test_facts_name_both_by_gender_and_part(tmp_path: Path) -> None:
    folder = write_world(tmp_path)
    captain, person = role("en", 0, folder), characters("en", "user", 1, folder)[0]
    male, female = (person.model_copy(update={"gender": g}) for g in ("male", "female"))
    facts = captain.facts(male)
    assert (facts["me"], facts["you"], facts["title"], facts["part"]) == ("this old salt", "boy", "captain", "captain")
    assert captain.facts(female)["you"] == "girl"
    assert captain.facts(female.model_copy(update={"age": "elderly"}))["you"] == "grandmother"
    assert captain.facts(male.model_copy(update={"age": "elderly"}))["you"] == "boy"


def test_a_character_of_another_grammar_is_refused(tmp_path: Path) -> None:
    folder = write_world(tmp_path)
    known = role("en", 3, folder)
    assert role_of(known.character, folder) == known
    with pytest.raises(GrammarError, match="has no character en-c00003 as planned"):
        role_of(known.character.model_copy(update={"timbre": "husky"}), folder)


def test_a_part_that_no_word_fits_is_named(tmp_path: Path) -> None:
    folder = write_world(tmp_path, traits=SMALL_TRAITS.replace('"clear", ', '"clear", ages = ["elderly"], '))
    with pytest.raises(GrammarError, match="no timbre fits child female 'fox' of 'sea'"):
        cast("en", 2, folder)


def test_poles_of_one_axis_contradict() -> None:
    assert contradicts(frozenset({"+energy"}), frozenset({"-energy", "+warmth"}))
    assert not contradicts(frozenset({"+energy"}), frozenset({"+energy", "-warmth"}))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_bundled_characters_are_many_and_plausible(language: Language) -> None:
    grammar = load_grammar(language, None, "roleplay")
    made = [one.character for one in cast(language, DISTINCT + 500)]
    assert len({tuple(one.model_dump(exclude={"character_id"}).values()) for one in made}) >= DISTINCT
    words = {name: {trait.text: trait for trait in grammar.traits[name]} for name in TRAITS}
    for one in made:
        traits = [words[name][getattr(one, name)] for name in TRAITS]
        sides = [trait.poles for trait in traits] + [PACE_POLES[one.pace]]
        assert not any(contradicts(side, other) for side in sides for other in sides), one
        assert all(one.age in trait.ages and one.gender in trait.genders for trait in traits), one
        assert one.age != "elderly" or one.pace != "fast"
    assert {one.age for one in made} == {"child", "youth", "middle-aged", "elderly"}
    assert len({one.world for one in made}) >= 7
    assert len({one.species for one in made if one.species}) >= 5
