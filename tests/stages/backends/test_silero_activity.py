import numpy as np
import pytest

from schemas.take import SAMPLE_RATE
from stages.backends.silero_activity import FRAME_SAMPLES, SileroActivity


@pytest.fixture(scope="module")
def activity():
    backend = SileroActivity()
    backend.open()
    yield backend
    backend.close()


def test_speech_is_found_where_it_is(activity, babble):
    clip = np.concatenate([np.zeros(SAMPLE_RATE, np.int16), babble, np.zeros(SAMPLE_RATE, np.int16)])
    (speech,) = activity.detect([clip])
    start_s, end_s = np.flatnonzero(speech)[[0, -1]] * FRAME_SAMPLES / SAMPLE_RATE
    assert start_s == pytest.approx(1.0, abs=0.1)
    assert end_s == pytest.approx(3.0, abs=0.15)


def test_hum_and_silence_are_no_speech(activity):
    hum = (5000 * np.sin(2 * np.pi * 50 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)).astype(np.int16)
    assert not any(speech.any() for speech in activity.detect([hum, np.zeros(SAMPLE_RATE, np.int16)]))


@pytest.mark.parametrize("count", [1, 767, 768, 769, 24_000, 24_001])
def test_every_frame_begun_is_reported(activity, count):
    (speech,) = activity.detect([np.zeros(count, np.int16)])
    assert speech.shape == (-(-count // FRAME_SAMPLES),)
    assert speech.dtype == np.bool_


def test_a_clip_is_heard_alone(activity, babble):
    alone = activity.detect([babble])[0]
    assert np.array_equal(activity.detect([np.zeros(9_000, np.int16), babble, babble[::-1]])[1], alone)
