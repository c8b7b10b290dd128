"""Characters from the grammar's people.toml: as varied as the lists allow, the same for the same id."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from schemas.script import GENDERS, Age, Character, Gender, Language, Role
from schemas.seeds import generator
from stages.backends.grammar_data import load_people

T = TypeVar("T")


def characters(language: Language, role: Role, count: int, grammar: str | None = None) -> list[Character]:
    """`count` characters of a role; the first n of a longer list are the list of n.

    Gender alternates and ages cycle; names do not repeat until a gender's list is used up, and users never share
    one with an assistant before that.
    """
    people = load_people(language, grammar)
    names = {gender: _deal(people["names"][gender], language, gender) for gender in GENDERS}
    return [_character(language, role, index, people, names) for index in range(count)]


def _character(
    language: Language, role: Role, index: int, people: Mapping[str, Any], names: dict[Gender, list[str]]
) -> Character:
    gender = GENDERS[index % 2]
    ages: list[Age] = people["ages"]
    age = ages[index // 2 % len(ages)]
    character_id = f"{language}-{'a' if role == 'assistant' else 'u'}{index:03d}"
    random = generator("character", character_id)

    def one(values: Sequence[T]) -> T:
        return values[int(random.random() * len(values))]

    # Users take names from the front of the dealt list, assistants from its end.
    position = index // 2 if role == "user" else -1 - index // 2
    traits = people["traits"]
    return Character(
        character_id=character_id,
        name=names[gender][position % len(names[gender])],
        language=language,
        age=age,
        gender=gender,
        identity=one(people[role]["identities"][age]),
        personality=one(traits["personality"]),
        temperament=one(traits["temperament"]),
        timbre=one(traits["timbre"][gender]),
        pace=one(traits["pace"]),
    )


def _deal(names: list[str], language: Language, gender: Gender) -> list[str]:
    order = generator("names", language, gender).permutation(len(names))
    return [names[int(place)] for place in order]
