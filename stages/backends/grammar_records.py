"""Records of the offline grammar: topics, scenes, intents, moods (format: prompts/grammar/README.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import GrammarError
from schemas.script import Emotion, Language, Pace, Role, Style
from stages.backends.grammar_template import Rule, Template

Entry = Mapping[str, tuple[str, ...]]
"""One entry of a lexicon: attribute -> the values it may take; `text` is how it is written."""

Weights = tuple[tuple[str, float], ...]
"""Names with weights."""


@dataclass(frozen=True)
class Mood:
    """How a mood is performed: the values are drawn from evenly."""

    emotion: Emotion
    intensity: tuple[int, ...]
    style: tuple[Style, ...]
    pace: tuple[Pace, ...]


@dataclass(frozen=True)
class Scene:
    """Where a dialogue takes place: which intents open it, and which entries may fill its slots."""

    name: str
    setting: str
    start: Weights
    where: Mapping[str, Mapping[str, frozenset[str]]]


@dataclass(frozen=True)
class Intent:
    """One speech act: who says it, what must be known, what it introduces, what may answer it."""

    name: str
    role: Role
    needs: frozenset[str]
    gives: frozenset[str]
    may: frozenset[str]
    when: Mapping[tuple[str, str], frozenset[str]]
    next: Weights
    ends: bool
    cuts_in: float
    says: Mapping[str, tuple[Template, ...]]


@dataclass(frozen=True)
class Topic:
    """A topic with the common rules, lexicons, slots and intents already merged in."""

    name: str
    scenes: Mapping[str, Scene]
    slots: Mapping[str, str]
    lexicon: Mapping[str, tuple[Entry, ...]]
    rules: Mapping[str, Rule]
    intents: Mapping[str, Intent]


@dataclass(frozen=True)
class Grammar:
    """Everything one language's dialogues are made of."""

    language: Language
    moods: Mapping[str, Mood]
    topics: Mapping[str, Topic]
    people: Mapping[str, Any]

    def scene(self, scene: str) -> tuple[Topic, Scene]:
        """The topic and scene of an id like "cooking/weeknight". Raises GrammarError for an unknown one."""
        topic_name, _, name = scene.partition("/")
        topic = self.topics.get(topic_name)
        if topic is None or name not in topic.scenes:
            raise GrammarError(f"The grammar has no scene '{scene}' for language '{self.language}'.")
        return topic, topic.scenes[name]
