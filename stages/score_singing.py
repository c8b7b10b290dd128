"""Singing against its score: is every note in tune and in time, and is there a voice where there should be one?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from schemas.score import Score
from schemas.take import SungNote, Take
from stages.sung_onsets import onset_errors_s, onset_measures, rises, whole_shift_s
from stages.sung_pitch import STEP_S, expected, frame_measures, note_measures, pitch_error_cents, track_song


@dataclass(frozen=True)
class ScoreSinging:
    """Take of a song → Take with its notes as they were heard, and the measures from raw_pitch_accuracy on.

    What is heard is Praat's pitch (`sung_pitch`) and the rises of the sound (`sung_onsets`), of the samples alone; what
    should be heard is the score. All measures are numbers, whatever was sung.
    """

    def open(self) -> None: ...

    def process(self, takes: Sequence[Take]) -> list[Take]:
        """One take per take, in order. Raises ValueError for a take without song or without a start of its score."""
        return [_scored(take) for take in takes]

    def close(self) -> None: ...


def _scored(take: Take) -> Take:
    song, start_s = take.line.turn.song, take.score_start_s
    if song is None or start_s is None:
        missing = "song" if song is None else "start of its score: the singer has to say where beat 0 lies"
        raise ValueError(f"{take.line.take_id} has no {missing}")
    score = song.score
    heard_hz = track_song(take.samples, score)
    heard_hz = np.pad(heard_hz, (0, max(0, round((start_s + score.duration_s) / STEP_S) - len(heard_hz))))
    rise = rises(take.samples)
    shift_s = whole_shift_s(rise, heard_hz, score, start_s)
    notes = _placed(score, start_s)
    notes = tuple(
        replace(note, pitch_error_cents=pitch_error_cents(heard_hz, note), onset_error_s=onset_error_s)
        for note, onset_error_s in zip(notes, onset_errors_s(rise, notes, shift_s), strict=True)
    )
    measures = (
        frame_measures(heard_hz, expected(score, start_s, len(heard_hz)))
        | note_measures(notes)
        | onset_measures(notes, shift_s)
    )
    return replace(take, notes=notes, measures=replace(take.measures, **measures))


def _placed(score: Score, start_s: float) -> tuple[SungNote, ...]:
    """The notes of the score where they should be sung, not heard yet."""
    spans = ((start_s + begin_s, start_s + end_s) for begin_s, end_s in map(score.times_s, score.notes))
    return tuple(
        SungNote(note.midi, note.syllable, note.slur, *span) for note, span in zip(score.notes, spans, strict=True)
    )
