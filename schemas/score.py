"""Music to be sung: a melody of notes in beats, with its words. No sound here.

A beat is a quarter note, whatever the meter. Times lie on a grid of 1 / TICKS_A_BEAT beats, which MIDI holds exactly.
"""

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Mode = Literal["major", "minor", "dorian", "mixolydian", "pentatonic", "minor pentatonic"]
MODES: tuple[Mode, ...] = get_args(Mode)
TONICS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

TICKS_A_BEAT = 480
LOWEST_MIDI, HIGHEST_MIDI = 36, 88
"""C2 to E6: what trained voices sing."""
MAX_NOTES = 400
_SYLLABLE = re.compile(r"(?:[A-Za-z']+-?|[\u4e00-\u9fff])")


def _on_grid(beats: float) -> float:
    ticks = beats * TICKS_A_BEAT
    if abs(ticks - round(ticks)) > 0.01:
        raise ValueError(f"{beats} beats do not lie on the grid of 1/{TICKS_A_BEAT} beat")
    return round(ticks) / TICKS_A_BEAT


Beats = Annotated[float, AfterValidator(_on_grid)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Note(_Record):
    """One note. `syllable` is a Chinese character or an English syllable, with a hyphen at its end where the word goes
    on; empty where `slur` says that the syllable before is held. `breath` asks for a breath before the note, and begins
    a line of the lyric.
    """

    midi: int = Field(ge=LOWEST_MIDI, le=HIGHEST_MIDI)
    onset_beats: Beats = Field(ge=0.0, le=2_000.0)
    duration_beats: Beats = Field(ge=1 / 16, le=64.0)
    syllable: str = ""
    slur: bool = False
    breath: bool = False

    @model_validator(mode="after")
    def _sayable(self) -> "Note":
        if self.slur and (self.syllable or self.breath):
            raise ValueError("a slurred note holds the syllable before: it has no syllable and no breath of its own")
        if self.syllable and not _SYLLABLE.fullmatch(self.syllable):
            raise ValueError(f"'{self.syllable}' is neither an English syllable nor one Chinese character")
        if not self.slur and not self.syllable:
            raise ValueError("a note needs a syllable, or a slur from the note before")
        return self

    @property
    def end_beats(self) -> float:
        return self.onset_beats + self.duration_beats


class Score(_Record):
    """A melody with its words: notes in order, one at a time, rests between them.

    Raises ValueError (ValidationError) for no notes, notes that overlap or are out of order, a slur after a rest or at
    the start, and a word that is broken off.
    """

    tempo_bpm: float = Field(ge=20.0, le=300.0)
    tonic: str
    mode: Mode = "major"
    beats_per_bar: int = Field(default=4, ge=1, le=16)
    beat_unit: Literal[1, 2, 4, 8, 16] = 4
    notes: tuple[Note, ...] = Field(min_length=1, max_length=MAX_NOTES)

    @model_validator(mode="after")
    def _singable(self) -> "Score":
        if self.tonic not in TONICS:
            raise ValueError(f"the tonic '{self.tonic}' is unknown: use one of {', '.join(TONICS)}")
        if self.notes[0].slur:
            raise ValueError("note 0 is slurred, but nothing is sung before it")
        for index, (before, note) in enumerate(pairwise(self.notes), start=1):
            if note.onset_beats < before.end_beats - 1e-6:
                raise ValueError(f"note {index} begins at beat {note.onset_beats:g}, before note {index - 1} has ended")
            if note.slur and note.onset_beats > before.end_beats + 1e-6:
                raise ValueError(f"note {index} is slurred across a rest")
        said = [note.syllable for note in self.notes if note.syllable]
        for index, (one, after) in enumerate(pairwise((*said, ""))):
            if one.endswith("-") and not (after and after[0].isascii()):
                raise ValueError(f"syllable {index}, '{one}', begins a word that does not go on")
        return self

    @property
    def seconds_per_beat(self) -> float:
        return 60.0 / self.tempo_bpm

    @property
    def duration_s(self) -> float:
        """From beat 0 to the end of the last note."""
        return self.notes[-1].end_beats * self.seconds_per_beat

    @property
    def lines(self) -> tuple[tuple[Note, ...], ...]:
        """The notes by lines of the lyric: each breath begins one."""
        lines: list[list[Note]] = []
        for note in self.notes:
            if note.breath or not lines:
                lines.append([])
            lines[-1].append(note)
        return tuple(map(tuple, lines))

    def times_s(self, note: Note) -> tuple[float, float]:
        """Onset and end of a note, in seconds from beat 0."""
        return note.onset_beats * self.seconds_per_beat, note.end_beats * self.seconds_per_beat


def hertz(midi: float) -> float:
    """The frequency of a pitch, A4 being 440 Hz."""
    return float(440.0 * 2 ** ((midi - 69) / 12))


def words(notes: tuple[Note, ...]) -> str:
    """What is sung on some notes, as it is written."""
    return joined(note.syllable for note in notes if note.syllable)


def joined(syllables: Iterable[str]) -> str:
    """Syllables as they are written: English words with spaces, Chinese characters without."""
    text = "".join(syllable[:-1] if syllable.endswith("-") else f"{syllable} " for syllable in syllables)
    return re.sub(r"(?<=[\u4e00-\u9fff]) ", "", text).strip()


def lyric(score: Score) -> str:
    """The words of a song on one line, its lines set off by commas and closed by a full stop."""
    lines = [words(line) for line in score.lines]
    chinese = not lines[0][:1].isascii()
    text = ("，" if chinese else ", ").join(lines)
    return text[:1].upper() + text[1:] + ("。" if chinese else ".")


class Song(_Record):
    """A song as it is to be sung: its score in the singer's key, and where it comes from.

    `song_id` is the same for all keys, tempi and moods of a melody. `origin` says who made it ("traditional, England",
    "generated"), `source` where the notes were taken from ("transcribed: from memory, unverified"), `licence` under
    which terms. A `hummed` song has no words: its syllables are those of humming.
    """

    song_id: str
    title: str
    origin: str
    source: str
    licence: str
    score: Score
    hummed: bool = False
