"""Songs as MusicXML, for reading and engraving in notation programs. Needs the extra `music`.

A note across a bar line, or of a length that no one sign has, is written as tied notes; a held syllable has a slur and
an extender. A breath is a mark after the note before it: there is none for the first note.
"""

from fractions import Fraction
from importlib.util import find_spec
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from schemas.errors import MissingExtraError
from schemas.score import TICKS_A_BEAT, Mode, Note, Score, Song

NOTATION_TICKS = 10
"""Notation has signs for multiples of 1/48 beat (128ths, triplets of 32nds); music21 10.5 fails on what is finer."""

_FIFTHS = "FCGDAEB"
_MAJOR_SHARPS = {
    "C": 0,
    "Db": -5,
    "D": 2,
    "Eb": -3,
    "E": 4,
    "F": -1,
    "F#": 6,
    "G": 1,
    "Ab": -4,
    "A": 3,
    "Bb": -2,
    "B": 5,
}
_MODES: dict[Mode, tuple[str, int]] = {
    "major": ("major", 0),
    "pentatonic": ("major", 0),
    "mixolydian": ("mixolydian", -1),
    "dorian": ("dorian", -2),
    "minor": ("minor", -3),
    "minor pentatonic": ("minor", -3),
}
"""The mode as it is written, and how many sharps it has more than the major key."""
_MOST_FLATS = -6


def to_musicxml(song: Song) -> bytes:
    """A MusicXML file of one part, with the song's title, origin (as its composer), source and licence.

    Raises MissingExtraError without music21, and ValueError for times that notation has no signs for.
    """
    if find_spec("music21") is None:
        raise MissingExtraError("MusicXML needs the package 'music21': pip install 'troupe[music]'.")
    from music21.metadata import Metadata
    from music21.musicxml.m21ToXml import ScoreExporter
    from music21.musicxml.xmlObjects import MusicXMLExportException
    from music21.stream import Score as Sheet

    for index, note in enumerate(song.score.notes):
        _check(index, note)
    sheet = Sheet([_part(song.score)])
    sheet.metadata = Metadata(title=song.title, composer=song.origin, copyright=song.licence)
    exporter = ScoreExporter(sheet, makeNotation=False)
    try:
        exporter.parse()
    except MusicXMLExportException as error:
        raise ValueError(f"notation has no sign for a time in '{song.title}': {error}") from error
    _add_source(exporter.xmlRoot, song.source)
    _add_extenders(exporter.xmlRoot, song.score)
    data: bytes = exporter.asBytes()
    return data


def _check(index: int, note: Note) -> None:
    for what, beats in (("begins at beat", note.onset_beats), ("lasts", note.duration_beats)):
        if round(beats * TICKS_A_BEAT) % NOTATION_TICKS:
            raise ValueError(f"note {index} {what} {beats:g}, which notation has no sign for: quantize to 1/48 beat.")


def _part(score: Score) -> Any:
    """A music21 Part in measures, every note of a length that one sign has."""
    from music21.key import KeySignature
    from music21.meter import TimeSignature
    from music21.note import Note as Sign
    from music21.note import Rest
    from music21.stream import Part
    from music21.tempo import MetronomeMark

    mode, more = _MODES[score.mode]
    sharps = _MAJOR_SHARPS[score.tonic] + more
    sharps += 12 if sharps < _MOST_FLATS else 0
    part = Part()
    part.append(_voice())
    part.append(TimeSignature(f"{score.beats_per_bar}/{score.beat_unit}"))
    part.append(KeySignature(sharps).asKey(mode))
    part.append(MetronomeMark(number=score.tempo_bpm, referent=1.0))
    now = 0.0
    for note, lyric in zip(score.notes, _lyrics(score), strict=True):
        if rest := _fraction(note.onset_beats - now):  # music21 leaves out some rests that it makes itself
            part.append(Rest(quarterLength=rest))
        sign = Sign(_spelled(note.midi, sharps), quarterLength=_fraction(note.duration_beats))
        if lyric:
            sign.lyrics = [lyric]
        part.append(sign)
        now = note.end_beats
    part.makeNotation(inPlace=True)
    part.splitAtDurations(recurse=True)
    _add_marks(part, score)
    return part


def _voice() -> Any:
    from music21.instrument import Vocalist

    voice = Vocalist()
    voice.partId, voice.instrumentId = "P1", "I1"  # music21 would draw them at random
    voice.partName = "Voice"
    return voice


def _fraction(beats: float) -> Fraction:
    return Fraction(round(beats * TICKS_A_BEAT), TICKS_A_BEAT)


def _spelled(midi: int, sharps: int) -> Any:
    """The pitch as a key of so many sharps writes it: of the twelve names nearest to it on the line of fifths."""
    from music21.pitch import Pitch

    fifths = next(place for place in range(sharps - 3, sharps + 9) if 7 * place % 12 == midi % 12)
    alter, letter = divmod(fifths + 1, 7)
    pitch = Pitch(_FIFTHS[letter] + ("#" * alter or "-" * -alter), octave=4)
    pitch.octave += (midi - pitch.midi) // 12
    return pitch


def _lyrics(score: Score) -> list[Any]:
    """A music21 Lyric for each note, None for slurs."""
    from music21.note import Lyric

    lyrics: list[Any] = []
    inside = False
    for note in score.notes:
        if note.slur:
            lyrics.append(None)
            continue
        on = note.syllable.endswith("-")
        syllabic = ("middle" if on else "end") if inside else ("begin" if on else "single")
        lyrics.append(Lyric(note.syllable.rstrip("-"), syllabic=syllabic, applyRaw=True))
        inside = on
    return lyrics


def _held_on(score: Score) -> list[bool]:
    """Whether the syllable of each note goes on over the next."""
    return [*(note.slur for note in score.notes[1:]), False]


def _add_marks(part: Any, score: Score) -> None:
    """Slurs over held syllables, and breaths. `part`: a music21 Part whose notes may be several tied signs."""
    from music21.articulations import BreathMark
    from music21.spanner import Slur

    signs: list[list[Any]] = []
    for sign in part.recurse().notes:
        if sign.tie is None or sign.tie.type == "start":
            signs.append([])
        signs[-1].append(sign)
    first = 0
    for index, (note, held_on) in enumerate(zip(score.notes, _held_on(score), strict=True)):
        if note.breath and index:
            signs[index - 1][-1].articulations.append(BreathMark())
        if not note.slur:
            first = index
        elif not held_on:
            part.insert(0.0, Slur(signs[first][0], signs[index][-1]))


def _add_source(root: Element, source: str) -> None:
    """Where the notes were taken from; and no date, so that the same song has the same bytes."""
    identification = root.find("identification")
    encoding = root.find("identification/encoding")
    if identification is None or encoding is None:
        raise RuntimeError("music21 has written no identification of the song and its encoding")
    for date in encoding.findall("encoding-date"):
        encoding.remove(date)
    SubElement(identification, "source").text = source


def _add_extenders(root: Element, score: Score) -> None:
    """A line after each syllable that is held over other notes, which music21 10.5 does not write."""
    held = [held_on for note, held_on in zip(score.notes, _held_on(score), strict=True) if not note.slur]
    for lyric, held_on in zip(root.iter("lyric"), held, strict=True):
        if held_on:
            SubElement(lyric, "extend")
