"""Is a song sung in tune? The pitch of a take, tracked by Praat, against its score: frame by frame and note by note."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.score import Score, hertz
from schemas.take import SAMPLE_RATE, Samples, SungNote

STEP_S = 0.005
AMPLE = 2.2
"""The tracker searches so far below the lowest and above the highest note: a wrong octave is heard as one."""
PERIODS = 3.2
"""Periods of the lowest pitch that Praat's autocorrelation needs in a clip: three, and a little more."""

CONSONANTS_S = 0.3
"""Of a note's end, at most its second half, that belongs to consonants: its own last ones and those before the next."""
BEFORE_S, AFTER_S = 0.2, 0.05
"""Parts of a rest where a voice may sound: the consonants before a note, and a note's dying away."""

EDGE_S, EDGE_SHARE = 0.06, 0.25
"""The pitch of a note is heard inside it, where the glides from and to its neighbours are over."""
HEARD_SHARE = 0.25
"""Least share of a note's inside that must be voiced for it to be heard."""
WRONG_CENTS = 60.0
LONG_S = 0.15
UNHEARD_CENTS = 1200.0
"""What an unheard note counts as."""

Curve = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Expected:
    """What the score asks for, every STEP_S from the start of the take: its pitch [T] in Hz, 0 in rests, and where the
    choice is free [T]: whether a consonant is voiced, and how long it lasts, a score does not say."""

    f0_hz: Curve
    free: Flags


def track_song(samples: Samples, score: Score) -> Curve:
    """f0 in Hz every STEP_S from the start of int16 [N] at 24 kHz, 0 where unvoiced: Praat's autocorrelation
    (Boersma 1993), its range that of the score and AMPLE room."""
    import parselmouth

    pitches = [note.midi for note in score.notes]
    floor_hz, ceiling_hz = hertz(min(pitches)) / AMPLE, hertz(max(pitches)) * AMPLE
    if len(samples) < PERIODS / floor_hz * SAMPLE_RATE:
        return from_start(None, samples)
    sound = parselmouth.Sound(samples / 32768.0, SAMPLE_RATE)
    return from_start(sound.to_pitch_ac(time_step=STEP_S, pitch_floor=floor_hz, pitch_ceiling=ceiling_hz), samples)


def from_start(pitch: Any | None, samples: Samples) -> Curve:
    """f0 of a parselmouth.Pitch in Hz, every STEP_S from the start of its samples; 0 where unvoiced, or without one."""
    f0_hz = np.zeros(int(len(samples) / SAMPLE_RATE / STEP_S) + 1)
    if pitch is not None:
        first = round(pitch.x1 / STEP_S)  # Praat centres its frames in the clip: the first one is not at 0
        f0_hz[first : first + pitch.n_frames] = pitch.selected_array["frequency"]
    return f0_hz


def expected(score: Score, start_s: float, frames: int) -> Expected:
    """The score laid over so many frames of a take, its beat 0 at `start_s`."""
    f0_hz, free = np.zeros(frames), np.zeros(frames, np.bool_)
    spans = [tuple(start_s + t for t in score.times_s(note)) for note in score.notes]
    for begin_s, end_s in spans:
        free[_frames(begin_s - BEFORE_S, end_s + AFTER_S)] = True
    for note, after, (begin_s, end_s) in zip(score.notes, (*score.notes[1:], None), spans, strict=True):
        f0_hz[_frames(begin_s, end_s)] = hertz(note.midi)
        held = after is not None and after.slur
        consonants_s = 0.0 if held else min(CONSONANTS_S, (end_s - begin_s) / 2)
        free[_frames(begin_s, end_s - consonants_s)] = False
    return Expected(f0_hz, free)


def frame_measures(heard_hz: Curve, wanted: Expected) -> dict[str, float]:
    """The measures of mir_eval.melody at 50 cents, f0_rmse_cents (UNHEARD_CENTS where nothing is voiced), and
    sounding_share.

    Where the choice is free, a note's frames are judged if they are voiced, those of a rest not at all; sounding_share
    alone is of all frames of notes, so that notes cut short are told from consonants.
    """
    from mir_eval import melody

    voiced = heard_hz > 0
    judged = ~wanted.free | (voiced & (wanted.f0_hz > 0))
    heard, score = (melody.hz2cents(track[judged]) for track in (heard_hz, wanted.f0_hz))
    sings, should = heard > 0, score > 0
    sounding_share = float(voiced[wanted.f0_hz > 0].mean()) if wanted.f0_hz.any() else 0.0
    if not (sings & should).any():
        false_alarm = float(melody.voicing_false_alarm(should, sings))
        return _unheard(false_alarm) | {"sounding_share": sounding_share}
    off = (heard - score)[sings & should]
    return {
        "raw_pitch_accuracy": float(melody.raw_pitch_accuracy(should, score, sings, heard)),
        "raw_chroma_accuracy": float(melody.raw_chroma_accuracy(should, score, sings, heard)),
        "voicing_recall": float(melody.voicing_recall(should, sings)),
        "voicing_false_alarm": float(melody.voicing_false_alarm(should, sings)),
        "f0_rmse_cents": float(np.sqrt(np.mean(off**2))),
        "sounding_share": sounding_share,
    }


def pitch_error_cents(heard_hz: Curve, note: SungNote) -> float | None:
    """Median pitch inside a note less the score's; None where too little of it is voiced."""
    edge_s = min(EDGE_S, EDGE_SHARE * (note.end_s - note.start_s))
    inside = heard_hz[_frames(note.start_s + edge_s, note.end_s - edge_s)]
    voiced = inside[inside > 0]
    if not len(voiced) or len(voiced) < HEARD_SHARE * len(inside):
        return None
    return float(1200 * np.log2(np.median(voiced) / hertz(note.midi)))


def note_measures(notes: Sequence[SungNote]) -> dict[str, float]:
    """note_error_cents, worst_note_cents (0 where no note is long) and wrong_note_share of a song's notes; one that is
    not heard counts as UNHEARD_CENTS off."""
    errors = np.array([_magnitude(note) for note in notes])
    long = np.array([note.end_s - note.start_s >= LONG_S - 1e-9 for note in notes])
    return {
        "note_error_cents": float(np.median(errors)),
        "worst_note_cents": float(errors[long].max(initial=0.0)),
        "wrong_note_share": float(np.mean(errors > WRONG_CENTS)),
    }


def _magnitude(note: SungNote) -> float:
    return UNHEARD_CENTS if note.pitch_error_cents is None else abs(note.pitch_error_cents)


def _unheard(false_alarm: float) -> dict[str, float]:
    silent = dict.fromkeys(("raw_pitch_accuracy", "raw_chroma_accuracy", "voicing_recall"), 0.0)
    return silent | {"voicing_false_alarm": false_alarm, "f0_rmse_cents": UNHEARD_CENTS}


def _frames(begin_s: float, end_s: float) -> slice:
    return slice(max(0, round(begin_s / STEP_S)), max(0, round(end_s / STEP_S)))
