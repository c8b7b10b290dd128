"""`troupe draw`: one sung row as a picture: the notes it should have, the pitch that is heard, and its spectrogram."""

import io
from importlib.util import find_spec
from typing import Any

import numpy as np

from pipelines import files
from pipelines.show import Row, rows_of
from pipelines.song_columns import score_of
from pipelines.take_chunks import samples_of
from schemas.errors import FolderError, MissingExtraError
from schemas.score import Score
from schemas.take import SAMPLE_RATE, Samples
from stages.backends.score_ds import note_name
from stages.sung_pitch import STEP_S, WRONG_CENTS, track_song

INCHES_A_SECOND, LEAST_INCHES, MOST_INCHES = 0.9, 8.0, 60.0
DOTS_AN_INCH = 100
ROOM_ST = 3
"""Semitones shown below the lowest and above the highest note."""
SPECTRUM_HZ = 8_000.0
WINDOW, HOP = 1024, 256
RIGHT, WRONG, UNHEARD, HEARD = "#9ecae1", "#fb6a4a", "#fee391", "black"
CHINESE_FONTS = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "PingFang SC", "SimHei")


def draw(out: str, record_id: str) -> bytes:
    """A PNG of a sung row of the corpus in folder `out`, by its utterance id, or take id if it was rejected.

    Raises FolderError where there is no such row, or none with a song and sound, and MissingExtraError without
    matplotlib.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtraError("drawing needs the package 'matplotlib': pip install 'troupe[music]'.")
    return picture(_row(out, record_id))


def _row(out: str, record_id: str) -> Row:
    path = files.join(out, "manifest.json")
    if not files.exists(path):
        raise FolderError(f"{out}: there is no manifest.json here; is this the folder given to build as --out?")
    manifest = files.read_sealed(path)
    for table, column in (("utterances", "utterance_id"), ("rejects", "take_id")):
        for row in rows_of(out, manifest, table):
            if row[column] == record_id:
                if row["score"] is None or row["score"]["score_start_s"] is None:
                    raise FolderError(
                        f"{out}: '{record_id}' is not sung; name a row of {table} whose score is not null."
                    )
                return row
    raise FolderError(f"{out}: there is no utterance and no rejected take '{record_id}'; see the column utterance_id.")


def picture(row: Row) -> bytes:
    """A PNG of a sung row: above, the score's notes with their syllables, the wrong ones in another colour with their
    cents, heard onsets as ticks, and the pitch as a curve; below, the spectrogram. Same row, same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    samples = samples_of(row["audio"]["bytes"])
    seconds = len(samples) / SAMPLE_RATE
    width = min(MOST_INCHES, max(LEAST_INCHES, INCHES_A_SECOND * seconds))
    figure = Figure(figsize=(width, 7.0), dpi=DOTS_AN_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    roll, spectrum = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    _draw_notes(roll, row["score"])
    _draw_pitch(roll, samples, score_of(row))
    spectrum.specgram(
        samples / 32768.0 + 1e-6, NFFT=WINDOW, Fs=SAMPLE_RATE, noverlap=WINDOW - HOP, cmap="magma", vmin=-140
    )
    spectrum.set(xlim=(0.0, seconds), ylim=(0.0, SPECTRUM_HZ), xlabel="seconds", ylabel="Hz")
    roll.set_title(_title(row), loc="left", family=_fonts())
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def _draw_notes(axes: Any, score: Row) -> None:
    spb = 60.0 / score["tempo_bpm"]
    for note in score["notes"]:
        start_s = score["score_start_s"] + note["onset_beats"] * spb
        seconds, cents = note["duration_beats"] * spb, note["pitch_error_cents"]
        wrong = cents is not None and abs(cents) > WRONG_CENTS
        colour = UNHEARD if cents is None else WRONG if wrong else RIGHT
        axes.broken_barh([(start_s, seconds)], (note["midi"] - 0.5, 1.0), facecolors=colour, edgecolors="grey")
        label = "~" if note["slur"] else _written(note["syllable"])
        label, ink = (f"{label} {cents:+.0f}", WRONG) if wrong else (label, HEARD)
        axes.annotate(label, (start_s, note["midi"] - 0.6), va="top", size=8, color=ink, family=_fonts())
        if note["onset_error_s"] is not None:
            axes.vlines(start_s + note["onset_error_s"], note["midi"] - 0.7, note["midi"] + 0.7, color="green", lw=1)
    bar_s = spb * score["beats_per_bar"] * 4 / score["beat_unit"]
    end_s = start_s + seconds
    axes.vlines(np.arange(score["score_start_s"], end_s, bar_s), 0, 128, color="lightgrey", lw=0.8, zorder=0)
    pitches = [note["midi"] for note in score["notes"]]
    shown = range(min(pitches) - ROOM_ST, max(pitches) + ROOM_ST + 1)
    axes.set(ylim=(shown[0], shown[-1]))
    axes.set_yticks(list(shown), [note_name(midi) for midi in shown], size=7)


def _draw_pitch(axes: Any, samples: Samples, score: Score) -> None:
    f0_hz = track_song(samples, score)
    semitones = 69 + 12 * np.log2(np.where(f0_hz > 0, f0_hz, np.nan) / 440.0)
    axes.plot(STEP_S * np.arange(len(f0_hz)), semitones, color=HEARD, lw=1)


def _title(row: Row) -> str:
    values = [(name, row["measures"][name]) for name in ("raw_pitch_accuracy", "worst_note_cents", "onset_shift_s")]
    figures = [f"{name} {value:.3g}" for name, value in values if value is not None]
    score, title = row["score"], _written(row["song"]["title"])
    key = f"{score['tonic']} {score['mode']}, {score['tempo_bpm']:g} bpm"
    return f"{row['utterance_id']} · {title} ({key})\n" + " · ".join(figures)


def _fonts() -> list[str]:
    """matplotlib's own font, and after it one with Chinese characters if this machine has any."""
    from matplotlib.font_manager import fontManager

    known = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *[name for name in CHINESE_FONTS if name in known][:1]]


def _written(text: str) -> str:
    """The text, in Pinyin where no font has its characters."""
    from pypinyin import lazy_pinyin

    return text if text.isascii() or len(_fonts()) > 1 else " ".join(lazy_pinyin(text))
