"""The columns of a song: what it is, its score with every note as it was heard, and the same as a MIDI file."""

from dataclasses import asdict
from typing import Any

from schemas.columns import rounded
from schemas.score import Note, Score
from schemas.score_midi import to_midi
from schemas.script import Turn
from schemas.take import SungNote, Take

HEARD = ("start_s", "end_s", "pitch_error_cents", "onset_error_s")


def song_columns(turn: Turn) -> dict[str, Any]:
    """Title and provenance; null for what is spoken."""
    return {"song": None if turn.song is None else turn.song.model_dump(exclude={"score"})}


def score_columns(turn: Turn, take: Take | None) -> dict[str, Any]:
    """The score, one entry a note, with what was heard of it in the take if there is one; null for what is spoken."""
    if turn.song is None:
        return {"score": None, "midi": None}
    score = turn.song.score
    sung: list[SungNote | None] = list(take.notes) if take and take.notes else [None] * len(score.notes)
    notes = [note.model_dump() | _heard(heard) for note, heard in zip(score.notes, sung, strict=True)]
    start_s = take.score_start_s if take else None
    columns = score.model_dump(exclude={"notes"}) | {"score_start_s": rounded(start_s), "notes": notes}
    return {"score": columns, "midi": to_midi(score)}


def score_of(row: dict[str, Any]) -> Score:
    """The score of a sung row."""
    notes = [{name: note[name] for name in Note.model_fields} for note in row["score"]["notes"]]
    return Score.model_validate({name: row["score"][name] for name in Score.model_fields} | {"notes": notes})


def _heard(note: SungNote | None) -> dict[str, float | None]:
    values = asdict(note) if note else {}
    return {name: rounded(values.get(name)) for name in HEARD}
