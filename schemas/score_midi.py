"""Scores as MIDI files: what other programs play and edit, and the bytes that every sung row carries.

Written: one track (format 0) at the score's own grid, a beat being a quarter note. A note's syllable is a lyric event
(UTF-8) with the hyphen of a word that goes on, "-" where a syllable is held; a breath is a text event "breath". The key
is the tonic's, major or minor by its third; a mode which that does not tell is a text event "mode: dorian". A tempo is
whole microseconds a beat: one of up to two decimals comes back as it was, others to half a microsecond a beat.
"""

import io
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import mido
from pydantic import ValidationError

from schemas.score import HIGHEST_MIDI, LOWEST_MIDI, MODES, TICKS_A_BEAT, Note, Score

WORDLESS = "la"
BREATH = "breath"
HELD = ("-", "_")
"""Lyrics of a note that holds the syllable before: the first is written, both are read."""
VELOCITY = 80

_MICROSECONDS = 60_000_000
_MODE = "mode: "
_MINOR = ("minor", "dorian", "minor pentatonic")
_SHARP_MINORS = {"Db": "C#", "Ab": "G#"}
_TONICS = {"C#": "Db", "D#": "Eb", "Gb": "F#", "G#": "Ab", "A#": "Bb", "Cb": "B"}
_AROUND = re.compile(r"^[^A-Za-z'\u4e00-\u9fff]+|[^-A-Za-z'\u4e00-\u9fff]+$")

Value = TypeVar("Value")


@dataclass(frozen=True)
class _Track:
    """The messages of a track, each with its tick from the start."""

    index: int
    messages: Sequence[tuple[int, Any]]

    def at(self, tick: int) -> str:
        return f"track {self.index}, tick {tick}"


@dataclass(frozen=True)
class _Sound:
    midi: int
    onset: int
    end: int


def to_midi(score: Score) -> bytes:
    """A MIDI file of the score; the same bytes for the same score."""
    messages = list(_head(score))
    now = 0
    for note in score.notes:
        onset, end = (round(beats * TICKS_A_BEAT) for beats in (note.onset_beats, note.end_beats))
        if note.breath:
            messages.append(mido.MetaMessage("text", text=BREATH, time=onset - now))
            now = onset
        messages.append(mido.MetaMessage("lyrics", text=_packed(note.syllable or HELD[0]), time=onset - now))
        messages.append(mido.Message("note_on", note=note.midi, velocity=VELOCITY))
        messages.append(mido.Message("note_off", note=note.midi, velocity=0, time=end - onset))
        now = end
    file = io.BytesIO()
    mido.MidiFile(type=0, ticks_per_beat=TICKS_A_BEAT, tracks=[mido.MidiTrack(messages)]).save(file=file)
    return file.getvalue()


def from_midi(data: bytes) -> Score:
    """The score in a MIDI file, ours or another's: of its first track with notes, and the lyrics of that track or, if
    it has none, of the first that has. Times are rounded to the score's grid.

    A note without a lyric holds the syllable before it if it follows at once; a file without any lyrics is sung on
    "la". Spaces and punctuation around a syllable are left out. What is not said is as the MIDI standard has it: 120
    bpm, 4/4, C major. Raises ValueError, which names track, tick and remedy, for what is no MIDI file, no notes, notes
    that sound together, a tempo, meter or key that changes, a lyric without a note, and what no Score holds.
    """
    file = _opened(data)
    tracks = [_Track(index, list(_timed(index, messages))) for index, messages in enumerate(file.tracks)]
    melody = next((track for track in tracks if any(_begins(message) for _, message in track.messages)), None)
    if melody is None:
        raise ValueError("there are no notes in this MIDI file: export the track of the melody.")
    sounds = _sounds(melody)
    last = sounds[-1].onset
    tempo = _constant("tempo", _said(tracks, "set_tempo", lambda m: int(m.tempo)), 500_000, last)
    meter = _said(tracks, "time_signature", lambda m: (int(m.numerator), int(m.denominator)))
    beats_per_bar, beat_unit = _constant("meter", meter, (4, 4), last)
    key = _constant("key", _said(tracks, "key_signature", lambda m: str(m.key)), "C", last)
    words = next((track for track in (melody, *tracks) if _texts(track, "lyrics")), None)
    notes = _notes(melody, sounds, _lyrics(words, sounds) if words else None, file.ticks_per_beat)
    modes = [text.removeprefix(_MODE) for _, text in _texts(melody, "text") if text.startswith(_MODE)]
    tonic = key.removesuffix("m")
    try:
        return Score(
            tempo_bpm=_bpm(tempo),
            tonic=_TONICS.get(tonic, tonic),
            mode=next((mode for mode in MODES if mode in modes), "minor" if key.endswith("m") else "major"),
            beats_per_bar=beats_per_bar,
            beat_unit=beat_unit,  # type: ignore[arg-type]  # the model checks it
            notes=notes,
        )
    except ValidationError as error:
        raise ValueError(
            f"track {melody.index}: {first_fault(error)}: change it in the program that wrote the file."
        ) from error


def _head(score: Score) -> Iterator[mido.MetaMessage]:
    minor = score.mode in _MINOR
    key = _SHARP_MINORS.get(score.tonic, score.tonic) + "m" if minor else score.tonic
    yield mido.MetaMessage("set_tempo", tempo=round(_MICROSECONDS / score.tempo_bpm))
    yield mido.MetaMessage("time_signature", numerator=score.beats_per_bar, denominator=score.beat_unit)
    yield mido.MetaMessage("key_signature", key=key)
    if score.mode not in ("major", "minor"):
        yield mido.MetaMessage("text", text=_MODE + score.mode)


def _packed(text: str) -> str:
    """UTF-8 as mido is to write it. mido's own setting of a character set is one for all threads: it is left alone, at
    Latin-1, which turns each of these characters into one byte."""
    return text.encode().decode("latin-1")


def _unpacked(text: str) -> str:
    try:
        return text.encode("latin-1").decode()
    except UnicodeDecodeError:
        return text


def _bpm(microseconds: int) -> float:
    """The tempo of fewest decimals that is written as these microseconds a beat."""
    exact = _MICROSECONDS / microseconds if microseconds else 0.0
    return next(
        (b for b in (round(exact, n) for n in range(7)) if b and round(_MICROSECONDS / b) == microseconds), exact
    )


def _opened(data: bytes) -> mido.MidiFile:
    try:
        file = mido.MidiFile(file=io.BytesIO(data))
    except (OSError, EOFError, LookupError, ValueError, struct.error, mido.KeySignatureError) as error:
        raise ValueError(f"this is no whole MIDI file: {str(error) or 'it ends too soon'}; export it again.") from error
    if file.type not in (0, 1):
        raise ValueError(
            f"this MIDI file is of format {file.type}, whose tracks are no one song: export format 0 or 1."
        )
    if file.ticks_per_beat <= 0:
        raise ValueError(
            "this MIDI file counts in frames of film, not in beats: export it with ticks per quarter note."
        )
    return file


def _timed(index: int, messages: mido.MidiTrack) -> Iterator[tuple[int, Any]]:
    tick = 0
    for message in messages:
        if message.type == "unknown_meta":  # mido 1.3.3 loses the time before it, and all that follows would shift
            kind = f"a meta event of the unknown kind {message.type_byte:#04x}"
            raise ValueError(f"track {index}, after tick {tick}: there is {kind}: delete it, or export without it.")
        tick += message.time
        yield tick, message


def _begins(message: Any) -> bool:
    return bool(message.type == "note_on" and message.velocity > 0)


def _sounds(track: _Track) -> list[_Sound]:
    """The notes of a track in order. Raises ValueError for two at once and for one that does not end."""
    sounds: list[_Sound] = []
    begun: dict[tuple[int, int], list[int]] = {}
    for tick, message in track.messages:
        if _begins(message):
            begun.setdefault((message.channel, message.note), []).append(tick)
        elif message.type in ("note_on", "note_off") and begun.get((message.channel, message.note)):
            sounds.append(_Sound(message.note, begun[message.channel, message.note].pop(0), tick))
    if lasting := sorted((tick, midi) for (_, midi), ticks in begun.items() for tick in ticks):
        tick, midi = lasting[0]
        raise ValueError(f"{track.at(tick)}: note {midi} is never ended: export the file again.")
    sounds.sort(key=lambda sound: (sound.onset, sound.midi))
    for one, after in pairwise(sounds):
        if after.onset < one.end:
            remedy = "keep one voice in a track of its own, and end each note before the next"
            raise ValueError(
                f"{track.at(after.onset)}: note {after.midi} begins while note {one.midi} sounds: {remedy}."
            )
    return sounds


def _said(tracks: Sequence[_Track], kind: str, value: Callable[[Any], Value]) -> list[tuple[int, int, Value]]:
    """Tick, track and value of the messages of a kind, in order of time."""
    found = [(tick, track.index, value(m)) for track in tracks for tick, m in track.messages if m.type == kind]
    return sorted(found, key=lambda each: each[:2])


def _constant(what: str, said: list[tuple[int, int, Value]], unsaid: Value, last: int) -> Value:
    """The one value up to the last note. Raises ValueError if it changes, at a tick after the start."""
    holds = unsaid
    for tick, track, value in said:
        if tick > last:
            break
        if tick and value != holds:
            remedy = f"cut the file there, or give it one {what}"
            raise ValueError(f"track {track}, tick {tick}: the {what} changes, and a score has one: {remedy}.")
        holds = value
    return holds


def _texts(track: _Track, kind: str) -> list[tuple[int, str]]:
    """Ticks and words of the lyrics or other texts of a track, empty ones left out."""
    texts = [(tick, _unpacked(message.text).strip()) for tick, message in track.messages if message.type == kind]
    return [(tick, text) for tick, text in texts if text]


def _lyrics(track: _Track, sounds: Sequence[_Sound]) -> dict[int, str]:
    """The lyrics by the ticks of the notes they are sung on."""
    lyrics: dict[int, str] = {}
    onsets = {sound.onset for sound in sounds}
    for tick, text in _texts(track, "lyrics"):
        if tick not in onsets:
            raise ValueError(f"{track.at(tick)}: no note begins with the lyric '{text}': move it to one, or delete it.")
        if tick in lyrics:
            raise ValueError(f"{track.at(tick)}: a note has the lyrics '{lyrics[tick]}' and '{text}': keep one verse.")
        lyrics[tick] = text
    return lyrics


def _notes(
    track: _Track, sounds: Sequence[_Sound], lyrics: dict[int, str] | None, ticks_per_beat: int
) -> tuple[Note, ...]:
    breaths = {tick for tick, text in (*_texts(track, "text"), *_texts(track, "marker")) if text == BREATH}
    notes: list[Note] = []
    end = None
    for sound in sounds:
        text = WORDLESS if lyrics is None else lyrics.get(sound.onset, "")
        held = text in ("", *HELD)
        if held and sound.onset != end:
            raise ValueError(f"{track.at(sound.onset)}: a note after a rest has no lyric: give it a syllable.")
        if not LOWEST_MIDI <= sound.midi <= HIGHEST_MIDI:
            remedy = "transpose the melody"
            raise ValueError(
                f"{track.at(sound.onset)}: note {sound.midi} is outside {LOWEST_MIDI} to {HIGHEST_MIDI}: {remedy}."
            )
        onset, end_tick = (round(tick * TICKS_A_BEAT / ticks_per_beat) for tick in (sound.onset, sound.end))
        try:
            note = Note(
                midi=sound.midi,
                onset_beats=onset / TICKS_A_BEAT,
                duration_beats=(end_tick - onset) / TICKS_A_BEAT,
                syllable="" if held else _AROUND.sub("", text.replace("’", "'")),
                slur=held,
                breath=sound.onset in breaths,
            )
        except ValidationError as error:
            raise ValueError(f"{track.at(sound.onset)}: {first_fault(error)}: change the note.") from error
        notes.append(note)
        end = sound.end
    return tuple(notes)


def first_fault(error: ValidationError) -> str:
    """What is wrong, of the first thing that is."""
    fault = error.errors()[0]
    return " ".join([*(f"{part}:" for part in fault["loc"]), fault["msg"].removeprefix("Value error, ")])
