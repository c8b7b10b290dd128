from dataclasses import replace

import numpy as np
import pytest
import torch

from schemas.seeds import generator
from stages.backends.phone_features import NUM_MELS
from stages.backends.speaker_features import MEL_SCALE, NUM_FEATURES, speaker_features
from stages.backends.world_expression import REGIONS_HZ
from tests.stages.backends.test_speaker_features import buzz
from trainer import speaker
from trainer.clips import make_clips
from trainer.speaker import (
    COLUMNS,
    Example,
    Objective,
    Variant,
    band_frequencies_hz,
    batches,
    cropped,
    examples_of,
    played,
    train,
)

NO_GAINS = dict.fromkeys(REGIONS_HZ, 0.0)


def toy_example(voice: int, random: np.random.Generator) -> Example:
    """A voice is a colour of its own under the same noise; its only trait that varies is how much of it there is."""
    features = random.normal(0, 1, (int(random.integers(40, 120)), NUM_FEATURES)).astype(np.float32)
    features[:, NUM_MELS + 1] = 1
    features[:, :NUM_MELS] += generator("toy voice", voice).normal(0, 0.8, NUM_MELS).astype(np.float32)
    traits = np.zeros(len(COLUMNS), np.float32)
    traits[0] = features[:, :10].mean()
    return Example(features, voice, traits)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> list[Example]:
    monkeypatch.setattr(speaker, "VOICES", 6)
    monkeypatch.setattr(speaker, "CROP", 60)
    torch.set_num_threads(1)
    random = generator("toys")
    return [toy_example(voice, random) for voice in range(12) for _ in range(4)]


def test_examples_number_the_voices_and_carry_their_traits() -> None:
    clips = list(make_clips("speaker training test", [0, 2, 8]))
    examples = examples_of(clips)
    assert [one.voice for one in examples] == [0, 0, 1]
    assert np.array_equal(examples[0].features, speaker_features(clips[0].samples))
    traits = clips[2].line.voice.traits
    expected = [np.log(traits[n]) if n.endswith(("_hz", "_ratio")) else traits[n] for n in COLUMNS]
    np.testing.assert_allclose(examples[2].traits, expected, rtol=1e-6)


def test_a_clip_played_as_it_is_stays_as_it_is() -> None:
    features = speaker_features(buzz(150, 1.0))
    np.testing.assert_allclose(played(features, 1.0, NO_GAINS), features, atol=1e-4)


def test_playing_faster_is_what_resampling_does() -> None:
    """Against the features of the audio itself, played 1.1 times as fast."""
    glide_hz = np.geomspace(110, 170, 48_000)
    features = played(speaker_features(buzz(glide_hz, 2.0)), 1.1, NO_GAINS)
    faster = speaker_features(
        buzz(np.interp(np.arange(43_636) * 1.1, np.arange(48_000), glide_hz) * 1.1, 43_636 / 24_000)
    )
    rows = slice(20, 160)
    np.testing.assert_allclose(features[rows, NUM_MELS:], faster[rows, NUM_MELS:], atol=0.02)
    assert np.median(np.abs(features[rows, 10:50] - faster[rows, 10:50])) < 0.3


def test_a_gain_raises_its_region_and_the_rest_makes_room() -> None:
    features = speaker_features(buzz(200, 1.0, tilt=1.0))
    change_db = (played(features, 1.0, NO_GAINS | {"ring_db": 6.0}) - features)[20:80].mean(axis=0)[:NUM_MELS]
    change_db = change_db * MEL_SCALE * 10 / np.log(10)
    nearest = int(np.argmin(np.abs(band_frequencies_hz() - REGIONS_HZ["ring_db"])))
    assert change_db[nearest] - change_db[5] == pytest.approx(6.0, abs=0.3)
    assert -1.0 < change_db[5] < 0.0


def test_a_variant_has_the_traits_of_what_was_done_to_its_voice() -> None:
    one = examples_of(make_clips("speaker training test", [0]))[0]
    other = Variant(1.1, NO_GAINS | {"nose_db": 3.0}).of(one)
    moved = dict(zip(COLUMNS, other.traits - one.traits, strict=True))
    assert {name for name, value in moved.items() if value} == {"f0_hz", "formant_ratio", "rate_ratio", "nose_db"}
    assert moved["nose_db"] == 3.0
    assert moved["f0_hz"] == pytest.approx(np.log(1.1), abs=1e-5)
    before, after = (np.median(each.features[each.features[:, -1] > 0, NUM_MELS]) for each in (one, other))
    assert after - before == pytest.approx(np.log2(1.1), abs=0.03)
    assert len(other.features) == pytest.approx(len(one.features) / 1.1, abs=1)


def test_variants_lie_within_their_bounds() -> None:
    random = generator("variants")
    drawn = [Variant.draw(random) for _ in range(200)]
    speeds, gains_db = [one.speed for one in drawn], [list(one.gains_db.values()) for one in drawn]
    assert 1 / speaker.SPEED <= min(speeds) < 0.92 < 1.08 < max(speeds) <= speaker.SPEED
    assert np.abs(gains_db).max(axis=0) == pytest.approx(speaker.GAIN_DB, abs=0.2)


def test_crops_have_one_length_and_short_clips_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker, "CROP", 5)
    features = np.arange(3, dtype=np.float32)[:, None].repeat(NUM_FEATURES, axis=1)
    assert cropped(features, generator("crop"))[:, 0].tolist() == [0, 1, 2, 0, 1]
    starts = {cropped(np.arange(8.0)[:, None], generator("crop", seed))[0, 0] for seed in range(40)}
    assert starts == {0, 1, 2, 3}


def test_batches_pair_the_clips_of_each_voice_and_of_its_variant(toys: list[Example]) -> None:
    marked = [replace(one, traits=np.full(len(COLUMNS), one.voice, np.float32)) for one in toys]
    seen = []
    for features, traits in batches(marked, 2, generator("batches")):
        assert features.shape == (24, 60, NUM_FEATURES)
        voices = traits[:, COLUMNS.index("breath")].int().tolist()  # a trait that no variant changes
        assert voices == [voice for voice in voices[::4] for _ in range(4)]
        seen += voices[::4]
        heights = traits[:, COLUMNS.index("f0_hz")].reshape(-1, 4)
        assert torch.equal(heights[:, 0], heights[:, 1])
        assert torch.equal(heights[:, 2], heights[:, 3])
        assert (heights[:, 0] != heights[:, 2]).all()
    assert sorted(seen) == list(range(12))


def test_the_objective_is_lower_the_nearer_the_pairs_and_the_better_the_traits_are_read() -> None:
    traits = torch.randn(4, 2)
    objective = Objective(traits)
    torch.nn.init.zeros_(objective.reading.weight)
    torch.nn.init.zeros_(objective.reading.bias)
    axes = torch.eye(speaker.WIDTH)
    paired, crossed = axes[[0, 0, 1, 1]], axes[[0, 1, 0, 1]]
    ideal = objective.mean.expand(4, 2)
    ahead = speaker.SCALE * (1 - speaker.MARGIN)
    assert objective(paired, ideal).item() == pytest.approx(np.log(1 + 2 * np.exp(-ahead)), abs=1e-4)
    assert objective(crossed, ideal).item() == pytest.approx(
        np.log(1 + np.exp(speaker.SCALE) + np.exp(-speaker.SCALE * speaker.MARGIN)) + speaker.SCALE * speaker.MARGIN,
        abs=1e-3,
    )
    off = objective(paired, ideal + objective.deviation) - objective(paired, ideal)
    assert off.item() == pytest.approx(speaker.TRAITS_WEIGHT, abs=1e-3)


def test_training_tells_voices_apart_by_clips_not_seen(toys: list[Example]) -> None:
    random = generator("more toys")
    net = train(toys, 60)
    with torch.inference_mode():
        vectors = [
            net(torch.from_numpy(toy_example(voice, random).features)[None])[0] for voice in range(12) for _ in "12"
        ]
    similarity = torch.stack(vectors) @ torch.stack(vectors).T
    similarity.fill_diagonal_(-1)
    assert (similarity.argmax(dim=1) // 2 == torch.arange(24) // 2).float().mean() > 0.7


def test_training_is_repeatable(toys: list[Example]) -> None:
    net, again = train(toys, 12), train(toys, 12)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
