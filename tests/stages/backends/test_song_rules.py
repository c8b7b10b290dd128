import pytest

from schemas.score import Note, Score, Song, lyric
from schemas.script import Script, Turn
from stages.backends.rules_judge import broken_rule
from tests.stages.scripts import script, turn

ASK = turn("user", "Would you sing something for me?")
YES = turn("assistant", "With pleasure, listen.")
LATER = turn("user", "That was lovely.")


def song_turn(*syllables: str, beats: float = 1.0, step: int = 0, **update: object) -> Turn:
    """A song at 60 beats a minute, each note `step` semitones above the one before."""
    notes = [
        Note(midi=50 + step * i, onset_beats=beats * i, duration_beats=beats, syllable=one, breath=i == 0)
        for i, one in enumerate(syllables)
    ]
    score = Score(tempo_bpm=60, tonic="C", notes=tuple(notes))
    song = Song(song_id="made-en-000001", title="Test", origin="generated", source="", licence="CC0-1.0", score=score)
    sung = Turn(role="assistant", text=lyric(score), intent="sing", song=song)
    return sung.model_copy(update=update)


SONG = song_turn("sil-", "ver", "stars", "a-", "bove", "the", "sea")


def singing(*turns: Turn) -> Script:
    plain = script(*turns)
    return plain.model_copy(update={"plan": plain.plan.model_copy(update={"kind": "singing"})})


def test_songs_after_words_at_once_and_again_are_accepted() -> None:
    assert broken_rule(singing(ASK, YES, SONG)) is None
    assert broken_rule(singing(ASK, SONG, LATER, turn("assistant", "Thank you."))) is None
    assert broken_rule(singing(ASK, YES, SONG, LATER, SONG)) is None


def test_long_and_repeating_lyrics_are_measured_in_seconds() -> None:
    assert broken_rule(singing(ASK, song_turn(*["la"] * 100, beats=0.5))) is None


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ((ASK, YES), "songs: 0 songs in a dialogue of the kind 'singing'"),
        ((SONG.model_copy(update={"role": "user"}), YES), "songs: turn 0 is the user's, and only the assistant sings"),
        ((ASK, SONG, SONG), "roles: turn 2 is the assistant's, wanted the user's"),
        ((ASK, SONG, YES), "roles: turn 2 is the assistant's, wanted the user's"),
        ((SONG, ASK), "roles: turn 0 is the assistant's, wanted the user's"),
        ((ASK, song_turn("stars", beats=4.0, text="Stars")), "songs: turn 1 is not the lyric of its song: 'Stars'"),
        (
            (ASK, song_turn("stars", beats=4.0, style="whisper")),
            "songs: turn 1 is a song with overlap 'none' and style 'whisper'",
        ),
        ((ASK, song_turn("星", "星", beats=2.0)), "songs: turn 1 sings '星', which is no syllable in 'en'"),
        ((ASK, song_turn("stars", beats=2.5)), "songs: turn 1 lasts 2.5 s, wanted 3 to 60"),
        ((ASK, song_turn(*["la"] * 61)), "songs: turn 1 lasts 61.0 s, wanted 3 to 60"),
        ((ASK, song_turn(*["la"] * 60, beats=0.0625)), "songs: turn 1 has a note of 62 ms, shortest 80"),
        ((ASK, song_turn("a", "b", "c", "d", step=7)), "songs: turn 1 spans 21 semitones, limit 20"),
    ],
)
def test_unfit_songs_are_rejected_with_the_reason(turns: tuple[Turn, ...], reason: str) -> None:
    assert broken_rule(singing(*turns)) == reason


def test_other_kinds_have_no_songs() -> None:
    assert broken_rule(script(ASK, YES, SONG)) == "songs: 1 songs in a dialogue of the kind 'conversation'"


def test_other_rules_hold_for_songs_too() -> None:
    reason = broken_rule(singing(ASK, song_turn("json", "user", "json", beats=2.0)))
    assert reason == "leaked: turn 1 speaks of prompts or models: 'json'"
