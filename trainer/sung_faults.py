"""Songs sung wrongly on purpose: what the gate must catch, for the tests and the benchmark of singing.

A fault is another line for the singer than the one that its take is then judged as; or a tone in the place of a voice.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from schemas.score import HIGHEST_MIDI, LOWEST_MIDI, TICKS_A_BEAT, Note, Score, hertz, lyric
from schemas.take import SAMPLE_RATE, Line
from stages.backends.lyric_writer import write_lyric
from stages.backends.protocols import Performance
from stages.backends.song_variants import with_syllables
from stages.normalize_text import normalize

LATE_S, SCATTER_S = 0.1, 0.08
SCATTER_SHARE = 0.4
"""Of a note, which an onset moves into at most."""
SHORT_S = 0.15
VOWELS = {"en": "ah", "zh": "啊"}
SINE_LEAD_S, SINE_RAMP_S, SINE_LEVEL = 0.3, 0.01, 8_000

Fault = Callable[[Line, np.random.Generator], Line | None]
"""The line that is sung instead, or None where the song has no place for the fault."""


def semitone_off(line: Line, random: np.random.Generator) -> Line | None:
    """One note of every bar a semitone too high or too low."""
    return _detuned(line, range(len(_score(line).notes)), random)


def short_semitone_off(line: Line, random: np.random.Generator) -> Line | None:
    """The same among the notes shorter than SHORT_S, which have no verdict of their own."""
    score = _score(line)
    places = [i for i, n in enumerate(score.notes) if n.duration_beats * score.seconds_per_beat < SHORT_S]
    return _detuned(line, places, random)


def late(line: Line, random: np.random.Generator) -> Line:
    """All notes LATE_S late."""
    score = _score(line)
    ticks = round(LATE_S / score.seconds_per_beat * TICKS_A_BEAT)
    return _instead(line, [_changed(n, onset_beats=n.onset_beats + ticks / TICKS_A_BEAT) for n in score.notes])


def scattered(line: Line, random: np.random.Generator) -> Line:
    """Every onset SCATTER_S early or late, on the whole in time: the notes before them end with them."""
    score = _score(line)
    notes = list(score.notes)
    for place in range(1, len(notes)):
        before, note = notes[place - 1], notes[place]
        room = SCATTER_SHARE * min(before.duration_beats, note.duration_beats)
        moved = min(SCATTER_S / score.seconds_per_beat, room) * (1 if random.random() < 0.5 else -1)
        step = round(moved * TICKS_A_BEAT) / TICKS_A_BEAT
        if before.end_beats == note.onset_beats:
            notes[place - 1] = _changed(before, duration_beats=before.duration_beats + step)
        elif note.onset_beats + step < before.end_beats:
            continue
        onset, beats = note.onset_beats + step, note.duration_beats - step
        notes[place] = _changed(note, onset_beats=onset, duration_beats=beats)
    return _instead(line, notes)


def cut_short(line: Line, random: np.random.Generator) -> Line:
    """Every syllable let go of after half of its last note."""
    notes = _score(line).notes
    held = [after.slur for after in notes[1:]] + [False]
    halves = [
        note if goes_on else _changed(note, duration_beats=max(1 / 16, round(note.duration_beats * 240) / TICKS_A_BEAT))
        for note, goes_on in zip(notes, held, strict=True)
    ]
    return _instead(line, halves)


def phrase_missing(line: Line, random: np.random.Generator) -> Line:
    """A line of the lyric left out; of a song of one line, its second half."""
    score = _score(line)
    lines = [list(notes) for notes in score.lines]
    if len(lines) == 1:
        half = next(i for i in range(len(score.notes) // 2, -1, -1) if not score.notes[i].slur)
        return _instead(line, score.notes[: max(1, half)])
    lines.pop(int(random.integers(len(lines))))
    return _instead(line, [note for notes in lines for note in notes])


def wrong_lyrics(line: Line, random: np.random.Generator) -> Line | None:
    """Other words to the same melody."""
    return _worded(line, write_lyric(_score(line), line.language, random))


def same_vowel(line: Line, random: np.random.Generator) -> Line | None:
    """The melody on one vowel."""
    return _worded(line, [VOWELS[line.language]] * sum(not note.slur for note in _score(line).notes))


FAULTS: dict[str, Fault] = {
    "a note a semitone off per bar": semitone_off,
    "a short note a semitone off per bar": short_semitone_off,
    "all notes 100 ms late": late,
    "onsets 80 ms early or late": scattered,
    "notes cut short by half": cut_short,
    "a phrase missing": phrase_missing,
    "wrong lyrics": wrong_lyrics,
    "the same vowel throughout": same_vowel,
}


def plain_sine(line: Line) -> Performance:
    """The melody as a sine tone, in tune and in time."""
    score = _score(line)
    times_s = np.arange(round((SINE_LEAD_S + score.duration_s + SINE_LEAD_S) * SAMPLE_RATE)) / SAMPLE_RATE - SINE_LEAD_S
    f0_hz, level = np.zeros(len(times_s)), np.zeros(len(times_s))
    for note in score.notes:
        begin_s, end_s = score.times_s(note)
        on = (times_s >= begin_s) & (times_s < end_s)
        f0_hz[on] = hertz(note.midi)
        level[on] = np.minimum(1.0, np.minimum(times_s[on] - begin_s, end_s - times_s[on]) / SINE_RAMP_S)
    tone = SINE_LEVEL * level * np.sin(2 * np.pi * np.cumsum(f0_hz) / SAMPLE_RATE)
    return Performance(tone.astype(np.int16), SAMPLE_RATE, (), score_start_s=SINE_LEAD_S)


def _score(line: Line) -> Score:
    assert line.turn.song is not None
    return line.turn.song.score


def _detuned(line: Line, places: Sequence[int], random: np.random.Generator) -> Line | None:
    """One note a semitone off in every bar that has any of these."""
    score = _score(line)
    beats_a_bar = score.beats_per_bar * 4 / score.beat_unit
    bars: dict[int, list[int]] = defaultdict(list)
    for place in places:
        bars[int(score.notes[place].onset_beats // beats_a_bar)].append(place)
    notes = list(score.notes)
    for bar in bars.values():
        place = bar[int(random.integers(len(bar)))]
        pitch = notes[place].midi
        up = pitch == LOWEST_MIDI or (pitch < HIGHEST_MIDI and random.random() < 0.5)
        notes[place] = _changed(notes[place], midi=pitch + (1 if up else -1))
    return _instead(line, notes) if bars else None


def _worded(line: Line, syllables: Sequence[str]) -> Line | None:
    song = line.turn.song
    if song is None or song.hummed:
        return None
    return _instead(line, with_syllables(song.score, syllables).notes)


def _changed(note: Note, **changes: float) -> Note:
    return note.model_copy(update=changes)


def _instead(line: Line, notes: Sequence[Note]) -> Line:
    """The line with these notes for its song, and their words for its text."""
    song = line.turn.song
    assert song is not None
    score = Score.model_validate(song.score.model_dump() | {"notes": tuple(note.model_dump() for note in notes)})
    text = lyric(score)
    turn = line.turn.model_copy(update={"song": song.model_copy(update={"score": score}), "text": text})
    return replace(line, turn=turn, spoken=normalize(text, line.language))
