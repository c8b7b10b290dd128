"""Reads the files of the offline grammar into records; every error names the file and the key."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from schemas.errors import GrammarError
from stages.backends.grammar_records import Entry, Intent, Mood, Scene, Topic, Weights
from stages.backends.grammar_template import ANY, Rule, Template, parse_template

INTENT_KEYS = {"role", "needs", "gives", "may", "when", "next", "ends", "cuts_in", "says", "does", "thinks"}


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GrammarError(f"{path} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise GrammarError(f"{path} is not TOML: {error}.") from error


def mood_of(entry: Mapping[str, Any]) -> Mood:
    return Mood(entry["emotion"], tuple(entry["intensity"]), tuple(entry["style"]), tuple(entry["pace"]))


class TopicReader:
    """Turns one TOML file into records."""

    def __init__(self, path: Path, moods: Mapping[str, Mood], *more: str) -> None:
        """`more`: keys of the file besides a topic's."""
        self.path = path
        self.moods = moods
        self.data = read_toml(path)
        self.only("(top level)", self.data, {"scenes", "slots", "lexicon", "rules", "intents", *more})

    def topic(self, common: "TopicReader", lengths: Weights, assistant: tuple[Entry, ...]) -> Topic:
        return Topic(
            name=self.path.stem,
            scenes={name: self._scene(name, entry) for name, entry in self.data.get("scenes", {}).items()},
            slots=common.data.get("slots", {}) | self.data.get("slots", {}),
            lexicon=common.lexicon() | self.lexicon(),
            rules=common.rules() | self.rules(),
            intents=common.intents() | self.intents(),
            lengths=lengths,
            assistant=assistant,
            moods=frozenset(self.moods),
        )

    def lexicon(self) -> dict[str, tuple[Entry, ...]]:
        return {name: tuple(_entry(entry) for entry in entries) for name, entries in self._table("lexicon").items()}

    def rules(self) -> dict[str, Rule]:
        rules: dict[str, Rule] = {}
        for name, body in self._table("rules").items():
            variants = body if isinstance(body, dict) else {ANY: body}
            rules[name] = {
                variant: tuple(self._template(f"rules.{name}.{key}", source) for source in sources)
                for key, sources in variants.items()
                for variant in key.split("|")
            }
        return rules

    def intents(self) -> dict[str, Intent]:
        return {name: self._intent(name, body) for name, body in self._table("intents").items()}

    def _table(self, name: str) -> dict[str, Any]:
        table: dict[str, Any] = self.data.get(name, {})
        return table

    def _scene(self, name: str, body: Mapping[str, Any]) -> Scene:
        self.only(f"scenes.{name}", body, {"setting", "start", "where", "cast"})
        where = {
            slot: {attribute: values_of(values) for attribute, values in conditions.items()}
            for slot, conditions in body.get("where", {}).items()
        }
        cast = {attribute: values_of(values) for attribute, values in body.get("cast", {}).items()}
        return Scene(name, body["setting"], _weights(body["start"]), where, cast)

    def _intent(self, name: str, body: Mapping[str, Any]) -> Intent:
        key = f"intents.{name}"
        self.only(key, body, INTENT_KEYS)
        says: dict[str, tuple[Template, ...]] = {}
        for moods, sources in body["says"].items():
            templates = tuple(self._template(f"{key}.says.{moods}", source) for source in sources)
            for mood in moods.split("|"):
                if mood not in self.moods:
                    self.fail(f"{key}.says", f"there is no mood '{mood}' in moods.toml")
                says[mood] = says.get(mood, ()) + templates
        when = {tuple(slot.partition(".")[::2]): values_of(values) for slot, values in body.get("when", {}).items()}
        return Intent(
            name=name,
            role=body["role"],
            needs=frozenset(body.get("needs", ())),
            gives=frozenset(body.get("gives", ())),
            may=frozenset(body.get("may", ())),
            when={(slot, attribute or "text"): values for (slot, attribute), values in when.items()},
            next=_weights(body.get("next", ())),
            ends=body.get("ends", False),
            cuts_in=body.get("cuts_in", 0.0),
            says=says,
            does=tuple(self._template(f"{key}.does", source) for source in body.get("does", ())),
            thinks=tuple(self._template(f"{key}.thinks", source) for source in body.get("thinks", ())),
        )

    def _template(self, key: str, source: str) -> Template:
        try:
            return parse_template(source)
        except ValueError as error:
            self.fail(key, f"{error} in '{source}'")

    def only(self, key: str, body: Mapping[str, Any], known: set[str]) -> None:
        if unknown := sorted(set(body) - known):
            self.fail(key, f"unknown key '{unknown[0]}'; use one of: {', '.join(sorted(known))}")

    def fail(self, key: str, problem: str) -> NoReturn:
        raise GrammarError(f"{self.path}: {key}: {problem}.")


def _entry(entry: str | Mapping[str, Any]) -> Entry:
    if isinstance(entry, str):
        return {"text": (entry,)}
    return {name: tuple(value) if isinstance(value, list) else (value,) for name, value in entry.items()}


def values_of(values: str | list[str]) -> frozenset[str]:
    return frozenset([values] if isinstance(values, str) else values)


def _weights(names: list[str] | tuple[str, ...]) -> Weights:
    pairs = [name.partition(":") for name in names]
    return tuple((name, float(weight or 1)) for name, _, weight in pairs)
