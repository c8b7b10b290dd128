"""The offline grammar as loaded from its folder (format: prompts/grammar/README.md), checked before use."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from schemas.errors import GrammarError
from schemas.script import Kind, Language
from stages.backends.grammar_checks import check_topic
from stages.backends.grammar_reader import TopicReader, mood_of, read_toml
from stages.backends.grammar_records import Grammar, Mood, Topic, Weights
from stages.backends.grammar_singing import TOPIC, read_singing
from stages.backends.grammar_worlds import read_traits, read_worlds

LENGTHS: Weights = (("2", 0.06), ("4", 0.32), ("6", 0.36), ("8", 0.26))
"""How many turns a conversation has, back-channels apart."""


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
    """Ids of all scenes of a language's conversations, sorted: values for `DialoguePlan.scene`."""
    topics = load_grammar(language, grammar, "conversation").topics
    return sorted(f"{topic.name}/{scene}" for topic in topics.values() for scene in topic.scenes)


@lru_cache(maxsize=8)
def load_people(language: Language, grammar: str | None = None) -> Mapping[str, Any]:
    """What users and assistants of conversations are made of. Raises GrammarError that names the file."""
    return read_toml(grammar_folder(grammar) / language / "people.toml")


@lru_cache(maxsize=8)
def load_grammar(language: Language, grammar: str | None = None, kind: Kind = "conversation") -> Grammar:
    """Read and check the grammar of one language and kind. Raises GrammarError that names file and key."""
    folder = grammar_folder(grammar)
    moods = {name: mood_of(entry) for name, entry in read_toml(folder / "moods.toml").items()}
    if kind == "roleplay":
        worlds = read_worlds(folder / language, moods)
        topics = {name: world.topic for name, world in worlds.items()}
        return Grammar(language, moods, topics, worlds, read_traits(folder / language, worlds))
    if kind == "singing":
        return Grammar(language, moods, {TOPIC: read_singing(folder / language, language, moods)}, {}, {})
    return Grammar(language, moods, _topics(folder / language, moods), {}, {})


def _topics(folder: Path, moods: Mapping[str, Mood]) -> dict[str, Topic]:
    paths = sorted((folder / "topics").glob("*.toml"))
    if not paths:
        raise GrammarError(f"{folder / 'topics'} holds no topic for language '{folder.name}'.")
    common = TopicReader(folder / "common.toml", moods)
    topics = {path.stem: TopicReader(path, moods).topic(common, LENGTHS, ()) for path in paths}
    for path in paths:
        check_topic(path, topics[path.stem])
    return topics
