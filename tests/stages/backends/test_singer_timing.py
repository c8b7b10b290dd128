from itertools import pairwise

import numpy as np
import pytest

from schemas.seeds import generator
from stages.backends.espeak_carrier import SILENCE, CarrierPhone
from stages.backends.singer_syllables import Syllable
from stages.backends.singer_timing import (
    CONSONANT_SHARE,
    EARLY_S,
    EARLY_VOWEL_S,
    FALLING,
    MOST_SHIFT,
    STEADY,
    frames_of,
    later,
    timed,
    without_gaps,
)


def syllable(onset: str, nucleus: str, coda: str, stretch: tuple[float, float], start_s: float = 0.0) -> Syllable:
    """A syllable whose phones last a tenth of a second each in the carrier, from `start_s` on."""
    labels = [*onset.split(), nucleus, *coda.split()]
    phones = [CarrierPhone(label, start_s + i / 10, start_s + (i + 1) / 10) for i, label in enumerate(labels)]
    count = len(onset.split())
    return Syllable(tuple(phones[:count]), phones[count], tuple(phones[count + 1 :]), stretch)


def beats(syllables: list[Syllable]) -> list[float]:
    return [syllable.stretch[0] for syllable in syllables]


def spans(syllables: list[Syllable]) -> dict[str, tuple[float, float]]:
    """Where each phone is sung, by label."""
    return {
        item.phone.label: (item.phone.start_s, item.phone.end_s)
        for item in timed(syllables, beats(syllables), generator("t"))
    }


def test_vowels_are_on_the_beat_and_consonants_before_it() -> None:
    sung = spans([syllable("s t", "a", "n", (0.0, 1.0)), syllable("k", "E", "", (1.0, 2.0))])
    assert sung["a"][0] == pytest.approx(-EARLY_S)
    assert sung["s"][0] == pytest.approx(-0.2, abs=0.04)
    assert sung["E"][0] == pytest.approx(1.0 - EARLY_S)
    assert sung["n"][1] == pytest.approx(sung["k"][0])
    assert sung["E"][1] == pytest.approx(2.0)


def test_a_vowel_without_consonant_sets_in_a_little_early() -> None:
    assert spans([syllable("", "a", "", (0.0, 1.0))])["a"] == pytest.approx((-EARLY_VOWEL_S, 1.0))


def test_a_voiced_coda_ends_with_its_note_and_an_unvoiced_one_sounds_in_the_rest() -> None:
    sung = spans([syllable("", "a", "n t", (0.0, 1.0)), syllable("", "E", "", (2.0, 3.0))])
    assert sung["n"][1] == sung["t"][0] == pytest.approx(1.0)


@pytest.mark.parametrize("seconds", [1.0, 0.125, 0.0125])
def test_consonants_leave_a_vowel_its_part_of_the_note(seconds: float) -> None:
    words = [syllable("s t r", "a", "N k s", (i * seconds, (i + 1) * seconds), float(i)) for i in range(4)]
    sung = timed(words, beats(words), generator("t"))
    assert all(one.phone.end_s <= after.phone.start_s + 1e-9 for one, after in pairwise(sung))
    vowels_s = [item.phone.end_s - item.phone.start_s for item in sung if item.nucleus]
    assert min(vowels_s) >= (1 - CONSONANT_SHARE - 2 * MOST_SHIFT) * seconds


def test_consonants_leave_room_to_the_last_note_of_a_melisma() -> None:
    words = [syllable("", "a", "N k s", (0.0, 2.0)), syllable("s t r", "E", "", (2.0, 3.0), 1.0)]
    vowel = timed(words, [0.0, 1.75, 2.0], generator("t"))[0].phone
    assert vowel.end_s >= 1.75 + (1 - CONSONANT_SHARE - MOST_SHIFT) * 0.25


@pytest.mark.parametrize(("label", "steady"), [("a", STEADY), ("aI", FALLING)])
def test_only_the_steady_part_of_a_vowel_is_stretched(label: str, steady: tuple[float, float]) -> None:
    (vowel,) = timed([syllable("", label, "", (0.0, 2.0))], [0.0], generator("t"))
    early, late = np.interp((0.01, 1.99), vowel.target_s, vowel.source_s)
    assert (early, late) == pytest.approx((0.01 + EARLY_VOWEL_S, 0.09), abs=1e-6)
    middle = np.interp(np.linspace(0.1, 1.9, 50), vowel.target_s, vowel.source_s)
    assert steady[0] / 10 - 1e-9 <= middle.min() < middle.max() <= steady[1] / 10 + 1e-9


def test_two_takes_differ_in_their_consonants_alone() -> None:
    words = [syllable("s", "a", "n", (0.0, 1.0)), syllable("t", "E", "", (1.0, 2.0), 1.0)]
    one, other = (timed(words, beats(words), generator(seed)) for seed in (1, 2))
    assert [item.phone.start_s for item in one if item.nucleus] == [p.phone.start_s for p in other if p.nucleus]
    assert one[0].phone.start_s != other[0].phone.start_s


def test_every_frame_of_meeting_phones_lies_in_one_of_them() -> None:
    sung = [later(item, 1.0) for item in timed([syllable("s", "a", "n", (0.0, 0.333))], [0.0], generator("t"))]
    frames = [frame for item in sung for frame in range(*frames_of(item.phone).indices(10_000))]
    assert frames == list(range(frames[0], frames[0] + len(frames)))
    assert abs(frames[-1] * 0.005 - 1.333) < 0.005


def test_gaps_are_silence() -> None:
    phones = [CarrierPhone("b", 1.0, 1.5), CarrierPhone("a", 0.0, 0.4), CarrierPhone("c", 1.5, 2.0)]
    assert without_gaps(phones) == [phones[1], CarrierPhone(SILENCE, 0.4, 1.0), phones[0], phones[2]]
