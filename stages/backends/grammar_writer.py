"""The offline script writer: dialogues from the generative grammar in prompts/grammar."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from schemas.script import DialoguePlan, Language, Overlap, Role, Script, Turn
from schemas.seeds import derive_seed, generator
from stages.backends.grammar_cast import role_of
from stages.backends.grammar_checks import SONG
from stages.backends.grammar_data import grammar_digest, grammar_folder, load_grammar
from stages.backends.grammar_records import Grammar, Intent, Topic
from stages.backends.grammar_singing import SING_AT_ONCE_SHARE, Way, asked_way, draw_scene, song_facts, sung_turn
from stages.backends.grammar_template import ANY, Choice, Slot, Template, Text
from stages.backends.grammar_walk import Facts, draw, draw_facts, draw_walk
from stages.backends.protocols import Written
from stages.backends.repertoire import repertoire_digest

VERSION = 1
"""Raise it when this code writes other dialogues from the same data."""

BACKCHANNEL_SHARE = 0.08
BACKCHANNEL_MIN_UNITS = {"en": 12, "zh": 18}
"""A back-channel comes under this share of the turns that have at least so many words or characters."""

SAME_FEELING = 3.0
"""How much likelier a speaker stays in the emotion of their last turn than moves to another that fits the words."""

ACTION_SHARE, THOUGHT_SHARE = 0.4, 0.25
"""Share of a character's turns with something done, or thought, where the grammar has words for it."""

Piece = tuple[str, str]
"""Text and the slot it comes from ("" for none)."""


@dataclass
class _Dialogue:
    """What is known while one dialogue is being written."""

    random: np.random.Generator
    topic: Topic
    facts: Facts
    known: set[str] = field(default_factory=lambda: {"user", "assistant", SONG})
    used: set[int] = field(default_factory=set)  # identities of templates
    feeling: dict[Role, str] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)  # slots of the turn that is being worded


class GrammarWriter:
    """ScriptWriter over a grammar folder (None: the bundled one). A script depends on its plan alone."""

    name = "grammar"

    def __init__(self, grammar: str | None = None) -> None:
        self._folder = grammar

    @property
    def fingerprint(self) -> str:
        return f"{self.name}-{VERSION}-{grammar_digest(self._folder)}-{repertoire_digest()}"

    def open(self) -> None:
        """Raises GrammarError for a folder that holds no grammar."""
        grammar_folder(self._folder)

    def close(self) -> None: ...

    def write(self, plans: Sequence[DialoguePlan]) -> list[Written | Exception]:
        """One script a plan, in order. Raises GrammarError for a scene the grammar does not have."""
        return [Written(write_script(plan, self._folder)) for plan in plans]


def write_script(plan: DialoguePlan, folder: str | None = None) -> Script:
    """The script of a plan by the grammar of a folder (None: the bundled one): facts are drawn, a walk through the
    intents is planned, then every turn is worded."""
    grammar = load_grammar(plan.language, folder, plan.kind)
    seed = derive_seed(plan.seed, plan.scene, plan.user.character_id, plan.assistant.character_id)
    random = generator("grammar", seed)
    topic, scene = draw_scene(grammar, plan, random) if plan.kind == "singing" else grammar.scene(plan.scene)
    facts = draw_facts(random, topic, scene)
    assistant = {"text": plan.assistant.name}
    if topic.assistant:
        assistant = role_of(plan.assistant, folder).facts(plan.user)
    facts |= {"user": {"text": plan.user.name}, "assistant": assistant}
    if plan.kind == "singing":
        facts[SONG] = song_facts(plan)
    dialogue = _Dialogue(random, topic, facts)
    walk = draw_walk(random, topic, scene, facts)
    turns = _with_songs(plan, grammar, dialogue, walk) if plan.kind == "singing" else _spoken(grammar, dialogue, walk)
    label = facts[SONG]["text"] if plan.kind == "singing" else topic.name
    return Script(plan=plan, topic=label, setting=scene.setting, turns=tuple(turns), writer=GrammarWriter.name)


def _spoken(grammar: Grammar, dialogue: _Dialogue, walk: Sequence[Intent]) -> list[Turn]:
    random = dialogue.random
    turns: list[Turn] = []
    for position, intent in enumerate(walk):
        turn, mood = _word_turn(grammar, dialogue, intent, may_interrupt=position > 0)
        turns.append(turn.model_copy(update=_beside(grammar, dialogue, intent, mood)))
        last = position == len(walk) - 1
        if not last and _is_long(turn, grammar.language) and random.random() < BACKCHANNEL_SHARE:
            turns.append(_murmur(grammar, dialogue, turn, mood))
    return turns


def _with_songs(plan: DialoguePlan, grammar: Grammar, dialogue: _Dialogue, walk: Sequence[Intent]) -> list[Turn]:
    """The turns, and the songs where they are sung; at times the assistant sings without a word before."""
    turns: list[Turn] = []
    way = Way()
    for intent in walk:
        turn, _ = _word_turn(grammar, dialogue, intent, may_interrupt=False)
        at_once = intent.sings is not None and len(walk) > 2 and dialogue.random.random() < SING_AT_ONCE_SHARE
        if not at_once:
            turns.append(turn)
        if intent.sings is not None:
            way = asked_way(way, intent.sings, dialogue.facts)
            turns.append(sung_turn(plan, way, len(turns)))
    return turns


def _word_turn(grammar: Grammar, dialogue: _Dialogue, intent: Intent, may_interrupt: bool) -> tuple[Turn, str]:
    """The turn, and the mood that its words were chosen for."""
    random, feeling = dialogue.random, dialogue.feeling.get(intent.role)
    weights = tuple((m, SAME_FEELING if grammar.moods[m].emotion == feeling else 1.0) for m in intent.says)
    mood = draw(random, weights)
    dialogue.said.clear()
    sayable = frozenset(dialogue.known | intent.gives | intent.may)
    pieces = _expand_one(dialogue, intent.says[mood], mood, sayable)
    if pieces is None:
        raise AssertionError(f"intent '{intent.name}' cannot be said, which the checks at loading rule out")
    dialogue.known |= {slot.partition(".")[0] for _, slot in pieces if slot}
    overlap: Overlap = "none"
    if may_interrupt and intent.cuts_in and random.random() < intent.cuts_in:
        overlap = "interrupts"
        pieces = [*(_expand_rule(dialogue, "cut_in", mood, sayable) or []), (" ", ""), *pieces]
    turn = _perform(grammar, dialogue, intent.role, mood, pieces, intent.name, overlap)
    dialogue.feeling[intent.role] = turn.emotion
    return turn, mood


def _beside(grammar: Grammar, dialogue: _Dialogue, intent: Intent, mood: str) -> dict[str, str]:
    """What the character does and thinks while it speaks: at times something, mostly nothing."""
    beside: dict[str, str] = {}
    for name, options, share in (("action", intent.does, ACTION_SHARE), ("thought", intent.thinks, THOUGHT_SHARE)):
        if options and dialogue.random.random() < share:
            pieces = _expand_one(dialogue, options, mood, frozenset(dialogue.known)) or []
            beside[name] = _tidy("".join(text for text, _ in pieces), grammar.language, sentences=False)
    return beside


def _murmur(grammar: Grammar, dialogue: _Dialogue, turn: Turn, mood: str) -> Turn:
    """What the listener says under the turn; in its mood where the grammar has words for that, else calmly."""
    listener: Role = "assistant" if turn.role == "user" else "user"
    mirrored = mood if mood in dialogue.topic.rules["backchannel"] else "calm"
    pieces = _expand_rule(dialogue, "backchannel", mirrored, frozenset()) or []
    murmur = _perform(grammar, dialogue, listener, mirrored, pieces, "backchannel", "backchannel")
    return murmur.model_copy(update={"intensity": 1, "style": "plain"})


def _perform(
    grammar: Grammar,
    dialogue: _Dialogue,
    role: Role,
    mood_name: str,
    pieces: list[Piece],
    intent: str,
    overlap: Overlap,
) -> Turn:
    mood, random = grammar.moods[mood_name], dialogue.random
    return Turn(
        role=role,
        text=_tidy("".join(text for text, _ in pieces), grammar.language),
        intent=intent,
        emotion=mood.emotion,
        intensity=mood.intensity[int(random.random() * len(mood.intensity))],
        style=mood.style[int(random.random() * len(mood.style))],
        pace=mood.pace[int(random.random() * len(mood.pace))],
        pause_before_s=round(0.15 + 0.65 * random.random() ** 2, 2) if overlap == "none" else 0.0,
        overlap=overlap,
        slots={slot: text for text, slot in pieces if slot},
    )


def _expand(dialogue: _Dialogue, template: Template, mood: str, sayable: frozenset[str]) -> list[Piece] | None:
    """The template's words, or None if it mentions a slot that may not be said yet."""
    pieces: list[Piece] = []
    for node in template:
        if isinstance(node, Text):
            pieces.append((node.value, ""))
            continue
        if isinstance(node, Slot):
            if node.name not in sayable:
                return None
            pieces.append((dialogue.facts[node.name][node.attribute], node.key))
            dialogue.said.add(node.key)
            continue
        if isinstance(node, Choice):
            found = _expand_one(dialogue, node.options, mood, sayable)
        else:
            variant = dialogue.facts[node.key.name][node.key.attribute] if node.key else mood
            found = _expand_rule(dialogue, node.rule, variant, sayable, mood)
        if found is None:
            return None
        pieces.extend(found)
    return pieces


def _expand_rule(
    dialogue: _Dialogue, rule: str, variant: str, sayable: frozenset[str], mood: str | None = None
) -> list[Piece] | None:
    alternatives = dialogue.topic.rules[rule]
    return _expand_one(dialogue, alternatives.get(variant) or alternatives[ANY], mood or variant, sayable)


def _expand_one(
    dialogue: _Dialogue, options: Sequence[Template], mood: str, sayable: frozenset[str]
) -> list[Piece] | None:
    """One of the options, evenly drawn.

    Those already used in this dialogue, or that repeat a slot within the turn, come only if nothing else can be said.
    """
    fresh: list[Template] = []
    stale: list[Template] = []
    for option in options:
        (stale if _is_stale(dialogue, option) else fresh).append(option)
    for pool in (fresh, stale):
        while pool:
            option = pool.pop(int(dialogue.random.random() * len(pool)))
            pieces = _expand(dialogue, option, mood, sayable)
            if pieces is not None:
                if len(option) > 0 and len(options) > 2:
                    dialogue.used.add(id(option))
                return pieces
    return None


def _is_stale(dialogue: _Dialogue, option: Template) -> bool:
    if id(option) in dialogue.used:
        return True
    return any(isinstance(node, Slot) and node.key in dialogue.said for node in option)


def _is_long(turn: Turn, language: Language) -> bool:
    units = len(turn.text) if language == "zh" else len(turn.text.split())
    return units >= BACKCHANNEL_MIN_UNITS[language]


def _tidy(text: str, language: Language, sentences: bool = True) -> str:
    """Collapse spaces and doubled commas that left-out parts leave behind; capitalize English `sentences`."""
    if language == "zh":
        return re.sub(r"[，、]+(?=[，。？！；])", "", re.sub(r"\s+", "", text)).lstrip("，、")
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r" (?=[,.?!;])", "", text)
    text = re.sub(r",+(?=[,.?!;])", "", text)
    if not sentences:
        return text
    return re.sub(r"((?:^|[.?!] )(?:\[\w+\] )*)([a-z])", lambda match: match[1] + match[2].upper(), text)
