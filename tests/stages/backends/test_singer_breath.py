import numpy as np
import pytest

from schemas.seeds import generator
from stages.backends.espeak_carrier import Carrier
from stages.backends.singer_breath import BREATH_GAP_S, breaths_of, with_breaths
from stages.backends.singer_carrier import Arrangement

RATE_HZ = 22_050


def rooms(*rooms_s: tuple[float, float]) -> Arrangement:
    return Arrangement(Carrier(np.zeros(10), RATE_HZ, (), False), (), rooms_s)


def test_breaths_end_before_the_phrase_and_fit_the_room() -> None:
    wide, narrow = breaths_of(rooms((0.0, 2.0), (3.0, 3.3), (4.0, 4.1)), generator("b"))
    assert wide.phone.end_s == pytest.approx(2.0 - BREATH_GAP_S)
    assert 0.3 < wide.phone.end_s - wide.phone.start_s < 0.5
    assert (narrow.phone.start_s, narrow.phone.end_s) == pytest.approx(
        (3.0 + BREATH_GAP_S, 3.3 - BREATH_GAP_S), abs=1e-4
    )
    assert {wide.phone.tag, narrow.phone.tag} == {"[breath]"}
    assert abs(narrow.samples[0]) < 1e-3


def test_breaths_are_heard_at_their_place_and_weaker_than_the_words() -> None:
    (breath,) = breaths_of(rooms((0.0, 0.6)), generator("b"))
    words = np.zeros(2 * RATE_HZ)
    words[RATE_HZ:] = 0.1
    song = with_breaths(words, [breath], 0.1)
    first, last = (round((at_s + 0.1) * RATE_HZ) for at_s in (breath.phone.start_s, breath.phone.end_s))
    assert not song[: first - 1].any()
    assert not song[last + 1 : RATE_HZ].any()
    assert 0.005 < np.sqrt(np.mean(song[first:last] ** 2)) < 0.05
    np.testing.assert_array_equal(song[RATE_HZ:], words[RATE_HZ:])
