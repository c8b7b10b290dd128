import numpy as np
import pytest
from speechmos import dnsmos

from schemas.take import SAMPLE_RATE
from stages.backends.dnsmos_quality import HOP, WINDOW, DnsmosQuality, _at_16_khz, windows


@pytest.fixture(scope="module")
def quality():
    backend = DnsmosQuality()
    backend.open()
    yield backend
    backend.close()


def test_a_short_clip_is_repeated_to_fill_one_window():
    (window,) = windows(np.arange(100_000, dtype=np.float32))
    assert window.shape == (WINDOW,)
    assert np.array_equal(window[[0, 99_999, 100_000]], [0, 99_999, 0])


@pytest.mark.parametrize(
    ("count", "starts"),
    [(WINDOW, [0]), (WINDOW + 1, [0, 1]), (WINDOW + HOP, [0, HOP]), (WINDOW + HOP + 1, [0, HOP, HOP + 1])],
)
def test_a_long_clip_is_covered_and_the_last_window_ends_with_it(count, starts):
    found = windows(np.arange(count, dtype=np.float32))
    assert [int(window[0]) for window in found] == starts
    assert {len(window) for window in found} == {WINDOW}


def test_scores_are_those_of_speechmos_where_it_takes_one_window_too(quality, babble):
    clip = np.tile(babble, 3)[: int(4.8 * SAMPLE_RATE)]
    theirs = dnsmos.run(_at_16_khz(clip), 16_000)
    assert quality.score([clip]) == [
        {
            "dnsmos_ovrl": pytest.approx(theirs["ovrl_mos"], abs=1e-4),
            "dnsmos_sig": pytest.approx(theirs["sig_mos"], abs=1e-4),
            "dnsmos_bak": pytest.approx(theirs["bak_mos"], abs=1e-4),
            "dnsmos_p808": pytest.approx(theirs["p808_mos"], abs=1e-4),
        }
    ]


def test_noise_costs_points(quality, babble):
    noise = np.random.default_rng(0).normal(0, 2000, len(babble))
    clean, noisy = quality.score([babble, (babble + noise).astype(np.int16)])
    assert noisy["dnsmos_bak"] < clean["dnsmos_bak"] - 1
    assert noisy["dnsmos_ovrl"] < clean["dnsmos_ovrl"]


def test_full_scale_and_the_shortest_clip_are_scored(quality):
    square = np.tile(np.repeat(np.array([32767, -32768], np.int16), 60), 100)
    for scores in quality.score([square, np.ones(1, np.int16)]):
        assert all(np.isfinite(score) for score in scores.values())


def test_the_fingerprint_covers_the_networks(quality, monkeypatch, tmp_path):
    before = DnsmosQuality().fingerprint
    assert quality.fingerprint == before
    (tmp_path / "other.onnx").write_bytes(b"retrained")
    monkeypatch.setattr("stages.backends.dnsmos_quality._model_paths", lambda: (tmp_path / "other.onnx",))
    assert DnsmosQuality().fingerprint != before
