import io
import re
from itertools import product

import mido
import pytest

from schemas.score import LOWEST_MIDI, MODES, TONICS, Note, Score
from schemas.score_midi import from_midi, to_midi
from schemas.script import LANGUAGES
from schemas.seeds import generator
from tests.scores import random_score

ONE = Note(midi=60, onset_beats=0.0, duration_beats=1.0, syllable="la")


def _file(*tracks: list[mido.Message | mido.MetaMessage], kind: int = 1, ticks_per_beat: int = 480) -> bytes:
    file = io.BytesIO()
    made = [mido.MidiTrack(track) for track in tracks]
    mido.MidiFile(type=kind, ticks_per_beat=ticks_per_beat, tracks=made).save(file=file)
    return file.getvalue()


def _on(midi: int, time: int = 0) -> mido.Message:
    return mido.Message("note_on", note=midi, velocity=64, time=time)


def _off(midi: int, time: int) -> mido.Message:
    return mido.Message("note_on", note=midi, velocity=0, time=time)


def _meta(kind: str, time: int = 0, **values: object) -> mido.MetaMessage:
    return mido.MetaMessage(kind, time=time, **values)


def test_a_song_is_one_track_of_tempo_meter_key_lyrics_and_notes() -> None:
    notes = (
        Note(midi=62, onset_beats=0.5, duration_beats=0.5, syllable="twin-", breath=True),
        Note(midi=69, onset_beats=1.0, duration_beats=1 / 3, syllable="kle"),
        Note(midi=71, onset_beats=1 + 1 / 3, duration_beats=2.0, slur=True),
    )
    score = Score(tempo_bpm=90, tonic="Db", mode="dorian", beats_per_bar=6, beat_unit=8, notes=notes)
    (track,) = mido.MidiFile(file=io.BytesIO(to_midi(score))).tracks
    assert [str(message) for message in track] == [
        "MetaMessage('set_tempo', tempo=666667, time=0)",
        "MetaMessage('time_signature', numerator=6, denominator=8, clocks_per_click=24, "
        "notated_32nd_notes_per_beat=8, time=0)",
        "MetaMessage('key_signature', key='C#m', time=0)",
        "MetaMessage('text', text='mode: dorian', time=0)",
        "MetaMessage('text', text='breath', time=240)",
        "MetaMessage('lyrics', text='twin-', time=0)",
        "note_on channel=0 note=62 velocity=80 time=0",
        "note_off channel=0 note=62 velocity=0 time=240",
        "MetaMessage('lyrics', text='kle', time=0)",
        "note_on channel=0 note=69 velocity=80 time=0",
        "note_off channel=0 note=69 velocity=0 time=160",
        "MetaMessage('lyrics', text='-', time=0)",
        "note_on channel=0 note=71 velocity=80 time=0",
        "note_off channel=0 note=71 velocity=0 time=960",
        "MetaMessage('end_of_track', time=0)",
    ]


def test_lyrics_are_utf_8() -> None:
    data = to_midi(Score(tempo_bpm=90, tonic="C", notes=(ONE.model_copy(update={"syllable": "星"}),)))
    assert b"\xff\x05\x03" + "星".encode() in data


def test_whatever_a_score_holds_comes_back() -> None:
    for number, language in product(range(150), LANGUAGES):
        score = random_score(generator("midi", number, language), language)
        data = to_midi(score)
        assert data == to_midi(score)
        assert from_midi(data) == score


@pytest.mark.parametrize(("tonic", "mode"), list(product(TONICS, MODES)))
def test_every_key_comes_back(tonic: str, mode: str) -> None:
    score = Score(tempo_bpm=90, tonic=tonic, mode=mode, notes=(ONE,))
    assert from_midi(to_midi(score)) == score


def test_a_tempo_of_more_decimals_comes_back_to_half_a_microsecond_a_beat() -> None:
    score = from_midi(to_midi(Score(tempo_bpm=123.456789, tonic="C", notes=(ONE,))))
    assert abs(score.seconds_per_beat - 60 / 123.456789) <= 0.5e-6


def test_a_file_of_another_program_is_read() -> None:
    conductor = [_meta("set_tempo", tempo=600_000), _meta("key_signature", key="Gb")]
    karaoke = [
        _meta("track_name", name="Words"),
        _meta("lyrics", text="Moon-"),
        _meta("lyrics", text="light!\r", time=96),
    ]
    melody = [_on(60), _off(60, 96), _on(62), _off(62, 48), _on(64), _off(64, 48), _meta("set_tempo", tempo=1, time=9)]
    score = from_midi(_file(conductor, melody, karaoke, ticks_per_beat=96))
    assert score == Score(
        tempo_bpm=100.0,
        tonic="F#",
        notes=(
            Note(midi=60, onset_beats=0.0, duration_beats=1.0, syllable="Moon-"),
            Note(midi=62, onset_beats=1.0, duration_beats=0.5, syllable="light"),
            Note(midi=64, onset_beats=1.5, duration_beats=0.5, slur=True),
        ),
    )


def test_a_melody_without_words_is_sung_on_la() -> None:
    score = from_midi(_file([_on(60), _off(60, 480), _on(62, 7), _off(62, 480)], kind=0))
    assert [note.syllable for note in score.notes] == ["la", "la"]
    assert (score.tempo_bpm, score.tonic, score.mode, score.beats_per_bar, score.beat_unit) == (
        120.0,
        "C",
        "major",
        4,
        4,
    )


def test_running_status_is_understood() -> None:
    body = bytes.fromhex("00903c40 83603c00 003e40 83603e00 00ff2f00")
    data = bytes.fromhex("4d546864 00000006 0000 0001 01e0 4d54726b") + len(body).to_bytes(4, "big") + body
    assert [(note.midi, note.onset_beats, note.duration_beats) for note in from_midi(data).notes] == [
        (60, 0.0, 1.0),
        (62, 1.0, 1.0),
    ]


LA = _meta("lyrics", text="la")
NOTE = [_on(60), _off(60, 480)]


@pytest.mark.parametrize(
    ("tracks", "reason"),
    [
        ([[]], "there are no notes in this MIDI file: export the track of the melody."),
        (
            [[], [_on(60), _on(64), _off(60, 480), _off(64, 0)]],
            "track 1, tick 0: note 64 begins while note 60 sounds: keep one voice in a track of its own, "
            "and end each note before the next.",
        ),
        (
            [[_on(60), _on(62, 470), _off(60, 10), _off(62, 480)]],
            "track 0, tick 470: note 62 begins while note 60 sounds: keep one voice in a track of its own, "
            "and end each note before the next.",
        ),
        ([[_on(60, 5)]], "track 0, tick 5: note 60 is never ended: export the file again."),
        (
            [
                [
                    _meta("set_tempo", tempo=500_000),
                    _on(60),
                    _meta("set_tempo", tempo=400_000, time=240),
                    _off(60, 1),
                    *NOTE,
                ]
            ],
            "track 0, tick 240: the tempo changes, and a score has one: cut the file there, or give it one tempo.",
        ),
        (
            [NOTE, [_meta("time_signature", time=0, numerator=17)]],
            "track 0: beats_per_bar: Input should be less than or equal to 16: "
            "change it in the program that wrote the file.",
        ),
        (
            [[*NOTE, _meta("key_signature", key="G"), *NOTE]],
            "track 0, tick 480: the key changes, and a score has one: cut the file there, or give it one key.",
        ),
        (
            [[LA, _on(60), _off(60, 480), _on(60, 480), _off(60, 480)]],
            "track 0, tick 960: a note after a rest has no lyric: give it a syllable.",
        ),
        (
            [[LA, *NOTE, _meta("lyrics", time=1, text="la")]],
            "track 0, tick 481: no note begins with the lyric 'la': move it to one, or delete it.",
        ),
        (
            [[LA, _meta("lyrics", text="lo"), *NOTE]],
            "track 0, tick 0: a note has the lyrics 'la' and 'lo': keep one verse.",
        ),
        (
            [[_meta("lyrics", text="cafés"), *NOTE]],
            "track 0, tick 0: 'cafés' is neither an English syllable nor one Chinese character: change the note.",
        ),
        (
            [[_meta("lyrics", text="twin-"), *NOTE]],
            "track 0: syllable 0, 'twin-', begins a word that does not go on: "
            "change it in the program that wrote the file.",
        ),
        ([[_on(30), _off(30, 480)]], f"track 0, tick 0: note 30 is outside {LOWEST_MIDI} to 88: transpose the melody."),
        (
            [[_on(60), _off(60, 29)]],
            "track 0, tick 0: duration_beats: Input should be greater than or equal to 0.0625: change the note.",
        ),
        (
            [[_on(60), mido.UnknownMetaMessage(0x08, b"choir", time=480), _off(60, 0)]],
            "track 0, after tick 0: there is a meta event of the unknown kind 0x08: delete it, or export without it.",
        ),
    ],
)
def test_what_no_score_holds_is_refused_by_track_and_tick(tracks: list[list[mido.Message]], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        from_midi(_file(*tracks))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "this is no whole MIDI file: it ends too soon; export it again."),
        (b"RIFF....WAVEfmt ", "this is no whole MIDI file: MThd not found. Probably not a MIDI file; export it again."),
        (_file(NOTE, kind=2), "this MIDI file is of format 2, whose tracks are no one song: export format 0 or 1."),
        (
            _file(NOTE, ticks_per_beat=-6_000),
            "this MIDI file counts in frames of film, not in beats: export it with ticks per quarter note.",
        ),
    ],
)
def test_what_is_no_song_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        from_midi(data)


def test_a_damaged_file_is_a_score_or_a_value_error() -> None:
    random = generator("damaged midi")
    data = to_midi(random_score(random, "zh"))
    refused = 0
    for _ in range(300):
        damaged = bytearray(data[: random.integers(1, len(data) + 1)])
        damaged[random.integers(len(damaged))] = random.integers(256)
        try:
            from_midi(bytes(damaged))
        except ValueError:
            refused += 1
    assert refused > 150
