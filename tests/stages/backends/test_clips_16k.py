import numpy as np
import pytest

from schemas.take import SAMPLE_RATE
from stages.backends.clips_16k import RATE_HZ, at_16_khz


def test_a_tone_stays_the_same_tone_at_two_thirds_of_the_samples() -> None:
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)).astype(np.int16)
    waveform = at_16_khz(tone)
    assert waveform.dtype == np.float32
    assert waveform.shape == (RATE_HZ,)
    wanted = 8000 / 32768 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)
    np.testing.assert_allclose(waveform[200:-200], wanted[200:-200], atol=1e-3)


def test_a_short_clip_is_filled_up_with_silence() -> None:
    waveform = at_16_khz(np.full(240, 1000, np.int16), 0.2)
    assert waveform.shape == (3200,)
    assert waveform[:100].any()
    assert not waveform[160:].any()
    assert len(at_16_khz(np.zeros(24_000, np.int16), 0.2)) == 16_000


@pytest.mark.parametrize("shape", [(0,), (10, 2)])
def test_what_is_no_mono_clip_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"cannot be heard: it must be \[N\]"):
        at_16_khz(np.zeros(shape, np.int16))
