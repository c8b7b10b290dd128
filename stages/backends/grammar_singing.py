"""Singing in the offline grammar: its one topic, `singing.toml`, and how what is asked for becomes a song."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import GrammarError
from schemas.score import lyric
from schemas.script import DialoguePlan, Emotion, Language, Turn
from schemas.seeds import generator
from stages.backends.grammar_checks import SONG, check_topic
from stages.backends.grammar_reader import TopicReader
from stages.backends.grammar_records import Entry, Grammar, Mood, Scene, Topic, Weights
from stages.backends.grammar_shapes import fail
from stages.backends.grammar_walk import Facts
from stages.backends.lyric_grammar import load_lyrics
from stages.backends.repertoire import song_of, theme_of
from stages.backends.song_variants import at_tempo, for_singer, hummed, in_mood, transposed

TOPIC = "singing"
LENGTHS: Weights = (("2", 0.12), ("4", 0.48), ("6", 0.4))
"""How many turns a dialogue has besides its songs."""

SING_AT_ONCE_SHARE = 0.2
"""Share of songs, those of dialogues of two turns apart, that begin without a word before them."""

_REMARK = re.compile(r"\s*[(（].*?[)）]")
"""What a title says in brackets, as "(refrain)", nobody says aloud."""


class Way(BaseModel):
    """How a song is sung. `shift` is in semitones from the key that lies well for the singer, `tempo` a factor."""

    model_config = ConfigDict(frozen=True)

    emotion: Emotion = "neutral"
    intensity: int = Field(default=1, ge=1, le=3)
    hum: bool = False
    shift: int = Field(default=0, ge=-5, le=5)
    tempo: float = Field(default=1.0, ge=0.7, le=1.2)
    verse: int = Field(default=0, ge=0, le=9)

    def changed(self, asked: Mapping[str, str]) -> "Way":
        """The way after an entry has been asked for: what it does not name stays, its other attributes are left aside.

        Raises ValueError (ValidationError) for a value that cannot be sung.
        """
        return Way.model_validate(self.model_dump() | dict(asked))


def read_singing(folder: Path, language: Language, moods: Mapping[str, Mood]) -> Topic:
    """The topic of a language's folder. Raises GrammarError, also where there is none."""
    path = folder / f"{TOPIC}.toml"
    if not path.is_file():
        raise GrammarError(f"{path} is not there, and singing needs it for '{language}'.")
    plain = {name: mood for name, mood in moods.items() if set(mood.style) == {"plain"}}
    topic = TopicReader(path, plain).topic(TopicReader(folder / "common.toml", moods), LENGTHS, ())
    themes = load_lyrics(language).themes
    song: Entry = {"text": ("",), "theme": (*themes, ""), "origin": ("book", "made")}
    topic = replace(
        topic,
        slots={**topic.slots, SONG: "songs"},
        lexicon={**topic.lexicon, "songs": (song,)},
        moods=frozenset(moods),
    )
    check_topic(path, topic)
    _check_ways(path, topic)
    return topic


def _check_ways(path: Path, topic: Topic) -> None:
    """Nobody is interrupted, and whatever may be asked for can be sung."""
    for intent in topic.intents.values():
        if intent.cuts_in:
            fail(path, f"intents.{intent.name}.cuts_in", "nobody is interrupted in singing")
    sung = {topic.slots[slot] for intent in topic.intents.values() for slot in intent.sings or ()}
    for lexicon in sorted(sung):
        for entry in topic.lexicon[lexicon]:
            for name, values in entry.items():
                for value in values:
                    _check_way(path, lexicon, name, value)


def _check_way(path: Path, lexicon: str, name: str, value: str) -> None:
    try:
        Way().changed({name: value})
    except ValidationError as error:
        fail(path, f"lexicon.{lexicon}.{name}", f"'{value}': {error.errors()[0]['msg']}")


def draw_scene(grammar: Grammar, plan: DialoguePlan, random: np.random.Generator) -> tuple[Topic, Scene]:
    """A scene that the song of a plan suits, to ask for it in. Raises GrammarError where there is none."""
    topic, song = grammar.topics[TOPIC], song_facts(plan)
    scenes = [topic.scenes[name] for name in sorted(topic.scenes)]
    fits = [scene for scene in scenes if all(song[name] in some for name, some in scene.where.get(SONG, {}).items())]
    if not fits:
        raise GrammarError(
            f"no scene of {TOPIC}.toml ('{plan.language}') suits song '{plan.scene}' of theme '{song['theme']}': "
            f"name the theme in the 'where' of a scene."
        )
    return topic, fits[int(random.random() * len(fits))]


def song_facts(plan: DialoguePlan) -> dict[str, str]:
    """Attribute -> value of the slot `song`."""
    theme = theme_of(plan.scene, plan.language)
    title = _REMARK.sub("", song_of(plan.scene, plan.language).title)
    text = f"《{title}》" if plan.language == "zh" else title
    return {"text": text, "theme": theme, "origin": "made" if theme else "book"}


def asked_way(way: Way, slots: Sequence[str], facts: Facts) -> Way:
    """The way in which to sing when these slots have been asked for."""
    for slot in slots:
        way = way.changed(facts[slot])
    return way


def sung_turn(plan: DialoguePlan, way: Way, number: int) -> Turn:
    """The song of a plan as its assistant sings it for the `number`th time; the key is the same each time,
    and so is the tempo, but for what is asked."""
    song = song_of(plan.scene, plan.language, way.verse)
    song = for_singer(song, plan.assistant, generator("song key", plan.seed))
    song = in_mood(song, way.emotion, way.intensity, generator("song mood", plan.seed))
    song = at_tempo(song, song.score.tempo_bpm * way.tempo)
    song = song.model_copy(update={"score": transposed(song.score, way.shift)})
    if way.hum:
        song = hummed(song, plan.language)
    return Turn(
        role="assistant",
        text=lyric(song.score),
        intent="sing",
        emotion=way.emotion,
        intensity=way.intensity,
        pause_before_s=round(0.3 + 0.7 * generator("song pause", plan.seed, number).random(), 2),
        song=song,
    )
