from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter

from schemas.take import SAMPLE_RATE, Line, Samples, Take
from stages.score_pitch import ScorePitch, audit_cents, f0_statistics, track_f0


def voiced(f0_hz: np.ndarray) -> Samples:
    """A buzz of ten harmonics that follows f0 [N]."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / SAMPLE_RATE
    return (3000 * sum(np.sin(k * phase) / k for k in range(1, 11))).astype(np.int16)


def seconds(duration_s: float) -> np.ndarray:
    return np.arange(int(duration_s * SAMPLE_RATE)) / SAMPLE_RATE


def silence(duration_s: float) -> Samples:
    return np.zeros(int(duration_s * SAMPLE_RATE), np.int16)


@pytest.mark.parametrize("f0_hz", [70.0, 120.0, 250.0, 450.0, 650.0])
def test_level_and_range_of_a_glide_of_known_width(f0_hz):
    glide = f0_hz * 2 ** (np.linspace(-1, 1, SAMPLE_RATE) / 12)  # two semitones, evenly
    found = f0_statistics(track_f0(voiced(glide)))
    assert found["f0_mean_hz"] == pytest.approx(glide.mean(), rel=0.005)
    assert found["f0_range_st"] == pytest.approx(0.9 * 0.95 * 2, abs=0.02)  # 90 % of what Praat's window sees of 2 st
    assert found["voiced_share"] > 0.94


def test_half_voiced_is_half_voiced():
    samples = np.concatenate([silence(0.5), voiced(np.full(SAMPLE_RATE, 150.0)), silence(0.5)])
    assert f0_statistics(track_f0(samples))["voiced_share"] == pytest.approx(0.5, abs=0.02)


def test_the_track_stands_where_the_voice_is():
    step = np.where(seconds(1.0) < 0.5, 110.0, 220.0)
    f0_hz = track_f0(voiced(step))
    assert f0_hz[80] == pytest.approx(110, rel=0.01)
    assert f0_hz[120] == pytest.approx(220, rel=0.01)


@pytest.mark.parametrize("samples", [silence(1.0), silence(0.02), np.ones(1, np.int16)])
def test_nothing_voiced_has_no_pitch(samples):
    assert f0_statistics(track_f0(samples)) == {"f0_mean_hz": None, "f0_range_st": None, "voiced_share": 0.0}


def test_whispered_formants_are_no_voice():
    whisper = np.random.default_rng(0).normal(0, 1, 2 * SAMPLE_RATE)
    for formant_hz in (500, 1500, 2500):
        radius = np.exp(-np.pi * 120 / SAMPLE_RATE)
        whisper = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * formant_hz / SAMPLE_RATE), radius**2], whisper)
    found = f0_statistics(track_f0((3000 * whisper / whisper.std()).astype(np.int16)))
    assert found == {"f0_mean_hz": None, "f0_range_st": None, "voiced_share": 0.0}


def test_the_audit_agrees_with_a_right_track_and_hears_a_wrong_octave():
    samples = voiced(180 * 2 ** (np.sin(2 * np.pi * seconds(1.0)) / 12))
    f0_hz = track_f0(samples)
    assert audit_cents(samples, f0_hz) < 15
    assert audit_cents(samples, 2 * f0_hz) == pytest.approx(1200, abs=15)


def test_the_audit_of_silence_finds_nothing():
    assert audit_cents(silence(0.3), track_f0(silence(0.3))) is None


def test_measures_are_added_to_what_was_heard_before(make_line: Callable[..., Line]):
    take = Take(make_line(), voiced(np.full(SAMPLE_RATE, 200.0)), SAMPLE_RATE, ())
    heard = replace(take, measures=replace(take.measures, gap=0.25))
    (scored,) = ScorePitch(audit_share=1.0).process([heard])
    assert scored.measures.gap == 0.25
    assert scored.measures.f0_mean_hz == pytest.approx(200, abs=0.5)
    assert scored.measures.f0_audit_cents < 15
    assert replace(scored, measures=heard.measures) == heard


def test_the_share_of_audited_utterances_is_seeded_by_utterance(make_line: Callable[..., Line]):
    samples = voiced(np.full(3000, 200.0))
    takes = [
        Take(make_line(dialogue_id=f"d{n}", attempt=a), samples, SAMPLE_RATE, ()) for n in range(40) for a in (0, 1)
    ]
    stage = ScorePitch(audit_share=0.25)
    audited = [take.measures.f0_audit_cents is not None for take in stage.process(takes)]
    assert audited[::2] == audited[1::2]
    assert 4 <= sum(audited[::2]) <= 16
    assert [take.measures.f0_audit_cents is not None for take in stage.process(takes[::-1])] == audited[::-1]
    assert not any(take.measures.f0_audit_cents is not None for take in ScorePitch(audit_share=0.0).process(takes[:10]))
