"""Characters of role-play from the grammar's worlds: plausible by rule, the same for the same id.

A character is put together in this order: world, part, age, gender, relation to the user, then words for personality,
temperament and timbre, each of which must fit what is there already (`fits`), then the pace.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from schemas.errors import GrammarError
from schemas.script import Age, Character, Gender, Language, Pace
from schemas.seeds import generator
from stages.backends.grammar_data import load_grammar
from stages.backends.grammar_records import Grammar, Part, Relation, Trait, World
from stages.backends.grammar_worlds import TRAITS, address, pick, role_entry

T = TypeVar("T")
PACE_POLES: dict[Pace, frozenset[str]] = {
    "slow": frozenset({"-energy"}),
    "normal": frozenset(),
    "fast": frozenset({"+energy"}),
}
SLOW_AGES: frozenset[Age] = frozenset({"elderly"})
"""Ages that never speak fast."""


@dataclass(frozen=True)
class Role:
    """A character, and what a script needs to know of it besides."""

    character: Character
    part: Part
    relation: Relation
    scenes: tuple[str, ...]

    def facts(self, user: Character) -> dict[str, str]:
        """Attribute -> value of the slot `assistant`, for that user; drawn from the character's id."""
        who = self.character
        random = generator("role", who.character_id)
        entry = role_entry(self.part, self.relation, who.age, who.gender)
        listed = dict(entry) | {"text": (who.name,), "you": address(self.relation, user)}
        return {name: _one(random, values) for name, values in listed.items()}


def cast(language: Language, count: int, grammar: str | None = None) -> list[Role]:
    """`count` characters; the first n of a longer list are the list of n. Worlds take turns."""
    return [role(language, index, grammar) for index in range(count)]


def role(language: Language, index: int, grammar: str | None = None) -> Role:
    """The character `LANGUAGE-cINDEX`. Raises GrammarError where the grammar has no worlds, or no word that fits."""
    loaded = load_grammar(language, grammar, "roleplay")
    names = sorted(loaded.worlds)
    name = names[index % len(names)]
    return _put_together(loaded, name, f"{language}-c{index:05d}", index // len(names))


def role_of(character: Character, grammar: str | None = None) -> Role:
    """The role of a planned character. Raises GrammarError if this grammar does not make that character."""
    _, _, index = character.character_id.rpartition("-c")
    found = role(character.language, int(index), grammar) if index.isdigit() else None
    if found is None or found.character != character:
        raise GrammarError(f"the grammar has no character {character.character_id} as planned; plan the corpus anew.")
    return found


def fits(trait: Trait, character_poles: frozenset[str], age: Age, gender: Gender, world: str) -> bool:
    """Whether a word suits such a character and contradicts nothing that is said of it already."""
    suits = age in trait.ages and gender in trait.genders and world in trait.worlds
    return suits and not contradicts(trait.poles, character_poles)


def contradicts(poles: frozenset[str], others: frozenset[str]) -> bool:
    """Whether some axis has one pole here and the other pole there."""
    opposite = {"+": "-", "-": "+"}
    return any(opposite[pole[0]] + pole[1:] in others for pole in poles)


def _put_together(grammar: Grammar, name: str, character_id: str, turn: int) -> Role:
    world = grammar.worlds[name]
    random = generator("cast", character_id)
    parts = sorted(world.parts)
    part = world.parts[parts[turn % len(parts)]]
    age, gender = _one(random, part.ages), _one(random, part.genders)
    relation = world.relations[_one(random, part.relations)]
    poles, words = part.poles, {}
    for trait in TRAITS:
        known = [one for one in grammar.traits[trait] if fits(one, poles, age, gender, name)]
        if not known:
            raise GrammarError(
                f"traits.toml: no {trait} fits {age} {gender} '{part.name}' of '{name}' ({sorted(poles)})."
            )
        chosen = _one(random, known)
        poles, words[trait] = poles | chosen.poles, chosen.text
    character = Character(
        character_id=character_id,
        name=_one(random, pick(part.names, gender)),
        language=grammar.language,
        age=age,
        gender=gender,
        identity=_one(random, part.identities),
        pace=_one(random, _paces(poles, age)),
        species=part.species,
        world=name,
        origin=_one(random, world.origins),
        background=_one(random, part.backgrounds),
        relation=_one(random, relation.text),
        **words,
    )
    return Role(character, part, relation, _scenes(world, part, relation, age, gender))


def _paces(poles: frozenset[str], age: Age) -> list[Pace]:
    """The paces that fit; a pole of the axis `energy` decides, mostly."""
    fitting = [pace for pace, own in PACE_POLES.items() if not contradicts(own, poles)]
    if age in SLOW_AGES and "fast" in fitting:
        fitting.remove("fast")
    return [pace for pace in fitting for _ in range(2 if PACE_POLES[pace] & poles else 1)]


def _scenes(world: World, part: Part, relation: Relation, age: Age, gender: Gender) -> tuple[str, ...]:
    """Ids of the scenes that such a character may be in."""
    entry = role_entry(part, relation, age, gender)
    fitting = [
        f"{world.topic.name}/{scene.name}"
        for scene in world.topic.scenes.values()
        if all(values & set(entry[attribute]) for attribute, values in scene.cast.items())
    ]
    if not fitting:
        raise GrammarError(
            f"world '{world.topic.name}': no scene takes {age} {gender} '{part.name}' ({relation.name})."
        )
    return tuple(sorted(fitting))


def _one(random: np.random.Generator, values: Sequence[T]) -> T:
    return values[int(random.random() * len(values))]
