"""The songbook: melodies in the public domain with their words, one a file (prompts/songbook/README.md)."""

import tomllib
from functools import lru_cache
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import SongbookError
from schemas.score import TONICS, Mode, Score, Song
from schemas.script import Language
from stages.backends.songbook_notation import MAJOR, read_notes, read_words, with_words

TONIC_FIGURES: dict[Mode, int] = {
    "major": 1,
    "pentatonic": 1,
    "dorian": 2,
    "mixolydian": 5,
    "minor": 6,
    "minor pentatonic": 6,
}
"""Which figure is the tonic of each mode."""


class _Phrase(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    notes: str
    words: str


class _Page(BaseModel):
    """A file as it is written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)
    origin: str = Field(min_length=1)
    source: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    do: str = Field(pattern=r"^[A-G][b#]?[2-5]$")
    mode: Mode
    meter: str = Field(pattern=r"^([1-9]|1[0-6])/(2|4|8)$")
    tempo_bpm: float
    phrases: tuple[_Phrase, ...] = Field(min_length=1)


@lru_cache(maxsize=4)
def load_songbook(language: Language) -> dict[str, Song]:
    """All songs of a language by id: "book-", the language and the file's name. Raises SongbookError."""
    folder = Path(str(resources.files("prompts"))) / "songbook" / language
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise SongbookError(f"{folder} holds no song: the songbook is not installed whole, install troupe again.")
    return {f"book-{language}-{path.stem}": read_song(path, f"book-{language}-{path.stem}") for path in paths}


def read_song(path: Path, song_id: str) -> Song:
    """The song in a file. Raises SongbookError that names the file, the place in it and the remedy."""
    try:
        page = _Page.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        score = _score(page)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SongbookError(f"{path} is not TOML: {error}.") from error
    except ValidationError as error:
        raise SongbookError(f"{path}: {_first(error)} (see prompts/songbook/README.md).") from error
    except ValueError as error:
        raise SongbookError(f"{path}: {error} (see prompts/songbook/README.md).") from error
    return Song(
        song_id=song_id,
        title=page.title,
        origin=page.origin,
        source=page.source,
        licence=page.licence,
        score=score,
    )


def _score(page: _Page) -> Score:
    do = _do_midi(page.do)
    beats, unit = map(int, page.meter.split("/"))
    phrases = read_notes([phrase.notes for phrase in page.phrases], do, beats * 4 / unit)
    worded = [
        with_words(notes, read_words(phrase.words), number)
        for number, (notes, phrase) in enumerate(zip(phrases, page.phrases, strict=True), start=1)
    ]
    score = {
        "tempo_bpm": page.tempo_bpm,
        "tonic": TONICS[(do + MAJOR[TONIC_FIGURES[page.mode] - 1]) % 12],
        "mode": page.mode,
        "beats_per_bar": beats,
        "beat_unit": unit,
        "notes": [note for phrase in worded for note in phrase],
    }
    return Score.model_validate(score)


def _do_midi(name: str) -> int:
    """MIDI pitch of a name such as "Bb3"."""
    step = MAJOR["CDEFGAB".index(name[0])] + name.count("#") - name.count("b")
    return 12 * (int(name[-1]) + 1) + step


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]
