"""What a song in a script must be before anyone sings it."""

from schemas.score import Song, lyric
from schemas.script import Language, Script, Turn
from stages.backends.foreign_text import is_han, quoted

SONG_SECONDS = (3.0, 60.0)
"""Shortest and longest song: a line, and two stanzas sung slowly."""

MIN_NOTE_S = 0.08
"""Shortest note: a sixteenth at 187 beats a minute, which is as fast as syllables are said."""

MAX_RANGE = 20
"""Widest range in semitones: what an untrained voice spans."""


def songs(script: Script) -> str | None:
    """Singing has songs and nothing else has any; each is sung by the assistant and can be."""
    sung = [(index, turn) for index, turn in enumerate(script.turns) if turn.song is not None]
    if (script.plan.kind == "singing") != bool(sung):
        return f"{len(sung)} songs in a dialogue of the kind '{script.plan.kind}'"
    for index, turn in sung:
        if turn.role != "assistant":
            return f"turn {index} is the user's, and only the assistant sings"
        if problem := _unfit(turn, script.plan.language):
            return f"turn {index} {problem}"
    return None


def _unfit(turn: Turn, language: Language) -> str | None:
    assert turn.song is not None
    score = turn.song.score
    if turn.overlap != "none" or turn.style != "plain":
        return f"is a song with overlap '{turn.overlap}' and style '{turn.style}'"
    if turn.text != lyric(score):
        return f"is not the lyric of its song: {quoted(turn.text)}"
    if foreign := [
        note.syllable for note in score.notes if note.syllable and is_han(note.syllable[0]) != (language == "zh")
    ]:
        return f"sings {quoted(foreign[0])}, which is no syllable in '{language}'"
    return _unsingable(turn.song)


def _unsingable(song: Song) -> str | None:
    score = song.score
    if not SONG_SECONDS[0] <= score.duration_s <= SONG_SECONDS[1]:
        return f"lasts {score.duration_s:.1f} s, wanted {SONG_SECONDS[0]:g} to {SONG_SECONDS[1]:g}"
    shortest = min(note.duration_beats for note in score.notes) * score.seconds_per_beat
    if shortest < MIN_NOTE_S:
        return f"has a note of {1000 * shortest:.0f} ms, shortest {1000 * MIN_NOTE_S:.0f}"
    pitches = [note.midi for note in score.notes]
    if max(pitches) - min(pitches) > MAX_RANGE:
        return f"spans {max(pitches) - min(pitches)} semitones, limit {MAX_RANGE}"
    return None
