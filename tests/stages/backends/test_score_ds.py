import json
import re
from itertools import accumulate, product
from typing import Any

import pytest

from schemas.score import Note, Score
from schemas.script import LANGUAGES
from schemas.seeds import generator
from stages.backends.score_ds import from_ds, read_ds, to_ds
from tests.scores import random_score

FOREIGN: dict[str, Any] = {
    "offset": 7.0,
    "text": "AP 试 着 SP 掬 一",
    "ph_seq": "AP sh ir zh e SP j v y i",
    "ph_num": "2 2 1 2 2 1",
    "ph_dur": "0.3947 0.209 0.2554 0.1509 0.5921 0.1045 0.2 0.2 0.2 0.2",
    "note_seq": "rest D#3 C4 rest Bb4 C4+20 A♯3",
    "note_dur": "0.6 0.4 0.6 0.2 0.4 0.4 0.4",
    "note_slur": "0 0 0 0 0 0 1",
    "f0_seq": "160.3 160.3",
    "f0_timestep": "0.005",
}


def test_a_song_is_one_segment_of_phones_and_notes() -> None:
    notes = (
        Note(midi=60, onset_beats=1.0, duration_beats=1.0, syllable="twin-", breath=True),
        Note(midi=61, onset_beats=2.0, duration_beats=0.5, syllable="kle"),
        Note(midi=59, onset_beats=2.5, duration_beats=0.5, slur=True),
        Note(midi=58, onset_beats=3.5, duration_beats=1.0, syllable="star", breath=True),
        Note(midi=70, onset_beats=4.5, duration_beats=1.0, syllable="oh", breath=True),
        Note(midi=70, onset_beats=6.0, duration_beats=1.0, syllable="my"),
    )
    score = Score(tempo_bpm=90, tonic="Bb", mode="minor pentatonic", beats_per_bar=6, beat_unit=8, notes=notes)
    assert to_ds(score, "en", 0.5) == {
        "offset": 0.0,
        "text": "SP AP twin- kle AP star oh SP my",
        "ph_seq": "SP AP t w ih ng k ah l AP s t aa r ow SP m ay",
        "ph_num": "1 3 3 2 3 2 1 2 1",
        "note_seq": "rest rest C4 C#4 B3 rest A#3 A#4 rest A#4",
        "note_dur": "0.766667 0.400000 0.666666 0.333334 0.333333 0.333333 0.666667 0.666667 0.333333 0.666667",
        "note_slur": "0 0 0 0 1 0 0 0 0 0",
        "tempo_bpm": 90.0,
        "tonic": "Bb",
        "mode": "minor pentatonic",
        "meter": "6/8",
        "lead_s": 0.5,
        "breaths": "2 6 7",
    }


def test_a_mandarin_song_that_begins_at_once_has_its_first_consonant_in_the_first_group() -> None:
    notes = [Note(midi=60, onset_beats=beat, duration_beats=1.0, syllable=word) for beat, word in enumerate("月亮")]
    segment = to_ds(Score(tempo_bpm=120, tonic="C", notes=tuple(notes)), "zh", 0.0)
    assert (segment["text"], segment["ph_seq"], segment["ph_num"]) == ("月 亮", "y ve l iang", "3 1")


def test_whatever_a_score_holds_comes_back_and_the_fields_agree() -> None:
    for number, language in product(range(100), LANGUAGES):
        random = generator("ds", number, language)
        score, lead_s = random_score(random, language), float(random.choice((0.0, 0.5, random.uniform(0, 2))))
        lead_s -= score.times_s(score.notes[0])[0]
        segment = to_ds(score, language, lead_s)
        assert from_ds(json.loads(json.dumps(segment))) == score
        values = {name: str(segment[name]).split() for name in segment}
        durations = [float(value) for value in values["note_dur"]]
        assert min(durations) > 0
        assert sum(durations) == pytest.approx(lead_s + score.duration_s, abs=1e-6)
        assert len(values["ph_num"]) == len(values["text"]) == values["note_slur"].count("0")
        assert sum(map(int, values["ph_num"])) == len(values["ph_seq"])
        onsets = [
            time
            for time, name in zip(accumulate([0.0, *durations]), values["note_seq"], strict=False)
            if name != "rest"
        ]
        wanted = [lead_s + score.times_s(note)[0] for note in score.notes]
        assert onsets == pytest.approx(wanted, abs=2e-6)


def test_a_negative_lead_is_refused() -> None:
    score = random_score(generator("lead"), "en")
    with pytest.raises(ValueError, match=r"lead_s is -0\.1: the first note, 0 s after beat 0, would come before"):
        to_ds(score, "en", -0.1)


def test_a_file_of_another_program_is_read_segment_by_segment() -> None:
    later = FOREIGN | {"offset": "20", "text": "一二三四", "tempo_bpm": 60, "lead_s": 0.6, "tonic": "G", "meter": "3/4"}
    first, second = read_ds(json.dumps([FOREIGN, later]))
    assert first == Score(
        tempo_bpm=120.0,
        tonic="C",
        notes=(
            Note(midi=51, onset_beats=15.2, duration_beats=0.8, syllable="试", breath=True),
            Note(midi=60, onset_beats=16.0, duration_beats=1.2, syllable="着"),
            Note(midi=70, onset_beats=17.6, duration_beats=0.8, syllable="掬"),
            Note(midi=60, onset_beats=18.4, duration_beats=0.8, syllable="一"),
            Note(midi=58, onset_beats=19.2, duration_beats=0.8, slur=True),
        ),
    )
    assert (second.tempo_bpm, second.tonic, second.beats_per_bar, second.beat_unit) == (60.0, "G", 3, 4)
    assert second.notes[0] == Note(midi=51, onset_beats=20.0, duration_beats=0.4, syllable="一", breath=True)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"note_seq": None}, "note_seq: missing, or no text of values with spaces between them."),
        ({"note_dur": "0.6 0.4"}, "note_dur has 2 values, note_seq 7: give each note one."),
        ({"note_slur": "0"}, "note_slur has 1 values, note_seq 7: give each note one."),
        ({"note_dur": "0.6 0.4 0.6 x 0.4 0.4 0.4"}, "note_dur[3]: 'x' is no number."),
        ({"note_dur": "0.6 0.4 0.6 inf 0.4 0.4 0.4"}, "note_dur[3]: 'inf' is no number."),
        ({"note_dur": "0.6 0.4 0.6 -1 0.4 0.4 0.4"}, "note_dur[3]: -1 is less than nothing: write seconds."),
        ({"note_slur": "0 0 0 0 0 0 2"}, "note_slur[6]: '2' is neither 0 nor 1."),
        (
            {"note_slur": "0 0 0 0 1 0 0"},
            "note_slur[4]: a slur needs a note, and one right before it: write 0.",
        ),
        ({"note_seq": "rest D#3 H4 rest Bb4 C4 A3"}, "note_seq[2]: 'H4' is no note: write it like C#4, or rest."),
        (
            {"note_seq": "rest D#1 C4 rest Bb4 C4 A3"},
            "note_seq[1]: midi: Input should be greater than or equal to 36: change the note.",
        ),
        (
            {"note_dur": "0.6 0.01 0.6 0.2 0.4 0.4 0.4"},
            "note_seq[1]: duration_beats: Input should be greater than or equal to 0.0625: change the note.",
        ),
        ({"ph_num": "2 2 1"}, "ph_num has 3 values for 6 notes without slur: give each one."),
        ({"ph_num": "2 2 1 2 2 x"}, "ph_num[5]: 'x' is no count of phones."),
        ({"ph_num": "2 2 1 2 2 2"}, "ph_num counts 11 phones, ph_seq has 10: make them agree."),
        ({"text": "试 é"}, "text: 'é' is neither English nor Chinese."),
        (
            {"text": "试 着"},
            "text has 2 syllables, but 4 notes are sung without slur: write one syllable a note, like twin- kle.",
        ),
        ({"breaths": "0"}, "breaths[0]: '0' is no place of a sung note in note_seq."),
        ({"tempo_bpm": 0}, "tempo_bpm: 0 is no tempo: write beats a minute."),
        ({"tempo_bpm": 400}, "tempo_bpm: Input should be less than or equal to 300: change it."),
        ({"meter": "waltz"}, "meter: 'waltz' is none: write it like 6/8."),
        ({"mode": "lydian"}, "mode: Input should be 'major', 'minor', 'dorian', 'mixolydian', 'pentatonic' or "
         "'minor pentatonic': change it."),
        ({"offset": "late"}, "offset: 'late' is no number."),
    ],
)  # fmt: skip
def test_fields_that_do_not_fit_are_refused_by_field_and_place(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape('segment 1: ' + reason)}$"):
        read_ds(json.dumps([FOREIGN, FOREIGN | changed]))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[", "this is no .ds file, which is JSON: Expecting value: line 1 column 2 (char 1)."),
        ("[3]", "segment 0: it is no object with fields: write one segment a place of the list."),
    ],
)
def test_what_is_no_ds_file_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        read_ds(text)
