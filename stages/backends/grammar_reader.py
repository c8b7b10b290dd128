"""Reads the files of the offline grammar into records; every error names the file and the key."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from schemas.errors import GrammarError
from stages.backends import grammar_shapes as shapes
from stages.backends.grammar_records import Entry, Intent, Mood, Scene, Topic, Weights
from stages.backends.grammar_shapes import Shape, Shapes, check_table, fail
from stages.backends.grammar_template import ANY, Rule, Template, parse_template

_FILE: Shapes = dict.fromkeys(("scenes", "slots", "lexicon", "rules", "intents"), shapes.TABLE)
_SCENE: Shapes = {"setting": shapes.TEXT, "start": shapes.START}
_SCENE_MORE: Shapes = {"where": shapes.CONDITIONS, "cast": shapes.CASES}
_INTENT: Shapes = {"role": shapes.ROLE, "says": shapes.SOME}
_INTENT_MORE: Shapes = {
    "needs": shapes.LIST,
    "gives": shapes.LIST,
    "may": shapes.LIST,
    "when": shapes.CASES,
    "next": shapes.WEIGHTED,
    "ends": shapes.FLAG,
    "cuts_in": shapes.CHANCE,
    "does": shapes.LIST,
    "thinks": shapes.LIST,
    "sings": shapes.LIST,
}


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GrammarError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise GrammarError(f"{path} is not TOML: {error}.") from error


def mood_of(entry: Mapping[str, Any]) -> Mood:
    return Mood(entry["emotion"], tuple(entry["intensity"]), tuple(entry["style"]), tuple(entry["pace"]))


class TopicReader:
    """Turns one TOML file into records."""

    needed: ClassVar[Shapes] = {}
    """Keys that such a file has besides a topic's."""

    def __init__(self, path: Path, moods: Mapping[str, Mood]) -> None:
        self.path = path
        self.moods = moods
        self.data = read_toml(path)
        check_table(path, "", self.data, self.needed, _FILE)

    def topic(self, common: "TopicReader", lengths: Weights, assistant: tuple[Entry, ...]) -> Topic:
        return Topic(
            name=self.path.stem,
            scenes={name: self._scene(name, entry) for name, entry in self.data.get("scenes", {}).items()},
            slots=common.slots() | self.slots(),
            lexicon=common.lexicon() | self.lexicon(),
            rules=common.rules() | self.rules(),
            intents=common.intents() | self.intents(),
            lengths=lengths,
            assistant=assistant,
            moods=frozenset(self.moods),
        )

    def slots(self) -> dict[str, str]:
        return self._table("slots", shapes.TEXT)

    def lexicon(self) -> dict[str, tuple[Entry, ...]]:
        table = self._table("lexicon", shapes.LEXICON)
        return {name: tuple(_entry(entry) for entry in entries) for name, entries in table.items()}

    def rules(self) -> dict[str, Rule]:
        rules: dict[str, Rule] = {}
        for name, body in self._table("rules", shapes.RULE).items():
            variants = body if isinstance(body, dict) else {ANY: body}
            rules[name] = {
                variant: tuple(self._template(f"rules.{name}.{key}", source) for source in sources)
                for key, sources in variants.items()
                for variant in key.split("|")
            }
        return rules

    def intents(self) -> dict[str, Intent]:
        return {name: self._intent(name, body) for name, body in self._table("intents", shapes.TABLE).items()}

    def _table(self, name: str, shape: Shape) -> dict[str, Any]:
        table: dict[str, Any] = self.data.get(name, {})
        check_table(self.path, name, table, {}, dict.fromkeys(table, shape))
        return table

    def _scene(self, name: str, body: Mapping[str, Any]) -> Scene:
        check_table(self.path, f"scenes.{name}", body, _SCENE, _SCENE_MORE)
        where = {
            slot: {attribute: values_of(values) for attribute, values in conditions.items()}
            for slot, conditions in body.get("where", {}).items()
        }
        cast = {attribute: values_of(values) for attribute, values in body.get("cast", {}).items()}
        return Scene(name, body["setting"], _weights(body["start"]), where, cast)

    def _intent(self, name: str, body: Mapping[str, Any]) -> Intent:
        key = f"intents.{name}"
        check_table(self.path, key, body, _INTENT, _INTENT_MORE)
        check_table(self.path, f"{key}.says", body["says"], {}, dict.fromkeys(body["says"], shapes.FILLED))
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
            sings=tuple(body["sings"]) if "sings" in body else None,
        )

    def _template(self, key: str, source: str) -> Template:
        try:
            return parse_template(source)
        except ValueError as error:
            self.fail(key, f"{error} in '{source}'")

    def fail(self, key: str, problem: str) -> NoReturn:
        fail(self.path, key, problem)


def _entry(entry: str | Mapping[str, Any]) -> Entry:
    if isinstance(entry, str):
        return {"text": (entry,)}
    return {name: tuple(value) if isinstance(value, list) else (value,) for name, value in entry.items()}


def values_of(values: str | list[str]) -> frozenset[str]:
    return frozenset([values] if isinstance(values, str) else values)


def _weights(names: list[str] | tuple[str, ...]) -> Weights:
    pairs = [name.partition(":") for name in names]
    return tuple((name, float(weight or 1)) for name, _, weight in pairs)
