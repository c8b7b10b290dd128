"""Worlds of the offline grammar: scenes and words like a topic's, and who lives there (prompts/grammar/README.md)."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from schemas.errors import GrammarError
from schemas.script import AGES, GENDERS, Age, Character, Gender
from stages.backends import grammar_shapes as shapes
from stages.backends.grammar_checks import check_topic
from stages.backends.grammar_reader import TopicReader, read_toml
from stages.backends.grammar_records import Entry, Mood, Part, Relation, Trait, Weights, World
from stages.backends.grammar_shapes import Shapes, check_table, fail
from stages.backends.grammar_template import ANY, TAG_RULES

LENGTHS: Weights = (("2", 0.06), ("4", 0.24), ("6", 0.3), ("8", 0.24), ("10", 0.16))
"""How many turns a role-play has, back-channels apart."""

TRAITS = ("personality", "temperament", "timbre")
_TRAITS: Shapes = dict.fromkeys(TRAITS, shapes.ENTRIES)
_WORLD: Shapes = {
    "title": shapes.TEXT,
    "origins": shapes.FILLED,
    "names": shapes.VARIANTS,
    "parts": shapes.TABLES,
    "relations": shapes.TABLES,
}
_PART: Shapes = {"identities": shapes.FILLED, "ages": shapes.FILLED, "backgrounds": shapes.FILLED}
_PART_MORE: Shapes = {
    "genders": shapes.FILLED,
    "species": shapes.TEXT,
    "names": shapes.VARIANTS,
    "me": shapes.VARIANTS,
    "relations": shapes.FILLED,
    "poles": shapes.LIST,
}
_RELATION: Shapes = {"text": shapes.VALUES, "you": shapes.VARIANTS, "title": shapes.VARIANTS}
_TRAIT_MORE: Shapes = {"poles": shapes.LIST, "ages": shapes.FILLED, "genders": shapes.FILLED, "worlds": shapes.FILLED}
_AXIS_SIGNS = "+-"


def read_worlds(folder: Path, moods: Mapping[str, Mood]) -> dict[str, World]:
    """The worlds of a language's folder. Raises GrammarError, also where there are none."""
    paths = sorted((folder / "worlds").glob("*.toml"))
    if not paths:
        raise GrammarError(f"{folder / 'worlds'} holds no world, and role-play needs one for '{folder.name}'.")
    common = TopicReader(folder / "roleplay.toml", moods)
    return {path.stem: _WorldReader(path, moods).world(common) for path in paths}


def read_traits(folder: Path, worlds: Mapping[str, World]) -> dict[str, tuple[Trait, ...]]:
    """The words of `traits.toml`, list by list. Raises GrammarError where one names an age or a world wrongly."""
    path = folder / "traits.toml"
    table = read_toml(path)
    check_table(path, "", table, _TRAITS, {})
    return {name: tuple(_trait(path, f"{name}[{i}]", e, worlds) for i, e in enumerate(table[name])) for name in TRAITS}


def _trait(path: Path, key: str, entry: Mapping[str, Any], worlds: Mapping[str, World]) -> Trait:
    check_table(path, key, entry, {"text": shapes.TEXT}, _TRAIT_MORE)
    chosen = {
        name: frozenset(_known(path, key, entry, name, known))
        for name, known in (("ages", AGES), ("genders", GENDERS), ("worlds", tuple(worlds)))
    }
    return Trait(entry["text"], _poles(path, key, entry), **chosen)


def _known(path: Path, key: str, body: Mapping[str, Any], name: str, known: tuple[Any, ...]) -> tuple[Any, ...]:
    """What the body lists under a name, each one of the known; all of them where it lists nothing."""
    for value in body.get(name, ()):
        if value not in known:
            fail(path, f"{key}.{name}", f"'{value}' is unknown; use one of: {', '.join(known)}")
    return tuple(body.get(name, known))


def _poles(path: Path, key: str, entry: Mapping[str, Any]) -> frozenset[str]:
    poles: list[str] = entry.get("poles", [])
    for pole in poles:
        if pole[:1] not in _AXIS_SIGNS or not pole[1:].isidentifier():
            fail(path, f"{key}.poles", f"'{pole}' is no pole: write '+' or '-' and an axis, as '+energy'")
    return frozenset(poles)


class _WorldReader(TopicReader):
    """Turns one world's file into records."""

    needed = _WORLD

    def world(self, common: TopicReader) -> World:
        relations = {name: self._relation(name, body) for name, body in self.data["relations"].items()}
        parts = {name: self._part(name, body, relations) for name, body in self.data["parts"].items()}
        cast = tuple(
            self._cast_entry(part, relations[relation], age, gender)
            for part in parts.values()
            for relation, age, gender in product(part.relations, part.ages, part.genders)
        )
        topic = self.topic(common, LENGTHS, cast)
        topic = replace(topic, rules=TAG_RULES | dict(topic.rules))
        check_topic(self.path, topic)
        return World(topic, self.data["title"], tuple(self.data["origins"]), parts, relations)

    def _relation(self, name: str, body: Mapping[str, Any]) -> Relation:
        key = f"relations.{name}"
        check_table(self.path, key, body, _RELATION, {})
        relation = Relation(name, _list(body["text"]), _variants(body["you"]), _variants(body["title"]))
        for age, gender in product(AGES, GENDERS):
            if not _you(relation, age, gender):
                self.fail(f"{key}.you", f"there is nothing for a user who is {age} and {gender}")
        return relation

    def _cast_entry(self, part: Part, relation: Relation, age: Age, gender: Gender) -> Entry:
        entry, key = role_entry(part, relation, age, gender), f"parts.{part.name}"
        places = (("text", f"{key}.names"), ("me", f"{key}.me"), ("title", f"relations.{relation.name}.title"))
        for attribute, place in places:
            if not entry[attribute]:
                self.fail(place, f"there is nothing for '{part.name}' who is {age} and {gender}")
        return entry

    def _part(self, name: str, body: Mapping[str, Any], relations: Mapping[str, Relation]) -> Part:
        key = f"parts.{name}"
        check_table(self.path, key, body, _PART, _PART_MORE)
        for relation in body.get("relations", ()):
            if relation not in relations:
                self.fail(f"{key}.relations", f"there is no relation '{relation}'")
        return Part(
            name=name,
            identities=tuple(body["identities"]),
            ages=_known(self.path, key, body, "ages", AGES),
            genders=_known(self.path, key, body, "genders", GENDERS),
            species=body.get("species", ""),
            names=_variants(body.get("names", self.data["names"])),
            backgrounds=tuple(body["backgrounds"]),
            me=_variants(body.get("me", "I" if self.path.parts[-3] == "en" else "我")),
            relations=tuple(body.get("relations", relations)),
            poles=_poles(self.path, key, body),
        )


def _list(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _variants(value: Any) -> dict[str, tuple[str, ...]]:
    """A table of lists; a plain list or string is the variant `any`."""
    return {name: _list(one) for name, one in value.items()} if isinstance(value, dict) else {ANY: _list(value)}


def pick(variants: Mapping[str, tuple[str, ...]], *keys: str) -> tuple[str, ...]:
    """The list of the first key that there is, else that of `any`, else nothing."""
    return next((variants[key] for key in (*keys, ANY) if key in variants), ())


def address(relation: Relation, user: Character) -> tuple[str, ...]:
    """How a character so related addresses the user."""
    return _you(relation, user.age, user.gender)


def _you(relation: Relation, age: Age, gender: Gender) -> tuple[str, ...]:
    return pick(relation.you, f"{age} {gender}", age, gender)


def role_entry(part: Part, relation: Relation, age: Age, gender: Gender) -> Entry:
    """What templates may mention of such a character (`{assistant.me}` ...): attribute -> the values it may take."""
    return {
        "text": pick(part.names, gender),
        "me": pick(part.me, gender, age),
        "you": tuple(dict.fromkeys(one for values in relation.you.values() for one in values)),
        "title": pick(relation.title, gender, age),
        "part": (part.name,),
        "relation": (relation.name,),
        "species": (part.species,),
        "age": (age,),
        "gender": (gender,),
    }
