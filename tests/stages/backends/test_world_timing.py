from itertools import pairwise

import numpy as np

from schemas.seeds import generator
from stages.backends.espeak_carrier import CarrierPhone
from stages.backends.world_timing import PHONE_DEVIATION, retimed
from stages.backends.world_vocoder import FRAME_S, Frames

PHONES = (CarrierPhone("s", 0.0, 0.2), CarrierPhone("a", 0.2, 0.5, stress=2), CarrierPhone("s", 0.5, 1.0))
COUNT = 201
HISS = (np.arange(COUNT) < 40) | (np.arange(COUNT) >= 100)
FRAMES = Frames(
    np.where(HISS, 0.0, 100.0),
    np.where(HISS, 1.0, 5.0)[:, None] * np.ones((1, 513)),
    np.where(HISS, 1.0, 0.1)[:, None] * np.ones((1, 513)),
    22050,
)


def test_phones_keep_their_order_and_change_a_little() -> None:
    _, phones = retimed(FRAMES, PHONES, generator(3))
    assert [(phone.label, phone.stress) for phone in phones] == [("s", 0), ("a", 2), ("s", 0)]
    assert phones[0].start_s == 0.0
    assert all(phone.end_s == after.start_s for phone, after in pairwise(phones))
    for old, new in zip(PHONES, phones, strict=True):
        change = np.log((new.end_s - new.start_s) / (old.end_s - old.start_s))
        assert 0 < abs(change) <= 2 * PHONE_DEVIATION + 1e-9


def test_frames_move_with_their_phones() -> None:
    frames, phones = retimed(FRAMES, PHONES, generator(3))
    voiced_s = np.flatnonzero(frames.f0_hz > 0) * FRAME_S
    assert abs(voiced_s[0] - phones[1].start_s) <= FRAME_S
    assert abs(voiced_s[-1] - phones[1].end_s) <= FRAME_S
    count = round(phones[-1].end_s / FRAME_S) + 1
    assert len(frames.f0_hz) == len(frames.log_power) == len(frames.aperiodicity) == count
    np.testing.assert_allclose(frames.log_power[int(phones[1].start_s / FRAME_S) + 5], 5.0)
