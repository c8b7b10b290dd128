"""The picture of a sung row."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from pipelines import files
from pipelines.command_line import main
from pipelines.piano_roll import RIGHT, UNHEARD, WRONG, draw, picture
from pipelines.show import Row
from pipelines.song_columns import score_columns, score_of, song_columns
from pipelines.take_chunks import flac
from schemas.errors import FolderError, MissingExtraError
from schemas.score import Note, Score, Song
from schemas.script import Character, Turn
from schemas.take import SAMPLE_RATE, Line, Measures, SungNote, Take, Voice

PITCHES = (60, 64, 67)
SCORE = Score(
    tempo_bpm=120,
    tonic="C",
    notes=tuple(
        Note(midi=midi, onset_beats=float(beat), duration_beats=1.0, syllable="星") for beat, midi in enumerate(PITCHES)
    ),
)
SONG = Song(song_id="s", title="小星星", origin="generated", source="generated", licence="Apache-2.0", score=SCORE)

ANN = Character(
    character_id="c1",
    name="Ann",
    language="zh",
    age="youth",
    gender="female",
    identity="student",
    personality="calm",
    temperament="warm",
    timbre="bright",
    pace="normal",
)


def _row(*cents: float | None) -> Row:
    """Three notes of half a second from 0.25 s on, sung by a tone that is in tune."""
    seconds = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    hertz = 440 * 2 ** ((np.array(PITCHES)[np.clip(((seconds - 0.25) / 0.5).astype(int), 0, 2)] - 69) / 12)
    samples = (8000 * np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE)).astype(np.int16)
    notes = tuple(
        SungNote(midi, "星", False, 0.25 + index / 2, 0.75 + index / 2, off, None if off is None else 0.01)
        for index, (midi, off) in enumerate(zip(PITCHES, cents, strict=True))
    )
    turn = Turn(role="assistant", text="星星星。", intent="sing", song=SONG)
    line = Line("d", 1, 0, 7, "singing", "zh", turn, "星星星", ANN, Voice("c1", "test", {}))
    sung = Take(line, samples, SAMPLE_RATE, (), score_start_s=0.25, notes=notes)
    head = {"utterance_id": "d-t01", "take_id": "d-t01-a0", "audio": {"bytes": flac(samples)}}
    return head | {"measures": Measures().as_dict()} | song_columns(turn) | score_columns(turn, sung)


def _colours(png: bytes) -> set[str]:
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).reshape(-1, 3)
    seen = {tuple(pixel) for pixel in image}
    return {colour for colour in (RIGHT, WRONG, UNHEARD) if tuple(round(255 * part) for part in to_rgb(colour)) in seen}


@pytest.mark.filterwarnings("error")
def test_notes_are_coloured_by_how_they_were_heard() -> None:
    png = picture(_row(1.0, -2.0, 60.0))
    assert Image.open(io.BytesIO(png)).size == (800, 700)
    assert _colours(png) == {RIGHT}
    assert _colours(picture(_row(1.0, -61.0, None))) == {RIGHT, WRONG, UNHEARD}


def test_the_score_is_that_of_the_columns() -> None:
    assert score_of(_row(0.0, 0.0, 0.0)) == SCORE


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    """Tables with a spoken and a sung utterance, and a sung rejected take."""
    out = str(tmp_path / "corpus")
    sung = _row(0.0, 0.0, 0.0)
    spoken = sung | {"utterance_id": "d-t00", "take_id": "d-t00-a0", "score": None, "song": None, "midi": None}
    rejected = sung | {"utterance_id": "d-t03", "take_id": "d-t03-a1"}
    tables: dict[str, list[Any]] = {"utterances": [sung, spoken], "rejects": [rejected]}
    for table, rows in tables.items():
        files.make_folder(files.join(out, table))
        batch = pa.Table.from_pylist(rows)
        with pa.OSFile(f"{out}/{table}/train.arrow", "wb") as file, pa.ipc.new_stream(file, batch.schema) as writer:
            writer.write_table(batch)
    files.write_sealed(
        files.join(out, "manifest.json"), {"shards": [{"file": f"{name}/train.arrow"} for name in tables]}
    )
    return out


def test_an_utterance_or_a_rejected_take_is_drawn_by_its_id(corpus: str) -> None:
    assert draw(corpus, "d-t01") == picture(_row(0.0, 0.0, 0.0))
    assert len(draw(corpus, "d-t03-a1")) > 10_000


def test_the_command_writes_the_picture(corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "song.png")
    assert main(["draw", corpus, "d-t01", "--out", path]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert Image.open(path).size == (800, 700)
    assert main(["draw", corpus, "d-t09", "--out", path]) == 2
    assert "there is no utterance and no rejected take 'd-t09'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("record_id", "reason"),
    [
        ("d-t00", "'d-t00' is not sung; name a row of utterances whose score is not null."),
        ("d-t03", "there is no utterance and no rejected take 'd-t03'; see the column utterance_id."),
    ],
)
def test_a_row_that_cannot_be_drawn_is_named(corpus: str, record_id: str, reason: str) -> None:
    with pytest.raises(FolderError) as caught:
        draw(corpus, record_id)
    assert str(caught.value) == f"{corpus}: {reason}"


def test_a_folder_without_a_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"there is no manifest\.json here; is this the folder given to build"):
        draw(str(tmp_path), "d-t01")


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, corpus: str) -> None:
    monkeypatch.setattr("pipelines.piano_roll.find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=r"drawing needs the package 'matplotlib': pip install 'troupe\[music\]'"
    ):
        draw(corpus, "d-t01")
