"""Worlds of the offline grammar: scenes and words like a topic's, and who lives there (prompts/grammar/README.md)."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, get_args

from schemas.errors import GrammarError
from schemas.script import Age, Character, Gender
from stages.backends.grammar_checks import check_topic
from stages.backends.grammar_reader import TopicReader, read_toml
from stages.backends.grammar_records import Entry, Mood, Part, Relation, Trait, Weights, World
from stages.backends.grammar_template import ANY, TAG_RULES

AGES: tuple[Age, ...] = get_args(Age)
GENDERS: tuple[Gender, ...] = get_args(Gender)
LENGTHS: Weights = (("2", 0.06), ("4", 0.24), ("6", 0.3), ("8", 0.24), ("10", 0.16))
"""How many turns a role-play has, back-channels apart."""

TRAITS = ("personality", "temperament", "timbre")
_PART_KEYS = {
    "identities", "ages", "genders", "species", "names", "backgrounds", "me", "relations", "poles",
}  # fmt: skip
_RELATION_KEYS = {"text", "you", "title"}
_TRAIT_KEYS = {"text", "poles", "ages", "genders", "worlds"}
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
    return {name: tuple(_trait(path, f"{name}[{i}]", e, worlds) for i, e in enumerate(table[name])) for name in TRAITS}


def _trait(path: Path, key: str, entry: Mapping[str, Any], worlds: Mapping[str, World]) -> Trait:
    _only(path, key, entry, _TRAIT_KEYS)
    chosen = {
        name: frozenset(entry.get(name, known))
        for name, known in (("ages", AGES), ("genders", GENDERS), ("worlds", worlds))
    }
    for name, known in (("ages", AGES), ("genders", GENDERS), ("worlds", tuple(worlds))):
        if unknown := sorted(chosen[name] - set(known)):
            raise GrammarError(f"{path}: {key}.{name}: '{unknown[0]}' is unknown; use one of: {', '.join(known)}.")
    return Trait(entry["text"], _poles(path, key, entry), **chosen)


def _poles(path: Path, key: str, entry: Mapping[str, Any]) -> frozenset[str]:
    poles: list[str] = entry.get("poles", [])
    for pole in poles:
        if pole[:1] not in _AXIS_SIGNS or not pole[1:].isidentifier():
            raise GrammarError(f"{path}: {key}.poles: '{pole}' is no pole: write '+' or '-' and an axis, as '+energy'.")
    return frozenset(poles)


def _only(path: Path, key: str, body: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(body) - known):
        raise GrammarError(f"{path}: {key}: unknown key '{unknown[0]}'; use one of: {', '.join(sorted(known))}.")


class _WorldReader(TopicReader):
    """Turns one world's file into records."""

    def __init__(self, path: Path, moods: Mapping[str, Mood]) -> None:
        super().__init__(path, moods, "title", "origins", "names", "parts", "relations")

    def world(self, common: TopicReader) -> World:
        for key in ("title", "origins", "names", "parts", "relations"):
            if not self.data.get(key):
                self.fail(key, "is missing")
        relations = {name: self._relation(name, body) for name, body in self.data["relations"].items()}
        parts = {name: self._part(name, body, relations) for name, body in self.data["parts"].items()}
        cast = tuple(
            role_entry(part, relations[relation], age, gender)
            for part in parts.values()
            for relation, age, gender in product(part.relations, part.ages, part.genders)
        )
        topic = self.topic(common, LENGTHS, cast)
        topic = replace(topic, rules=TAG_RULES | dict(topic.rules))
        check_topic(self.path, topic)
        return World(topic, self.data["title"], tuple(self.data["origins"]), parts, relations)

    def _relation(self, name: str, body: Mapping[str, Any]) -> Relation:
        self.only(f"relations.{name}", body, _RELATION_KEYS)
        return Relation(name, _list(body["text"]), _variants(body["you"]), _variants(body["title"]))

    def _part(self, name: str, body: Mapping[str, Any], relations: Mapping[str, Relation]) -> Part:
        key = f"parts.{name}"
        self.only(key, body, _PART_KEYS)
        for relation in body.get("relations", ()):
            if relation not in relations:
                self.fail(f"{key}.relations", f"there is no relation '{relation}'")
        for listed, known in (("ages", AGES), ("genders", GENDERS)):
            for value in body.get(listed, ()):
                if value not in known:
                    self.fail(f"{key}.{listed}", f"'{value}' is unknown; use one of: {', '.join(known)}")
        return Part(
            name=name,
            identities=tuple(body["identities"]),
            ages=tuple(body["ages"]),
            genders=tuple(body.get("genders", GENDERS)),
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
    return pick(relation.you, f"{user.age} {user.gender}", user.age, user.gender)


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
