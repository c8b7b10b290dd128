"""Scores as segments of DiffSinger's `.ds` files, which are JSON: a list of objects with times in seconds.

`note_seq`, `note_dur` and `note_slur` have one value a note, rests included. `ph_num` and `text` have one a syllable or
rest: a group of phones begins with a vowel, and the consonants before the next beat belong to it ("SP d | aw n").
A rest is sung on SP; its last BREATH_S, or all of a shorter one, is AP where a breath is due.

What `.ds` has no field for is in fields of our own, which DiffSinger does not read: `tempo_bpm`, `tonic`, `mode`,
`meter`, `lead_s` (where beat 0 lies), and `breaths`, the places in `note_seq` of the notes with a breath before them:
those right after another note have no AP. Segments of others have none of these: their beats are those of 120 bpm, in
C major and 4/4, beat 0 lies at `offset` 0, and breaths are where AP is. Whoever knows better may add them.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from pydantic import ValidationError

from schemas.score import TICKS_A_BEAT, Note, Score
from schemas.score_midi import first_fault
from schemas.script import Language
from stages.backends.score_ds_phones import SungPhones, sung_phones

BREATH_S = 0.4
REST, PAUSE, BREATH = "rest", "SP", "AP"
NONE = -1
PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
DECIMALS = 6
"""Of a time in seconds."""
NEAR_S = 1e-4
"""Less than a tick of the fastest score."""
DEFAULT_TEMPO_BPM = 120.0

_NOTE = re.compile(r"([A-G])([#♯b♭]?)(-?\d)([+-]\d+)?")
_SYLLABLE = re.compile(r"\b(?:SP|AP)\b|[A-Za-z']+-?|[\u4e00-\u9fff]")


def to_ds(score: Score, language: Language, lead_s: float) -> dict[str, str | float]:
    """One segment that begins `lead_s` before beat 0, or after it where it is negative, and ends with the last note.

    Raises ValueError where the first note comes before the segment, and UnspeakableTextError for words that the
    language has no reading of.
    """
    first_s, _ = score.times_s(score.notes[0])
    if not -first_s <= lead_s < math.inf:
        raise ValueError(
            f"lead_s is {lead_s}: the first note, {first_s:g} s after beat 0, would come before the segment"
        )
    phones = iter(sung_phones(score, language))
    notes: list[tuple[str, float, bool]] = []  # name, end in seconds, slur
    groups: list[tuple[str, SungPhones]] = []
    breaths = []
    now = 0.0
    for note in score.notes:
        start_s, end_s = (round(lead_s + time_s, DECIMALS) for time_s in score.times_s(note))
        for pause, until_s in _rest(now, start_s, note.breath):
            notes.append((REST, until_s, False))
            groups.append((pause, SungPhones((), (pause,))))
        if note.breath:
            breaths.append(len(notes))
        if not note.slur:
            groups.append((note.syllable, next(phones)))
        notes.append((note_name(note.midi), end_s, note.slur))
        now = end_s
    return {
        "offset": 0.0,
        "text": " ".join(text for text, _ in groups),
        **_phone_fields([syllable for _, syllable in groups]),
        "note_seq": " ".join(name for name, _, _ in notes),
        "note_dur": " ".join(f"{end - start:.{DECIMALS}f}" for start, end in pairwise([0.0, *(n[1] for n in notes)])),
        "note_slur": " ".join(str(int(slur)) for _, _, slur in notes),
        "tempo_bpm": score.tempo_bpm,
        "tonic": score.tonic,
        "mode": score.mode,
        "meter": f"{score.beats_per_bar}/{score.beat_unit}",
        "lead_s": lead_s,
        "breaths": " ".join(map(str, breaths)),
    }


def read_ds(text: str) -> list[Score]:
    """The scores of a `.ds` file's segments, which tell by their first beats where in the song they lie.

    Raises ValueError, which names segment, field, place and remedy.
    """
    try:
        segments = json.loads(text)
    except ValueError as error:
        raise ValueError(f"this is no .ds file, which is JSON: {error}.") from error
    segments = segments if isinstance(segments, list) else [segments]
    scores = []
    for index, segment in enumerate(segments):
        try:
            if not isinstance(segment, dict):
                raise ValueError("it is no object with fields: write one segment a place of the list.")
            scores.append(from_ds(segment))
        except ValueError as error:
            raise ValueError(f"segment {index}: {error}") from error
    return scores


def from_ds(segment: Mapping[str, Any]) -> Score:
    """The score of a segment, ours or another's; curves and phones' durations are no part of it. Times are rounded to
    the score's grid, a pitch with cents to the nearest semitone, and rests are what lies between notes.

    Raises ValueError, which names field, place and remedy, for fields that are missing or do not fit each other, and
    for what no Score holds.
    """
    rows = _rows(segment)
    pauses = _pauses(segment, [index for index, row in enumerate(rows) if not row.slur])
    sung = [index for index, row in enumerate(rows) if row.midi != NONE and index not in pauses]
    syllables = iter(_syllables(segment, sum(not rows[index].slur for index in sung)))
    tempo_bpm = _number(segment.get("tempo_bpm", DEFAULT_TEMPO_BPM), "tempo_bpm")
    if tempo_bpm <= 0.0:
        raise ValueError(f"tempo_bpm: {tempo_bpm:g} is no tempo: write beats a minute.")
    lead_s = _number(segment.get("lead_s", 0.0), "lead_s") - _number(segment.get("offset", 0.0), "offset")
    ends = list(accumulate((row.duration_s for row in rows), initial=-lead_s))
    breaths = _breaths(segment, pauses, sung)
    notes = []
    for index in sung:
        row = rows[index]
        onset, end = (round(time_s * tempo_bpm / 60.0 * TICKS_A_BEAT) for time_s in ends[index : index + 2])
        try:
            note = Note(
                midi=row.midi,
                onset_beats=onset / TICKS_A_BEAT,
                duration_beats=(end - onset) / TICKS_A_BEAT,
                syllable="" if row.slur else next(syllables),
                slur=row.slur,
                breath=index in breaths,
            )
        except ValidationError as error:
            raise ValueError(f"note_seq[{index}]: {first_fault(error)}: change the note.") from error
        notes.append(note)
    return _score(segment, tempo_bpm, notes)


def _score(segment: Mapping[str, Any], tempo_bpm: float, notes: list[Note]) -> Score:
    meter = re.fullmatch(r"(\d{1,3})/(\d{1,3})", str(segment.get("meter", "4/4")))
    if not meter:
        raise ValueError(f"meter: '{segment['meter']}' is none: write it like 6/8.")
    try:
        return Score(
            tempo_bpm=tempo_bpm,
            tonic=segment.get("tonic", "C"),
            mode=segment.get("mode", "major"),
            beats_per_bar=int(meter[1]),
            beat_unit=int(meter[2]),  # type: ignore[arg-type]  # the model checks it
            notes=tuple(notes),
        )
    except ValidationError as error:
        raise ValueError(f"{first_fault(error)}: change it.") from error


def _rest(now: float, until_s: float, breath: bool) -> Iterator[tuple[str, float]]:
    """What is sung on the rest from now, each with its end; nothing where there is no rest."""
    if until_s - now < NEAR_S:
        return
    breath_s = min(BREATH_S, until_s - now) if breath else 0.0
    if until_s - breath_s - now > NEAR_S:
        yield PAUSE, round(until_s - breath_s, DECIMALS)
    if breath:
        yield BREATH, until_s


def _phone_fields(syllables: list[SungPhones]) -> dict[str, str | float]:
    """`ph_seq` and `ph_num`: the consonants that begin a syllable are of the group before, but for the first one's."""
    counts = [len(syllable.rime) for syllable in syllables]
    for index, syllable in enumerate(syllables):
        counts[max(0, index - 1)] += len(syllable.onset)
    phones = [phone for syllable in syllables for phone in (*syllable.onset, *syllable.rime)]
    return {"ph_seq": " ".join(phones), "ph_num": " ".join(map(str, counts))}


@dataclass(frozen=True)
class _Row:
    """One of `note_seq`; a rest has the pitch NONE."""

    midi: int
    duration_s: float
    slur: bool


def _rows(segment: Mapping[str, Any]) -> list[_Row]:
    names, durations, slurs = (_values(segment, field) for field in ("note_seq", "note_dur", "note_slur"))
    for field, values in (("note_dur", durations), ("note_slur", slurs)):
        if len(values) != len(names):
            raise ValueError(f"{field} has {len(values)} values, note_seq {len(names)}: give each note one.")
    rows = []
    for index, (name, duration, slur) in enumerate(zip(names, durations, slurs, strict=True)):
        seconds = _number(duration, f"note_dur[{index}]")
        if seconds < 0.0:
            raise ValueError(f"note_dur[{index}]: {duration} is less than nothing: write seconds.")
        if slur not in ("0", "1"):
            raise ValueError(f"note_slur[{index}]: '{slur}' is neither 0 nor 1.")
        rows.append(_Row(_midi(name, index), seconds, slur == "1"))
    for index, (before, row) in enumerate(pairwise([_Row(NONE, 0.0, False), *rows])):
        if row.slur and NONE in (row.midi, before.midi):
            raise ValueError(f"note_slur[{index}]: a slur needs a note, and one right before it: write 0.")
    return rows


def note_name(midi: int) -> str:
    """As `.ds` writes it: 60 is C4, 61 is C#4."""
    return f"{PITCHES[midi % 12]}{midi // 12 - 1}"


def _midi(name: str, index: int) -> int:
    if name == REST:
        return NONE
    match = _NOTE.fullmatch(name)
    if not match:
        raise ValueError(f"note_seq[{index}]: '{name}' is no note: write it like C#4, or rest.")
    letter, sign, octave, cents = match.groups()
    sharp = {"": 0, "#": 1, "♯": 1}.get(sign, -1)
    return PITCHES.index(letter) + sharp + 12 * (int(octave) + 1) + round(int(cents or 0) / 100)


def _pauses(segment: Mapping[str, Any], unslurred: list[int]) -> dict[int, str]:
    """SP or AP by the place in `note_seq` where it is sung, from the first phone of each group."""
    phones, counts = _values(segment, "ph_seq"), _values(segment, "ph_num")
    if len(counts) != len(unslurred):
        raise ValueError(f"ph_num has {len(counts)} values for {len(unslurred)} notes without slur: give each one.")
    if wrong := next(
        (f"ph_num[{index}]: '{count}'" for index, count in enumerate(counts) if not count.isdecimal()), None
    ):
        raise ValueError(f"{wrong} is no count of phones.")
    starts = list(accumulate(map(int, counts), initial=0))
    if starts[-1] != len(phones):
        raise ValueError(f"ph_num counts {starts[-1]} phones, ph_seq has {len(phones)}: make them agree.")
    firsts = (phones[start : start + int(count)][:1] for start, count in zip(starts, counts, strict=False))
    return {
        index: first[0] for index, first in zip(unslurred, firsts, strict=True) if first and first[0] in (PAUSE, BREATH)
    }


def _breaths(segment: Mapping[str, Any], pauses: Mapping[int, str], sung: list[int]) -> set[int]:
    """The places in `note_seq` of the notes with a breath before them."""
    if "breaths" not in segment:
        return {index for index in sung if pauses.get(index - 1) == BREATH}
    places = str(segment["breaths"]).split()
    for index, place in enumerate(places):
        if not place.isdecimal() or int(place) not in sung:
            raise ValueError(f"breaths[{index}]: '{place}' is no place of a sung note in note_seq.")
    return set(map(int, places))


def _syllables(segment: Mapping[str, Any], wanted: int) -> list[str]:
    text = " ".join(_values(segment, "text"))
    found = [token for token in _SYLLABLE.findall(text) if token not in (PAUSE, BREATH)]
    if foreign := next((letter for letter in _SYLLABLE.sub("", text) if letter.isalnum()), None):
        raise ValueError(f"text: '{foreign}' is neither English nor Chinese.")
    if len(found) != wanted:
        remedy = "write one syllable a note, like twin- kle"
        raise ValueError(f"text has {len(found)} syllables, but {wanted} notes are sung without slur: {remedy}.")
    return found


def _values(segment: Mapping[str, Any], field: str) -> list[str]:
    value = segment.get(field)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{field}: missing, or no text of values with spaces between them.")
    return value.split()


def _number(value: Any, field: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{field}: '{value}' is no number.")
    return number
