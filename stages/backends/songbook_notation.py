"""Reads the notation of the songbook (prompts/songbook/README.md): figures for notes, and the syllables under them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from schemas.score import TICKS_A_BEAT, Note

MAJOR = (0, 2, 4, 5, 7, 9, 11)
_NOTE = re.compile(r"(?P<slur>_?)(?P<sign>[#b]?)(?P<figure>[0-7])(?P<octaves>'*|,*)(?::(?P<beats>\d+(?:\.\d+)?))?")
_TIE = re.compile(r"~(?::(?P<beats>\d+(?:\.\d+)?))?")
_MARKS = ",.!?;:，。！？；：、"


@dataclass(frozen=True)
class _Sung:
    """A note that is not yet worded. `midi` is None for a rest; `tie` says that it prolongs the note before."""

    midi: int | None
    beats: float
    slur: bool = False
    tie: bool = False


def read_notes(lines: Sequence[str], do_midi: int, bar_beats: float) -> list[list[Note]]:
    """The notes of each phrase, every one on "la" unless it is slurred, the first of each phrase with a breath.

    Raises ValueError that names the phrase (from 1) and the remedy: for what is no note, for a bar that is too long or
    too short (but the first and the last of the song), and for a phrase without notes.
    """
    now = _lead(lines, bar_beats)
    phrases: list[list[Note]] = []
    for number, line in enumerate(lines, start=1):
        phrase: list[Note] = []
        for sung in (_token(token, number, do_midi) for token in line.split() if token != "|"):
            if sung.tie:
                _prolong(phrase, sung.beats, number)
            elif sung.midi is not None:
                phrase.append(_note(sung, now, breath=not phrase, number=number))
            now += sung.beats
        if not phrase:
            raise ValueError(f"phrase {number} has no note: leave it out, or write its notes")
        phrases.append(phrase)
    return phrases


def _lead(lines: Sequence[str], bar_beats: float) -> float:
    """How many beats the first bar lacks, which is where a pickup begins. Checks all bars."""
    bars: list[float] = [0.0]
    for number, line in enumerate(lines, start=1):
        for token in line.split():
            if token != "|":
                bars[-1] += _token(token, number, 0).beats
                continue
            if bars[-1] > bar_beats or (bars[-1] < bar_beats and len(bars) > 1):
                raise ValueError(
                    f"phrase {number}: bar {len(bars)} has {bars[-1]:g} beats instead of {bar_beats:g}: correct a "
                    "duration or a '|'"
                )
            bars.append(0.0)
    if bars[-1] > bar_beats:
        raise ValueError(
            f"phrase {len(lines)}: the last bar has {bars[-1]:g} beats, more than {bar_beats:g}: add a '|'"
        )
    return max(0.0, bar_beats - bars[0])


def read_words(text: str) -> list[str]:
    """Syllables: Chinese characters, and English syllables set off by spaces; punctuation is left out."""
    bare = "".join(" " if mark in _MARKS else mark for mark in text)
    return re.findall(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+", bare)


def with_words(phrase: Sequence[Note], syllables: Sequence[str], number: int) -> list[Note]:
    """The phrase on its words. Raises ValueError where notes and syllables are not as many."""
    places = sum(not note.slur for note in phrase)
    if places != len(syllables):
        raise ValueError(
            f"phrase {number} has {places} notes to put a syllable on, but {len(syllables)} syllables: slur a note to "
            f"the one before with '_', or split a word with '- '"
        )
    rest = iter(syllables)
    return [note if note.slur else _checked(number, {**dict(note), "syllable": next(rest)}) for note in phrase]


def _token(token: str, number: int, do_midi: int) -> _Sung:
    match = _TIE.fullmatch(token) or _NOTE.fullmatch(token)
    if not match:
        raise ValueError(f"phrase {number}: '{token}' is no note: write a figure 0 to 7 as in \"_#4,:0.5\"")
    beats = float(match["beats"] or 1.0)
    if not (beats * TICKS_A_BEAT).is_integer():
        raise ValueError(
            f"phrase {number}: '{token}' does not last a multiple of 1/{TICKS_A_BEAT} beat: write 0.25, 0.5 …"
        )
    if match.re is _TIE:
        return _Sung(None, beats, tie=True)
    if match["figure"] == "0":
        return _Sung(None, beats)
    octaves = match["octaves"].count("'") - match["octaves"].count(",")
    sharp = {"#": 1, "b": -1, "": 0}[match["sign"]]
    return _Sung(do_midi + MAJOR[int(match["figure"]) - 1] + 12 * octaves + sharp, beats, bool(match["slur"]))


def _note(sung: _Sung, onset: float, breath: bool, number: int) -> Note:
    if sung.slur and breath:
        raise ValueError(f"phrase {number} begins with a slur: a phrase begins with a syllable")
    fields = {"midi": sung.midi, "onset_beats": onset, "duration_beats": sung.beats, "slur": sung.slur}
    return _checked(number, {**fields, "syllable": "" if sung.slur else "la", "breath": breath})


def _checked(number: int, fields: dict[str, Any]) -> Note:
    try:
        return Note.model_validate(fields)
    except ValidationError as error:
        raise ValueError(f"phrase {number}: {error.errors()[0]['msg']}") from error


def _prolong(phrase: list[Note], beats: float, number: int) -> None:
    if not phrase:
        raise ValueError(f"phrase {number} begins with a tie: put the whole note into the phrase before")
    phrase[-1] = phrase[-1].model_copy(update={"duration_beats": phrase[-1].duration_beats + beats})
