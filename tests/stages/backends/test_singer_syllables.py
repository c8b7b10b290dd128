from itertools import pairwise

import pytest

from stages.backends.espeak_carrier import SILENCE, CarrierPhone
from stages.backends.singer_syllables import Syllable, aligned, syllables_of


def phones(labels: str) -> list[CarrierPhone]:
    """A phone of a tenth of a second for each label."""
    return [CarrierPhone(label, index / 10, (index + 1) / 10) for index, label in enumerate(labels.split())]


def spelled(syllables: list[Syllable]) -> list[str]:
    return [
        " ".join(phone.label for phone in (*syllable.onset, syllable.nucleus, *syllable.coda)) for syllable in syllables
    ]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("t w I N k @L", ["t w I N", "k @L"]),
        ("s I N I N", ["s I N", "I N"]),
        ("E k s t r @", ["E k", "s t r @"]),
        ("a t l @ s", ["a t", "l @ s"]),
        ("m I s j u:", ["m I", "s j u:"]),
        ("s V n I N w I n d oU", ["s V", "n I N", "w I n", "d oU"]),
        ("b V ? n-", ["b V", "? n-"]),
        ("tS; j Au n j A n", ["tS; j Au", "n j A n"]),
        (f"l V v {SILENCE} aI", ["l V", "v aI"]),
        ("h m", ["h m"]),
        ("p s t", []),
    ],
)
def test_consonants_go_to_the_later_nucleus_as_far_as_they_can_begin_it(labels: str, expected: list[str]) -> None:
    assert spelled(syllables_of(phones(labels))) == expected


NOTES = [(float(second), second + 1.0) for second in range(4)]


@pytest.mark.parametrize(
    ("nuclei", "notes", "stretches"),
    [
        (3, 3, [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]),
        (1, 3, [(0.0, 3.0)]),
        (2, 3, [(0.0, 1.0), (1.0, 3.0)]),
        (3, 2, [(0.0, 0.5), (0.5, 1.0), (1.0, 2.0)]),
        (4, 1, [(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)]),
    ],
)
def test_few_nuclei_are_held_over_notes_and_many_share_one(
    nuclei: int, notes: int, stretches: list[tuple[float, float]]
) -> None:
    placed = aligned(syllables_of(phones("l a " * nuclei)), NOTES[:notes])
    assert [syllable.stretch for syllable in placed] == stretches
    assert all(one.stretch[1] == after.stretch[0] for one, after in pairwise(placed))
