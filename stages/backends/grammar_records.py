"""Records of the offline grammar: topics, worlds, scenes, intents, moods (format: prompts/grammar/README.md)."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.errors import GrammarError
from schemas.script import Age, Emotion, Gender, Language, Pace, Role, Style
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
    """Where a dialogue takes place: which intents open it, and which entries may fill its slots.

    `cast` says which characters of a world may be in it: attribute of the assistant -> values.
    """

    name: str
    setting: str
    start: Weights
    where: Mapping[str, Mapping[str, frozenset[str]]]
    cast: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Intent:
    """One speech act: who says it, what must be known, what it introduces, what may answer it.

    `does` and `thinks` are what a character may do and think while saying it. An intent with `sings` is followed by a
    song, sung as the entries of these slots say; None where nothing is sung.
    """

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
    does: tuple[Template, ...]
    thinks: tuple[Template, ...]
    sings: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Topic:
    """A topic with the common rules, lexicons, slots and intents already merged in.

    `lengths` weighs the numbers of turns; `assistant` has an entry for every sort of character who may take that role;
    `moods` are the names of all moods.
    """

    name: str
    scenes: Mapping[str, Scene]
    slots: Mapping[str, str]
    lexicon: Mapping[str, tuple[Entry, ...]]
    rules: Mapping[str, Rule]
    intents: Mapping[str, Intent]
    lengths: Weights
    assistant: tuple[Entry, ...]
    moods: frozenset[str]


@dataclass(frozen=True)
class Trait:
    """A word for a character, and whom it fits. `poles` ("+warmth", "-energy") keep contradictions apart: no character
    has both poles of an axis."""

    text: str
    poles: frozenset[str]
    ages: frozenset[Age]
    genders: frozenset[Gender]
    worlds: frozenset[str]


@dataclass(frozen=True)
class Relation:
    """What a character is to the user, in a sentence, and what they call each other."""

    name: str
    text: tuple[str, ...]
    you: Mapping[str, tuple[str, ...]]  # by the user's age, gender, or both ("elderly female")
    title: Mapping[str, tuple[str, ...]]  # by the character's gender or age


@dataclass(frozen=True)
class Part:
    """A sort of character of a world: who may play it, and what such characters say of themselves."""

    name: str
    identities: tuple[str, ...]
    ages: tuple[Age, ...]
    genders: tuple[Gender, ...]
    species: str
    names: Mapping[str, tuple[str, ...]]
    backgrounds: tuple[str, ...]
    me: Mapping[str, tuple[str, ...]]  # by gender or age
    relations: tuple[str, ...]
    poles: frozenset[str]


@dataclass(frozen=True)
class World:
    """Where characters of role-play live: its scenes and words (a topic), and who lives there."""

    topic: Topic
    title: str
    origins: tuple[str, ...]
    parts: Mapping[str, Part]
    relations: Mapping[str, Relation]


@dataclass(frozen=True)
class Grammar:
    """Everything one language's dialogues of one kind are made of. Role-play has worlds, whose topics these are, and
    `traits`, lists of words for their characters. Singing has one topic."""

    language: Language
    moods: Mapping[str, Mood]
    topics: Mapping[str, Topic]
    worlds: Mapping[str, World]
    traits: Mapping[str, tuple[Trait, ...]]

    def scene(self, scene: str) -> tuple[Topic, Scene]:
        """The topic and scene of an id like "cooking/weeknight". Raises GrammarError for an unknown one."""
        topic_name, _, name = scene.partition("/")
        topic = self.topics.get(topic_name)
        if topic is None or name not in topic.scenes:
            raise GrammarError(f"The grammar has no scene '{scene}' for language '{self.language}'.")
        return topic, topic.scenes[name]
