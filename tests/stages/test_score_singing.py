import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from schemas.score import Score, Song, lyric
from schemas.take import SAMPLE_RATE, Line, Measures, Samples, SungNote, Take
from stages.score_singing import ScoreSinging
from tests.stages.sung_clips import LEAD_S, melody, sung

TUNE = melody([60, 62, 64, 67, -65, 64, 60], [1, 1, 1, 2, 1, 1, 2], 100, rests={4: 1})
SUNG_MEASURES = (
    *("raw_pitch_accuracy", "raw_chroma_accuracy", "voicing_recall", "voicing_false_alarm", "f0_rmse_cents"),
    *("note_error_cents", "worst_note_cents", "wrong_note_share", "onset_shift_s", "onset_error_s"),
    "sounding_share",
)

MakeTake = Callable[..., Take]


@pytest.fixture
def make_take(make_line: Callable[..., Line]) -> MakeTake:
    def make(samples: Samples | None = None, score: Score = TUNE, **how: Any) -> Take:
        song = Song(song_id="s", title="", origin="generated", source="", licence="CC0-1.0", score=score)
        line = make_line(kind="singing")
        line = replace(line, turn=line.turn.model_copy(update={"song": song, "text": lyric(score)}))
        if samples is None:
            samples, _ = sung(score, ("plosive", "sonorant"), **how)
        return Take(line, samples, SAMPLE_RATE, (), score_start_s=LEAD_S)

    return make


def scored(take: Take) -> Take:
    (result,) = ScoreSinging().process([take])
    return result


def test_a_good_take_is_measured_note_by_note(make_take: MakeTake) -> None:
    take = make_take(vibrato_cents=35, glide_s=0.07)
    heard = replace(take, measures=Measures(gap=0.25))
    result = scored(heard)
    found = result.measures.as_dict()
    assert {name for name, value in found.items() if value is not None} == {"gap", *SUNG_MEASURES}
    assert found["raw_pitch_accuracy"] > 0.97
    assert found["raw_chroma_accuracy"] == found["raw_pitch_accuracy"]
    assert found["voicing_recall"] > 0.99
    assert found["voicing_false_alarm"] == 0.0
    assert found["f0_rmse_cents"] < 40
    assert found["note_error_cents"] < 6
    assert found["worst_note_cents"] < 12
    assert found["wrong_note_share"] == 0.0
    assert abs(found["onset_shift_s"]) < 0.003
    assert found["onset_error_s"] < 0.02
    fourth, slurred = result.notes[3:5]
    assert (fourth.midi, fourth.syllable, fourth.slur) == (67, "la", False)
    assert (fourth.start_s, fourth.end_s) == pytest.approx((LEAD_S + 1.8, LEAD_S + 3.0))
    assert abs(fourth.pitch_error_cents or 99) < 12
    assert abs(fourth.onset_error_s or 99) < 0.02
    assert slurred.onset_error_s is None
    assert abs(slurred.pitch_error_cents or 99) < 12
    assert replace(result, measures=heard.measures, notes=()) == heard


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ({"off": {2: 1.0}}, lambda m: 95 < m.worst_note_cents < 105 and m.wrong_note_share == pytest.approx(1 / 7)),
        ({"off": dict.fromkeys(range(7), 12.0)}, lambda m: m.raw_chroma_accuracy - m.raw_pitch_accuracy > 0.95),
        ({"late_s": 0.1}, lambda m: m.onset_shift_s == pytest.approx(0.1, abs=0.004)),
        ({"silent": range(5, 7)}, lambda m: m.worst_note_cents == 1200.0 and m.voicing_recall < 0.8),
    ],
    ids=["semitone", "octave", "late", "phrase"],
)
def test_a_fault_shows_in_its_measure(make_take: MakeTake, fault: dict[str, Any], seen: Callable[..., bool]) -> None:
    assert seen(scored(make_take(**fault)).measures)


@pytest.mark.parametrize("name", ["silence", "nothing", "noise", "short", "long"])
def test_whatever_is_sung_the_measures_are_numbers(make_take: MakeTake, name: str) -> None:
    good = make_take().samples
    clips = {
        "silence": np.zeros(5 * SAMPLE_RATE, np.int16),
        "nothing": np.zeros(1, np.int16),
        "noise": np.random.default_rng(0).normal(0, 3000, 5 * SAMPLE_RATE).astype(np.int16),
        "short": good[:SAMPLE_RATE],
        "long": np.pad(good, (0, 3 * SAMPLE_RATE)),
    }
    result = scored(make_take(clips[name]))
    found = result.measures.as_dict()
    assert all(math.isfinite(found[measure]) for measure in SUNG_MEASURES)
    assert len(result.notes) == 7
    if name == "long":
        assert found["raw_pitch_accuracy"] > 0.97
    else:
        assert (found["worst_note_cents"], found["note_error_cents"]) == (1200.0, 1200.0)
        assert abs(found["onset_shift_s"]) > 0.04 or found["voicing_recall"] < 0.2


def test_each_take_by_itself_and_in_order(make_take: MakeTake) -> None:
    takes = [make_take(), make_take(off={0: 1.0}), make_take(np.zeros(SAMPLE_RATE, np.int16))]
    stage = ScoreSinging()
    together = stage.process(takes)
    assert [scored(take).notes for take in takes[::-1]] == [take.notes for take in together[::-1]]
    assert stage.process([]) == []


def test_what_is_no_song_is_an_error(make_take: MakeTake, make_line: Callable[..., Line]) -> None:
    with pytest.raises(ValueError, match="d1-t00-a0 has no song"):
        scored(replace(make_take(), line=make_line()))
    with pytest.raises(ValueError, match="d1-t00-a0 has no start of its score"):
        scored(replace(make_take(), score_start_s=None))


def test_an_unheard_note_has_no_figures(make_take: MakeTake) -> None:
    notes = scored(make_take(silent=[6])).notes
    unheard = SungNote(60, "la", False, notes[6].start_s, notes[6].end_s, None, None)
    assert notes[6] == unheard
    assert all(note.pitch_error_cents is not None for note in notes[:6])
