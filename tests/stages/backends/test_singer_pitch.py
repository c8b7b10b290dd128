from itertools import pairwise

import numpy as np
import pytest

from schemas.score import Note, Score
from schemas.seeds import generator
from stages.backends.singer_pitch import Melody, PitchManner, melody_of

STEP_S = 0.005
STILL = PitchManner(vibrato_cents=0.0, jitter_cents=0.0)


def score(*midi: int, slurred: bool = False, beats: float = 0.5) -> Score:
    """Notes one after another, at 60 beats a minute."""
    notes = [
        Note(
            midi=key,
            onset_beats=index * beats,
            duration_beats=beats,
            syllable="" if slurred and index else "la",
            slur=slurred and index > 0,
        )
        for index, key in enumerate(midi)
    ]
    return Score(tempo_bpm=60, tonic="C", notes=tuple(notes))


def sung(song: Score, manner: PitchManner, seed: int = 1, unvoiced_s: tuple[float, float] = (0.0, 0.0)) -> Melody:
    time_s = np.arange(round(song.duration_s / STEP_S)) * STEP_S
    voiced = (time_s < unvoiced_s[0]) | (time_s >= unvoiced_s[1])
    return melody_of(song, voiced, 0.0, manner, generator("melody", seed))


def cents_off(melody: Melody, song: Score) -> list[np.ndarray]:  # type: ignore[type-arg]
    """Per note, the cents of its frames above its pitch."""
    off = []
    for note in song.notes:
        start, end = (round(at_s / STEP_S) for at_s in song.times_s(note))
        f0_hz = melody.f0_hz[start:end]
        off.append(1200 * np.log2(f0_hz[f0_hz > 0] / 440) - 100 * (note.midi - 69))
    return off


@pytest.mark.parametrize("beats", [0.125, 0.5, 2.0])
def test_every_note_is_centred_and_stays_within_the_tolerance(beats: float) -> None:
    song = score(60, 64, 62, 74, 50, beats=beats)
    manner = PitchManner(vibrato_cents=99.0, tremor_cents=84.0, jitter_cents=40.0)
    for off in cents_off(sung(song, manner), song):
        assert abs(np.median(off)) < 9.0
        assert np.mean(np.abs(off) <= 50) > 0.8


def test_a_slur_glides_about_its_beat() -> None:
    song = score(60, 67, slurred=True)
    low, high = cents_off(sung(song, STILL), song)
    assert high[0] == pytest.approx(-350, abs=10)
    assert low[-2] == pytest.approx(-high[2] - 0.0, abs=15)


def test_the_pitch_changes_out_of_hearing_where_a_consonant_is_unvoiced() -> None:
    song = score(60, 67)
    low, high = cents_off(sung(song, STILL, unvoiced_s=(0.42, 0.5)), song)
    assert np.abs(low).max() < 30
    assert np.abs(high).max() < 15


def test_unvoiced_frames_have_no_pitch() -> None:
    f0_hz = sung(score(60, 67), STILL, unvoiced_s=(0.42, 0.5)).f0_hz
    assert np.flatnonzero(f0_hz == 0).tolist() == list(range(84, 100))


def test_long_notes_have_a_vibrato_of_whole_cycles_and_short_ones_none() -> None:
    long, short = (sung(score(60, beats=beats), PitchManner(vibrato_hz=5.6)).vibrato for beats in (2.0, 0.3))
    assert not short.any()
    assert long.max() > 0.95
    assert long.min() < -0.95
    crossings = sum(one * after < 0 for one, after in pairwise(long[long != 0]))
    assert 5.0 < crossings / 2 / (2.0 - 0.14) < 6.2
    assert abs(long[-1]) < 0.25


def test_takes_differ_and_repeat() -> None:
    song = score(60, 64, beats=1.0)
    first, again, other = (sung(song, PitchManner(), seed).f0_hz for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(1200 * np.log2(first / other)).max() > 5
