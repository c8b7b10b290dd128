"""A song as somebody sings it: other words, another key, another tempo, or hummed. The melody stays what it is."""

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import ValidationError

from schemas.score import TONICS, Note, Score, Song
from schemas.script import Age, Character, Emotion, Gender, Language

HUMMED: Mapping[Language, str] = {"en": "mm", "zh": "嗯"}
VOICES: Mapping[tuple[Age, Gender], tuple[int, int]] = {
    ("child", "female"): (58, 77),
    ("child", "male"): (58, 77),
    ("youth", "female"): (57, 77),
    ("youth", "male"): (47, 67),
    ("middle-aged", "female"): (55, 75),
    ("middle-aged", "male"): (45, 65),
    ("elderly", "female"): (53, 73),
    ("elderly", "male"): (43, 63),
}
"""Lowest and highest MIDI pitch. Grown-ups: mezzo-soprano A3-F5, contralto F3-D5 (cut at C#5), tenor B2-G4 and baritone
G2-E4 (cut at D#4), and between those the middle-aged (The New Harvard Dictionary of Music, 1986, "Voice"; voices sink
with age, Linville, Vocal Aging, 2001). Children: Bb3-F5 (Phillips, Teaching Kids to Sing, 1992)."""
KEYS = 5
"""How many keys a song may be sung in by one voice: those that put it nearest the middle of the voice."""

TEMPO: Mapping[Emotion, float] = {
    "neutral": 0.0,
    "happy": 0.05,
    "excited": 0.08,
    "sad": -0.07,
    "angry": 0.05,
    "fearful": 0.03,
    "surprised": 0.03,
    "contemptuous": -0.02,
    "tender": -0.05,
    "tired": -0.07,
}
"""Change of tempo for each step of intensity; the signs are those of Juslin & Laukka (2003), table 7: anger, fear and
happiness fast, sadness and tenderness slow."""
TEMPO_SPREAD = 0.03
SHORTEST_NOTE_S = 0.1
"""Sixteenths at 150 bpm; a syllable cannot be sung in less."""


def with_syllables(score: Score, syllables: Sequence[str]) -> Score:
    """The melody with other words: one syllable for each note that is not slurred, in order.

    Raises ValueError for another number of syllables, or for what is no syllable.
    """
    places = sum(not note.slur for note in score.notes)
    if len(syllables) != places:
        raise ValueError(f"{len(syllables)} syllables for a melody with {places} notes to put one on: give one each")
    rest = iter(syllables)
    return _changed(score, [{} if note.slur else {"syllable": next(rest)} for note in score.notes])


def transposed(score: Score, semitones: int) -> Score:
    """The melody in another key, the tonic with it. Raises ValueError where a note leaves what voices sing."""
    tonic = TONICS[(TONICS.index(score.tonic) + semitones) % len(TONICS)]
    try:
        return _changed(score, [{"midi": note.midi + semitones} for note in score.notes], tonic=tonic)
    except ValidationError as error:
        raise ValueError(f"{semitones:+d} semitones take the melody out of the range of voices: {error}") from error


def for_singer(song: Song, character: Character, random: np.random.Generator) -> Song:
    """The song in a key that lies well for the character's voice, by age and gender: one of the `KEYS` best, drawn.

    Raises ValueError if the melody is wider than the voice.
    """
    low, high = VOICES[character.age, character.gender]
    pitches = [note.midi for note in song.score.notes]
    keys = range(low - min(pitches), high - max(pitches) + 1)
    if not keys:
        raise ValueError(
            f"song '{song.song_id}' spans {max(pitches) - min(pitches)} semitones, but the voice of a {character.age} "
            f"{character.gender} spans {high - low}: give it to another singer, or choose a narrower melody"
        )
    beats = [note.duration_beats for note in song.score.notes]
    to_middle = (low + high) / 2 - np.average(pitches, weights=beats)
    best = sorted(keys, key=lambda semitones: (abs(semitones - to_middle), semitones))[:KEYS]
    return _with_score(song, transposed(song.score, int(random.choice(best))))


def in_mood(song: Song, emotion: Emotion, intensity: int, random: np.random.Generator) -> Song:
    """The song at the tempo of an emotion felt at intensity 1 to 3, a little different each time; no note becomes
    shorter than `SHORTEST_NOTE_S`, unless it was."""
    score = song.score
    factor = 1.0 + TEMPO[emotion] * intensity + random.uniform(-TEMPO_SPREAD, TEMPO_SPREAD)
    fastest = 60.0 * min(note.duration_beats for note in score.notes) / SHORTEST_NOTE_S
    return at_tempo(song, min(score.tempo_bpm * factor, max(fastest, score.tempo_bpm)))


def at_tempo(song: Song, tempo_bpm: float) -> Song:
    """The song faster or slower. Raises ValueError for a tempo that no score has."""
    return _with_score(song, Score.model_validate({**dict(song.score), "tempo_bpm": round(tempo_bpm, 2)}))


def hummed(song: Song, language: Language) -> Song:
    """The song without words: every syllable is that of humming."""
    count = sum(not note.slur for note in song.score.notes)
    return song.model_copy(update={"score": with_syllables(song.score, [HUMMED[language]] * count), "hummed": True})


def _changed(score: Score, changes: Sequence[Mapping[str, object]], **rest: object) -> Score:
    """The score with some fields of each note, and of itself, changed; checked again. One mapping for each note."""
    notes = [
        Note.model_validate(note.model_dump() | dict(change)) for note, change in zip(score.notes, changes, strict=True)
    ]
    return Score.model_validate({**dict(score), "notes": tuple(notes), **rest})


def _with_score(song: Song, score: Score) -> Song:
    return song.model_copy(update={"score": score})
