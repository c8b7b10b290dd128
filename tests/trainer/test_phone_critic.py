"""The critic learns phones from log-mels, and tells sounds apart by them."""

import numpy as np
import pytest
import torch

from schemas.take import Span
from stages.backends.codec_features import MELS, FloatArray
from trainer.phone_critic import PhoneCritic, frame_labels, train_critic


def test_labels_are_those_of_the_phones_every_20_ms() -> None:
    phones = (Span("a", 0.02, 0.06), Span("b", 0.06, 0.1))

    assert frame_labels(phones, 13, {"a": 1, "b": 2}).tolist() == [0, 1, 1, 2, 2, 0]


def bands(index: int) -> tuple[FloatArray, list[Span]]:
    """Noise in low bands is "a", in high bands "b"; 4 s, half a second each."""
    mel = np.random.default_rng(index).normal(-8, 0.5, (400, MELS)).astype(np.float32)
    spans = []
    for place in range(8):
        high = (place + index) % 2
        mel[50 * place : 50 * place + 50, 40 * high : 40 * high + 40] += 6
        spans.append(Span("ab"[high], place / 2, (place + 1) / 2))
    return mel, spans


@pytest.fixture(scope="module")
def critic() -> PhoneCritic:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    mels, phones = zip(*map(bands, range(6)), strict=True)
    return train_critic(mels, phones, steps=30, seed=0)


def test_it_hears_phones_of_clips_it_has_not_seen(critic: PhoneCritic) -> None:
    mel, phones = bands(7)
    logits, _ = critic(torch.from_numpy(mel)[None])

    assert np.mean(logits[0].argmax(-1).numpy() == frame_labels(phones, 400, {"a": 1, "b": 2})) > 0.9


def test_another_phone_is_further_than_other_noise_of_the_same(critic: PhoneCritic) -> None:
    mels = [torch.from_numpy(bands(index)[0])[None] for index in (8, 9, 10)]

    assert critic.distance(mels[0], mels[0]).item() == pytest.approx(0, abs=1e-3)
    assert critic.distance(mels[2], mels[0]) < 0.5 * critic.distance(mels[1], mels[0])
