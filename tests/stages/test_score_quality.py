from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from schemas.take import SAMPLE_RATE, Line, Measures, Samples, Span, Take
from stages import score_quality
from stages.backends.silero_activity import FRAME_S, FRAME_SAMPLES
from stages.score_quality import (
    ScoreQuality,
    clipped_share,
    count_characters,
    frames_of,
    loudness_lufs,
    silences_s,
    snr_db,
)


class PeakScorer:
    """Rates a clip by its peak."""

    name, fingerprint = "peak", "0"

    def __init__(self, lost: int = 0) -> None:
        self.lost = lost
        self.is_open = False

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def score(self, clips: Sequence[Samples]) -> list[dict[str, float]]:
        assert self.is_open
        return [{"dnsmos_ovrl": float(clip.max())} for clip in clips][self.lost :]


@pytest.fixture
def stage():
    stage = ScoreQuality(PeakScorer())
    stage.open()
    yield stage
    stage.close()
    assert not stage.scorer.is_open


def test_a_take_gets_every_measure_of_quality(stage, babble, make_line: Callable[..., Line]):
    lead, tail = np.zeros(12_000, np.int16), np.zeros(6_000, np.int16)
    take = Take(make_line(), np.concatenate([lead, babble, tail]), SAMPLE_RATE, (), measures=Measures(gap=0.5))
    (scored,) = stage.process([take])
    assert replace(scored, measures=take.measures) == take
    assert {name: value for name, value in scored.measures.as_dict().items() if value is not None} == {
        "gap": 0.5,
        "dnsmos_ovrl": 10_000.0,
        "snr_db": pytest.approx(70.6, abs=1.0),
        "clipped_share": 0.0,
        "leading_silence_s": pytest.approx(0.5, abs=0.1),
        "trailing_silence_s": pytest.approx(0.25, abs=0.15),
        "hnr_db": pytest.approx(22.7, abs=5.0),
        "jitter": pytest.approx(0.004, abs=0.003),
        "shimmer": pytest.approx(0.138, abs=0.03),
        "loudness_lufs": pytest.approx(-31.2, abs=0.5),
        "seconds_per_character": pytest.approx(2.0 / 10, abs=0.025),
    }


def test_each_take_gets_its_own_measures_in_order(stage, babble, make_line):
    takes = [Take(make_line(attempt=n), babble // (n + 1), SAMPLE_RATE, ()) for n in range(3)]
    together = stage.process(takes)
    assert [take.measures.dnsmos_ovrl for take in together] == [10_000.0, 5_000.0, 3_333.0]
    assert together == [stage.process([take])[0] for take in takes]


def test_a_scorer_that_loses_a_clip_is_an_error(babble, make_line):
    stage = ScoreQuality(PeakScorer(lost=1))
    stage.open()
    with pytest.raises(ValueError, match="shorter"):
        stage.process([Take(make_line(), babble, SAMPLE_RATE, ())] * 2)


def test_nothing_voiced_has_no_voice_quality(stage, make_line):
    noise = np.random.default_rng(0).normal(0, 1000, SAMPLE_RATE).astype(np.int16)
    (scored,) = stage.process([Take(make_line(), noise, SAMPLE_RATE, ())])
    assert (scored.measures.hnr_db, scored.measures.jitter, scored.measures.shimmer) == (None, None, None)


def test_the_shortest_take_is_measured(stage, make_line):
    (scored,) = stage.process([Take(make_line(), np.ones(24, np.int16), SAMPLE_RATE, ())])
    assert scored.measures == Measures(
        dnsmos_ovrl=1.0,
        snr_db=0.0,
        clipped_share=0.0,
        leading_silence_s=0.001,
        trailing_silence_s=0.001,
        seconds_per_character=0.0,
    )


def test_a_text_without_letters_is_an_error(stage, babble, make_line):
    with pytest.raises(ValueError, match=r"expected a spoken text with letters, got '\.\.\.'"):
        stage.process([Take(make_line(spoken="..."), babble, SAMPLE_RATE, ())])


@pytest.mark.parametrize(("spoken", "count"), [("it's four o'clock, Ann", 16), ("你好，世界！", 4), ("嗯", 1)])
def test_characters_are_letters_and_hanzi(spoken, count):
    assert count_characters(spoken) == count


@pytest.mark.parametrize(
    ("frames", "expected"),
    [([0, 0, 1, 1, 0], (0.064, 0.032)), ([1, 0, 1], (0.0, 0.0)), ([0, 0, 0], (0.15, 0.15))],
)
def test_silence_is_what_lies_outside_speech(frames, expected):
    duration_s = 0.15 if not any(frames) else len(frames) * 0.032
    assert silences_s(np.array(frames, bool), duration_s) == pytest.approx(expected)


def test_silence_is_never_negative():
    assert silences_s(np.array([True, True]), 0.05) == (0.0, 0.0)


@pytest.mark.parametrize("expected_db", [5, 10, 20, 30, 40])
def test_snr_of_noise_added_at_a_known_level(babble, expected_db):
    pause = np.zeros(10 * FRAME_SAMPLES)
    noise_power = np.mean(babble.astype(float) ** 2) / 10 ** (expected_db / 10)
    noise = np.random.default_rng(1).normal(0, np.sqrt(noise_power), len(babble) + len(pause))
    speech = np.repeat([False, True], [10, len(babble) // FRAME_SAMPLES])
    assert snr_db((np.concatenate([pause, babble]) + noise).astype(np.int16), speech) == pytest.approx(
        expected_db, abs=1
    )


def test_noise_alone_has_no_snr():
    noise = np.random.default_rng(1).normal(0, 1000, SAMPLE_RATE).astype(np.int16)
    assert snr_db(noise, np.ones(31, bool)) == 0.0
    assert snr_db(noise, np.zeros(31, bool)) == 0.0


def test_clipped_samples_are_those_at_the_ends_of_the_range():
    assert clipped_share(np.array([32767, -32768, 32766, 0], np.int16)) == 0.5


def test_loudness_of_the_reference_tone():
    """ITU-R BS.1770-4: a 997 Hz sine at full scale in one channel measures -3.01 LKFS."""
    tone = 32767 * np.sin(2 * np.pi * 997 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE)
    assert loudness_lufs(tone.astype(np.int16)) == pytest.approx(-3.01, abs=0.1)


@pytest.mark.parametrize("samples", [np.zeros(SAMPLE_RATE, np.int16), np.full(9_599, 5000, np.int16)])
def test_silence_and_short_clips_have_no_loudness(samples):
    assert loudness_lufs(samples) is None


def test_voice_quality_follows_breath_and_irregular_periods():
    rng = np.random.default_rng(2)

    def buzz(jitter: float, breath: float) -> Samples:
        periods = 160 * (1 + rng.normal(0, jitter, 150))
        pulses = np.zeros(SAMPLE_RATE)
        pulses[np.cumsum(periods).astype(int)[:-1]] = 1
        smooth = np.convolve(pulses, np.hanning(40), "same")
        return (8000 * (smooth - smooth.mean()) + rng.normal(0, breath, SAMPLE_RATE)).astype(np.int16)

    clear = score_quality.voice_quality(buzz(0.001, 5))
    breathy = score_quality.voice_quality(buzz(0.001, 500))
    rough = score_quality.voice_quality(buzz(0.03, 5))
    assert breathy["hnr_db"] < clear["hnr_db"] - 5
    assert rough["jitter"] == pytest.approx(0.03 * 2 / np.sqrt(np.pi), rel=0.3)
    assert clear["jitter"] < 0.01


def test_a_sigh_before_the_words_is_no_silence() -> None:
    sigh = Span("[sigh]", 0.3, 1.3)
    made = frames_of([sigh], 50)
    assert silences_s(made, 50 * FRAME_S)[0] == pytest.approx(0.3, abs=FRAME_S)
    assert made.sum() * FRAME_S == pytest.approx(1.0, abs=FRAME_S)
    assert not frames_of([], 50).any()
