import numpy as np
import pytest

from schemas.score import Score
from schemas.take import SAMPLE_RATE, SungNote
from stages.sung_onsets import HOP_S, SHIFT_S, onset_errors_s, onset_measures, rises, whole_shift_s
from stages.sung_pitch import track_song
from tests.stages.sung_clips import Consonant, melody, sung

TUNE = melody(
    [60, 62, 64, 65, 67, 65, -64, 60, 62, 64, 64, 67], [1, 1, 1, 1, 2, 0.5, 0.5, 1, 1, 1, 0.5, 2], 100, rests={6: 1}
)


def heard(score: Score, *consonants: Consonant, **how: object) -> tuple[float, list[float | None]]:
    """The shift of the whole take, and every onset's error."""
    samples, start_s = sung(score, consonants, **how)  # type: ignore[arg-type]
    rise = rises(samples)
    heard_hz = track_song(samples, score)
    shift_s = whole_shift_s(rise, heard_hz, score, start_s)
    return shift_s, onset_errors_s(rise, placed(score, start_s), shift_s)


def placed(score: Score, start_s: float) -> list[SungNote]:
    spans = [(start_s + begin_s, start_s + end_s) for begin_s, end_s in map(score.times_s, score.notes)]
    return [SungNote(n.midi, n.syllable, n.slur, *span) for n, span in zip(score.notes, spans, strict=True)]


def test_a_rise_stands_where_the_sound_begins() -> None:
    times_s = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    buzz = (1 - times_s) * sum(np.sin(2 * np.pi * 200 * k * times_s) for k in range(1, 18))
    rise = rises((1_500 * np.concatenate([np.zeros(SAMPLE_RATE // 2), buzz])).astype(np.int16))
    assert rise.argmax() * HOP_S == pytest.approx(0.5, abs=0.003)
    assert rise.max() == pytest.approx(1.0, abs=0.1)
    assert rise[: round(0.4 / HOP_S)].max() < 1e-3
    assert not rises(np.zeros(SAMPLE_RATE, np.int16)).any()


@pytest.mark.parametrize(
    ("consonant", "median_s", "most_s"),
    [("plosive", 0.004, 0.015), ("fricative", 0.003, 0.01), ("sonorant", 0.003, 0.01)],
)
def test_onsets_after_every_kind_of_consonant(consonant: Consonant, median_s: float, most_s: float) -> None:
    _, errors = heard(TUNE, consonant, vibrato_cents=35, glide_s=0.07)
    found = [error for error in errors if error is not None]
    assert errors[6] is None  # the slur
    assert len(found) >= 9
    assert abs(np.median(found)) < median_s
    assert np.percentile(np.abs(found), 90) < most_s


@pytest.mark.parametrize("late_s", [-0.1, -0.03, 0.1, 0.2])
def test_a_take_that_is_late_is_late_in_every_onset(late_s: float) -> None:
    shift_s, errors = heard(TUNE, "plosive", "sonorant", late_s=late_s)
    assert shift_s == pytest.approx(late_s, abs=0.011)
    assert np.median([error for error in errors if error is not None]) == pytest.approx(late_s, abs=0.004)


def test_even_sixteenths_on_one_pitch_are_not_taken_for_their_neighbours() -> None:
    even = melody([64] * 32, [0.25] * 32, 120)  # 125 ms apart: 100 ms late is 25 ms early but for the ends
    _, errors = heard(even, "plosive", "sonorant", late_s=0.1)
    assert np.median([error for error in errors if error is not None]) == pytest.approx(0.1, abs=0.005)


def test_one_late_onset_among_good_ones() -> None:
    notes = list(TUNE.notes)
    moved = {"onset_beats": notes[3].onset_beats + 0.1, "duration_beats": notes[3].duration_beats - 0.1}  # 60 ms
    notes[3] = notes[3].model_copy(update=moved)
    samples, start_s = sung(TUNE.model_copy(update={"notes": tuple(notes)}), ("plosive",))
    errors = onset_errors_s(rises(samples), placed(TUNE, start_s), 0.0)
    others = [error for i, error in enumerate(errors) if i != 3 and error is not None]
    assert np.abs(others).max() < 0.02
    assert errors[3] == pytest.approx(0.06, abs=0.008)


def test_a_phrase_left_out_has_no_onsets() -> None:
    _, errors = heard(TUNE, "plosive", silent=range(7, 10))
    assert errors[7:10] == [None] * 3
    assert sum(error is not None for error in errors) == 8


def test_humming_is_laid_against_the_score_by_its_pitch() -> None:
    shift_s, errors = heard(TUNE, late_s=0.1, hummed=True)
    assert shift_s == pytest.approx(0.1, abs=0.011)
    few = [*placed(TUNE, 0.0)]
    assert onset_measures(few, shift_s) == {"onset_shift_s": shift_s, "onset_error_s": shift_s}
    assert errors.count(None) > 6


def test_silence_is_as_late_as_can_be() -> None:
    samples = np.zeros(9 * SAMPLE_RATE, np.int16)
    rise, start_s = rises(samples), 0.4
    assert whole_shift_s(rise, track_song(samples, TUNE), TUNE, start_s) == SHIFT_S
    assert onset_errors_s(rise, placed(TUNE, start_s), SHIFT_S) == [None] * 12


def test_measures_of_onsets() -> None:
    errors = [0.002, -0.004, 0.01, None, 0.1]
    notes = [SungNote(60, "la", False, 0.0, 0.5, 0.0, error) for error in errors]
    found = onset_measures(notes, 0.3)
    assert found == {"onset_shift_s": pytest.approx(0.006), "onset_error_s": pytest.approx(0.0865)}
