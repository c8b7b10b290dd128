"""The rules of composition hold in every melody, and no two melodies are alike."""

from collections import Counter
from itertools import combinations, pairwise
from typing import get_args

import pytest

from schemas.score import TONICS, Mode, Note, Score
from schemas.seeds import generator
from stages.backends.melody_generator import generate_melody
from stages.backends.melody_rules import load_rules

MELODIES = 300
STEPS = {scale.mode: scale.steps for scale in load_rules().scales}
HALF = {scale.mode: scale.closes["half"].ends for scale in load_rules().scales}


@pytest.fixture(scope="module")
def melodies() -> list[Score]:
    return [generate_melody(generator("test melodies", index)) for index in range(MELODIES)]


def degree(score: Score, note: Note) -> int:
    """Steps of the scale above the lowest tonic."""
    steps = STEPS[score.mode]
    octave, semitones = divmod(note.midi - TONICS.index(score.tonic), 12)
    return octave * len(steps) + steps.index(semitones)


def test_a_seed_always_makes_the_same_melody() -> None:
    assert generate_melody(generator(7)) == generate_melody(generator(7)) != generate_melody(generator(8))


def test_length_range_and_notes_are_singable(melodies: list[Score]) -> None:
    for score in melodies:
        pitches = [note.midi for note in score.notes]
        assert 12.0 <= score.duration_s <= 28.0
        assert 7 <= max(pitches) - min(pitches) <= 17
        assert min(pitches) >= 53
        assert max(pitches) <= 79
        assert min(note.duration_beats for note in score.notes) * score.seconds_per_beat >= 0.1
        assert {note.syllable for note in score.notes} <= {"la", ""}


def test_all_notes_are_of_the_scale_and_the_last_is_the_tonic(melodies: list[Score]) -> None:
    for score in melodies:
        degrees = [degree(score, note) for note in score.notes]
        assert degrees[-1] % len(STEPS[score.mode]) == 0
        assert score.notes[-1].duration_beats >= 1.0


def test_phrases_breathe_and_close(melodies: list[Score]) -> None:
    """Four to eight phrases of at most 16 syllables, each ending on a longer note and after a rest."""
    for score in melodies:
        assert len(score.lines) in (4, 6, 8)
        for line, after in pairwise(score.lines):
            assert after[0].onset_beats - line[-1].end_beats >= 0.5
            assert line[-1].duration_beats >= min(note.duration_beats for note in line)
            assert abs(after[0].midi - line[-1].midi) <= 9
        for line in score.lines:
            assert sum(not note.slur for note in line) <= 16


def test_the_middle_is_left_open(melodies: list[Score]) -> None:
    """On a tone of the dominant, unless the phrase there is the last one, too."""
    for score in melodies:
        middle, last = score.lines[len(score.lines) // 2 - 1], score.lines[-1]
        comes_back = [note.midi for note in middle] == [note.midi for note in last]
        assert comes_back or degree(score, middle[-1]) % len(STEPS[score.mode]) in HALF[score.mode]


def test_lines_move_by_steps_and_fill_their_leaps(melodies: list[Score]) -> None:
    moves: Counter[int] = Counter()
    for score in melodies:
        for line in score.lines:
            steps = [degree(score, after) - degree(score, before) for before, after in pairwise(line)]
            moves.update(abs(step) for step in steps)
            for leap, after in pairwise(steps):
                if abs(leap) >= 3:
                    assert leap * after < 0
                    assert abs(after) <= 2
            assert all(abs(after.midi - before.midi) != 6 for before, after in pairwise(line))
    total = sum(moves.values())
    assert sum(moves[size] for size in (0, 1, 2)) / total >= 0.95
    assert 0.05 <= moves[0] / total <= 0.2


def test_the_climax_comes_once_and_after_the_middle(melodies: list[Score]) -> None:
    for score in melodies:
        top = max(note.midi for note in score.notes)
        peaks = [note for note in score.notes if note.midi == top]
        assert len(peaks) == 1
        assert 0.45 <= peaks[0].onset_beats / score.notes[-1].end_beats <= 0.97


def test_phrases_come_back(melodies: list[Score]) -> None:
    """What makes a song of it: some phrase, or at least how it begins, is heard again."""
    for score in melodies:
        openings = Counter(tuple((note.midi, note.duration_beats) for note in line[:2]) for line in score.lines)
        assert max(openings.values()) >= 2


def test_everything_on_offer_is_used(melodies: list[Score]) -> None:
    assert {score.mode for score in melodies} == set(get_args(Mode))
    assert {(score.beats_per_bar, score.beat_unit) for score in melodies} == {(2, 4), (3, 4), (4, 4), (6, 8)}
    assert {score.tonic for score in melodies} == set(TONICS)
    assert {len(score.lines) for score in melodies} == {4, 6, 8}
    assert {0.25, 0.5, 0.75, 1.0, 1.5, 2.0} < {note.duration_beats for score in melodies for note in score.notes}
    slurred = [any(note.slur for note in score.notes) for score in melodies]
    pickups = [score.notes[0].onset_beats > 0 for score in melodies]
    assert 0.2 < sum(slurred) / MELODIES < 0.7
    assert 0.1 < sum(pickups) / MELODIES < 0.5


def test_no_two_melodies_are_alike(melodies: list[Score]) -> None:
    """Jaccard similarity of their runs of four intervals; half of them in common would be a variation."""
    runs = []
    for score in melodies:
        moves = [after.midi - before.midi for before, after in pairwise(score.notes)]
        runs.append({tuple(moves[at : at + 4]) for at in range(len(moves) - 3)})
    assert max(len(one & other) / len(one | other) for one, other in combinations(runs, 2)) < 0.5
