"""The offline grammar as loaded from its folder (format: prompts/grammar/README.md), checked before use."""

import hashlib
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

from schemas.errors import GrammarError
from schemas.script import Language
from stages.backends.grammar_checks import check_topic
from stages.backends.grammar_records import Entry, Grammar, Intent, Mood, Scene, Topic, Weights
from stages.backends.grammar_template import ANY, Rule, Template, parse_template


def grammar_folder(grammar: str | None) -> Path:
    """The given folder, or the bundled one. Raises GrammarError if it is not there."""
    folder = Path(grammar) if grammar else Path(str(resources.files("prompts"))) / "grammar"
    if not (folder / "moods.toml").is_file():
        raise GrammarError(f"{folder} is not a grammar folder: it has no moods.toml (see prompts/grammar/README.md).")
    return folder


def grammar_digest(grammar: str | None = None) -> str:
    """SHA-256 over names and bytes of all data files of the folder."""
    digest = hashlib.sha256()
    folder = grammar_folder(grammar)
    for path in sorted(folder.rglob("*.toml")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def scenes(language: Language, grammar: str | None = None) -> list[str]:
    """Ids of all scenes of a language, sorted: values for `DialoguePlan.scene`."""
    topics = load_grammar(language, grammar).topics
    return sorted(f"{topic.name}/{scene}" for topic in topics.values() for scene in topic.scenes)


@lru_cache(maxsize=8)
def load_grammar(language: Language, grammar: str | None = None) -> Grammar:
    """Read and check the grammar of one language. Raises GrammarError that names file and key."""
    folder = grammar_folder(grammar)
    files = sorted((folder / language / "topics").glob("*.toml"))
    if not files:
        raise GrammarError(f"{folder / language / 'topics'} holds no topic for language '{language}'.")
    moods = {name: _mood(entry) for name, entry in _read(folder / "moods.toml").items()}
    common = _Reader(folder / language / "common.toml", moods)
    topics = {}
    for path in files:
        reader = _Reader(path, moods)
        topics[path.stem] = reader.topic(common)
        check_topic(path, topics[path.stem])
    return Grammar(language, moods, topics, _read(folder / language / "people.toml"))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GrammarError(f"{path} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise GrammarError(f"{path} is not TOML: {error}.") from error


def _mood(entry: Mapping[str, Any]) -> Mood:
    return Mood(entry["emotion"], tuple(entry["intensity"]), tuple(entry["style"]), tuple(entry["pace"]))


class _Reader:
    """Turns one TOML file into records; every error names the file and the key."""

    def __init__(self, path: Path, moods: Mapping[str, Mood]) -> None:
        self.path = path
        self.moods = moods
        self.data = _read(path)
        self._only("(top level)", self.data, {"scenes", "slots", "lexicon", "rules", "intents"})

    def topic(self, common: "_Reader") -> Topic:
        return Topic(
            name=self.path.stem,
            scenes={name: self._scene(name, entry) for name, entry in self.data.get("scenes", {}).items()},
            slots=common.data.get("slots", {}) | self.data.get("slots", {}),
            lexicon=common.lexicon() | self.lexicon(),
            rules=common.rules() | self.rules(),
            intents=common.intents() | self.intents(),
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
        self._only(f"scenes.{name}", body, {"setting", "start", "where"})
        where = {
            slot: {attribute: _values(values) for attribute, values in conditions.items()}
            for slot, conditions in body.get("where", {}).items()
        }
        return Scene(name, body["setting"], _weights(body["start"]), where)

    def _intent(self, name: str, body: Mapping[str, Any]) -> Intent:
        key = f"intents.{name}"
        self._only(key, body, {"role", "needs", "gives", "may", "when", "next", "ends", "cuts_in", "says"})
        says: dict[str, tuple[Template, ...]] = {}
        for moods, sources in body["says"].items():
            templates = tuple(self._template(f"{key}.says.{moods}", source) for source in sources)
            for mood in moods.split("|"):
                if mood not in self.moods:
                    self._fail(f"{key}.says", f"there is no mood '{mood}' in moods.toml")
                says[mood] = says.get(mood, ()) + templates
        when = {tuple(slot.partition(".")[::2]): _values(values) for slot, values in body.get("when", {}).items()}
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
        )

    def _template(self, key: str, source: str) -> Template:
        try:
            return parse_template(source)
        except ValueError as error:
            self._fail(key, f"{error} in '{source}'")

    def _only(self, key: str, body: Mapping[str, Any], known: set[str]) -> None:
        if unknown := sorted(set(body) - known):
            self._fail(key, f"unknown key '{unknown[0]}'; use one of: {', '.join(sorted(known))}")

    def _fail(self, key: str, problem: str) -> NoReturn:
        raise GrammarError(f"{self.path}: {key}: {problem}.")


def _entry(entry: str | Mapping[str, Any]) -> Entry:
    if isinstance(entry, str):
        return {"text": (entry,)}
    return {name: tuple(value) if isinstance(value, list) else (value,) for name, value in entry.items()}


def _values(values: str | list[str]) -> frozenset[str]:
    return frozenset([values] if isinstance(values, str) else values)


def _weights(names: list[str] | tuple[str, ...]) -> Weights:
    pairs = [name.partition(":") for name in names]
    return tuple((name, float(weight or 1)) for name, _, weight in pairs)
