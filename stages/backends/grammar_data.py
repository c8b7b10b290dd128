"""The offline grammar as loaded from its folder (format: prompts/grammar/README.md), checked before use."""

import hashlib
from functools import lru_cache
from importlib import resources
from pathlib import Path

from schemas.errors import GrammarError
from schemas.script import Language
from stages.backends.grammar_checks import check_topic
from stages.backends.grammar_reader import TopicReader, mood_of, read_toml
from stages.backends.grammar_records import Grammar, Weights
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
    topics = load_grammar(language, grammar).topics
    return sorted(f"{topic.name}/{scene}" for topic in topics.values() for scene in topic.scenes)


@lru_cache(maxsize=8)
def load_grammar(language: Language, grammar: str | None = None) -> Grammar:
    """Read and check the grammar of one language. Raises GrammarError that names file and key."""
    folder = grammar_folder(grammar)
    files = sorted((folder / language / "topics").glob("*.toml"))
    if not files:
        raise GrammarError(f"{folder / language / 'topics'} holds no topic for language '{language}'.")
    moods = {name: mood_of(entry) for name, entry in read_toml(folder / "moods.toml").items()}
    common = TopicReader(folder / language / "common.toml", moods)
    topics = {}
    for path in files:
        reader = TopicReader(path, moods)
        topics[path.stem] = reader.topic(common, LENGTHS, ())
        check_topic(path, topics[path.stem])
    people = read_toml(folder / language / "people.toml")
    worlds = read_worlds(folder / language, moods)
    return Grammar(language, moods, topics, people, worlds, read_traits(folder / language, worlds))
