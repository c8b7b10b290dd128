import re
from typing import Any
from xml.etree import ElementTree

import pytest
from music21.articulations import BreathMark
from music21.converter import parseData
from music21.key import Key
from music21.meter import TimeSignature
from music21.spanner import Slur
from music21.stream import Score as Sheet
from music21.tempo import MetronomeMark

from schemas.errors import MissingExtraError
from schemas.score import MODES, TONICS, Note, Score, Song
from schemas.score_musicxml import to_musicxml
from schemas.script import LANGUAGES
from schemas.seeds import generator
from tests.scores import random_score

TWINKLE = Score(
    tempo_bpm=90.5,
    tonic="Db",
    mode="minor",
    beats_per_bar=3,
    notes=(
        Note(midi=60, onset_beats=1.0, duration_beats=1.0, syllable="twin-", breath=True),
        Note(midi=61, onset_beats=2.0, duration_beats=0.5, syllable="kle"),
        Note(midi=59, onset_beats=2.5, duration_beats=2.5, slur=True),
        Note(midi=63, onset_beats=5.0, duration_beats=1 / 3, slur=True),
        Note(midi=58, onset_beats=5.5, duration_beats=1.0, syllable="star", breath=True),
    ),
)


def _song(score: Score) -> Song:
    return Song(
        song_id="book-en-star",
        title="小星星",
        origin="traditional, France",
        source="transcribed: from memory, unverified",
        licence="public domain",
        score=score,
    )


def _read(score: Score) -> Sheet:
    sheet = parseData(to_musicxml(_song(score)), format="musicxml")
    assert isinstance(sheet, Sheet)
    return sheet


def _signs(sheet: Sheet) -> list[list[Any]]:
    """The signs of each note: several where they are tied."""
    signs: list[list[Any]] = []
    for sign in sheet.recurse().notes:
        if sign.tie is None or sign.tie.type == "start":
            signs.append([])
        signs[-1].append(sign)
    return signs


def _syllables(sheet: Sheet) -> list[str]:
    hyphens = {"begin": "-", "middle": "-", "single": "", "end": ""}
    lyrics = [first.lyrics for first, *_ in _signs(sheet)]
    return ["".join(lyric.rawText.strip("-") + hyphens[lyric.syllabic] for lyric in each) for each in lyrics]


def _slurred(sheet: Sheet) -> list[bool]:
    places = {id(sign): place for place, signs in enumerate(_signs(sheet)) for sign in signs}
    held: set[int] = set()
    for slur in sheet.recurse().getElementsByClass(Slur):
        held.update(range(places[id(slur.getFirst())] + 1, places[id(slur.getLast())] + 1))
    return [place in held for place in range(len(_signs(sheet)))]


def _breaths(sheet: Sheet) -> list[bool]:
    marked = [any(isinstance(mark, BreathMark) for mark in signs[-1].articulations) for signs in _signs(sheet)]
    return [False, *marked[:-1]]


def _notes(sheet: Sheet) -> list[tuple[int, float, float]]:
    merged = sheet.parts[0].stripTies().flatten().notes
    return [(note.pitch.midi, float(note.offset), float(note.quarterLength)) for note in merged]


def test_a_song_reads_back_as_it_was_written() -> None:
    sheet = _read(TWINKLE)
    assert _notes(sheet) == [(n.midi, n.onset_beats, pytest.approx(n.duration_beats)) for n in TWINKLE.notes]
    assert _syllables(sheet) == ["twin-", "kle", "", "", "star"]
    assert _slurred(sheet) == [False, False, True, True, False]
    assert _breaths(sheet) == [False, False, False, False, True]
    assert [len(signs) for signs in _signs(sheet)] == [1, 1, 2, 1, 2]
    assert [first.pitch.nameWithOctave for first, *_ in _signs(sheet)] == ["B#3", "C#4", "B3", "D#4", "A#3"]
    (meter,), (key,), (tempo,) = (
        list(sheet.recurse().getElementsByClass(kind)) for kind in (TimeSignature, Key, MetronomeMark)
    )
    assert (meter.ratioString, key.tonic.name, key.mode, tempo.number) == ("3/4", "C#", "minor", 90.5)
    assert (sheet.metadata.bestTitle, sheet.metadata.composer, sheet.metadata.copyright) == (
        "小星星",
        "traditional, France",
        "public domain",
    )


def test_what_music21_does_not_write_is_in_the_file() -> None:
    data = to_musicxml(_song(TWINKLE))
    root = ElementTree.fromstring(data)
    assert data == to_musicxml(_song(TWINKLE))
    assert root.findtext("identification/source") == "transcribed: from memory, unverified"
    assert [lyric.find("extend") is not None for lyric in root.iter("lyric")] == [False, True, False]
    assert root.find(".//encoding-date") is None


def test_whatever_a_score_holds_reads_back() -> None:
    for number in range(24):
        language = LANGUAGES[number % 2]
        drawn = random_score(generator("musicxml", number), language)
        score = drawn.model_copy(update={"beat_unit": max(4, drawn.beat_unit)})
        sheet = _read(score)
        assert _notes(sheet) == [
            (note.midi, pytest.approx(note.onset_beats), pytest.approx(note.duration_beats)) for note in score.notes
        ]
        assert _syllables(sheet) == [note.syllable for note in score.notes]
        assert _slurred(sheet) == [note.slur for note in score.notes]
        assert _breaths(sheet) == [note.breath and index > 0 for index, note in enumerate(score.notes)]


@pytest.mark.parametrize("mode", MODES)
def test_every_key_is_written_with_its_tonic_and_six_accidentals_at_most(mode: str) -> None:
    for tonic in TONICS:
        score = Score(tempo_bpm=90, tonic=tonic, mode=mode, notes=TWINKLE.notes[:2])
        (key,) = _read(score).recurse().getElementsByClass(Key)
        assert key.tonic.pitchClass == (Key(tonic.replace("b", "-")).tonic.pitchClass)
        assert abs(key.sharps) <= 6
        assert mode.endswith(key.mode) or (mode, key.mode) in (("pentatonic", "major"), ("minor pentatonic", "minor"))


def test_times_without_a_sign_are_refused() -> None:
    late = TWINKLE.notes[0].model_copy(update={"onset_beats": 1 / 480, "syllable": "la"})
    reason = "note 0 begins at beat 0.00208333, which notation has no sign for: quantize to 1/48 beat."
    with pytest.raises(ValueError, match=re.escape(reason)):
        to_musicxml(_song(Score(tempo_bpm=90, tonic="C", notes=(late,))))
    long = TWINKLE.notes[1].model_copy(update={"onset_beats": 0.0, "duration_beats": 64.0})
    with pytest.raises(ValueError, match=r"notation has no sign for a time in '小星星': .*too long"):
        to_musicxml(_song(Score(tempo_bpm=90, tonic="C", beats_per_bar=16, beat_unit=1, notes=(long,))))


def test_without_music21_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.score_musicxml.find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=r"MusicXML needs the package 'music21': pip install 'troupe\[music\]'\."
    ):
        to_musicxml(_song(TWINKLE))
