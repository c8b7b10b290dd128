"""Training the codec on a minute and a half of synthetic sound: the parts, and a whole run that reproduces."""

from pathlib import Path

import numpy as np
import pytest
import torch

from schemas.take import Samples, Span
from stages.backends import codec_weights
from stages.backends.codec_features import F0_CEILING_HZ, F0_FLOOR_HZ, FRAMES_PER_CODE, HOP, MELS
from stages.backends.kmeans_codec import KmeansCodec
from trainer import codec, codec_nets
from trainer.phone_critic import PhoneCritic, train_critic


def hum(index: int, seconds: float = 11.0) -> Samples:
    """A tone that wanders in pitch and level, with pauses of noise, int16 at 24 kHz."""
    random = np.random.default_rng(index)
    times = np.arange(int(seconds * 24_000)) / 24_000
    f0_hz = 100.0 * 2 ** (random.uniform(0, 2) + 0.3 * np.sin(2 * np.pi * random.uniform(0.2, 1.0) * times))
    phase = 2 * np.pi * np.cumsum(f0_hz) / 24_000
    tone = sum(np.cos(number * phase) / number ** random.uniform(0.5, 2.0) for number in range(1, 12))
    loud = np.sin(2 * np.pi * random.uniform(0.5, 2.0) * times) > -0.3
    return (3000 * tone * loud + 300 * random.standard_normal(len(times))).astype(np.int16)


def beeps(index: int, seconds: float = 11.0) -> tuple[Span, ...]:
    """What is "said" in a hum: two phones in turn, of half a second each."""
    return tuple(Span("ab"[(place + index) % 2], place / 2, (place + 1) / 2) for place in range(int(2 * seconds)))


@pytest.fixture(scope="module")
def examples() -> list[codec.Example]:
    torch.set_num_threads(1)  # as in training: on busy cores more threads are slower by far
    return [codec.listen(hum(index), beeps(index)) for index in range(8)]


@pytest.fixture(scope="module")
def critic(examples: list[codec.Example]) -> PhoneCritic:
    torch.manual_seed(0)
    return train_critic([one.features.mel for one in examples], [one.phones for one in examples], steps=2, seed=0)


def test_transposed_contours_keep_their_shape_and_stay_audible() -> None:
    voiced = torch.cat(
        [torch.linspace(6.5, 9.5, 50)[:, None] + torch.linspace(0, 0.2, 8), torch.full((50, 8), 0.35)], 1
    )
    silent = torch.cat([torch.full((5, 8), 7.0), torch.zeros(5, 8)], dim=1)
    moved = codec.transpose(torch.cat([voiced, silent]), torch.Generator().manual_seed(0))
    low, high = np.log2([F0_FLOOR_HZ, F0_CEILING_HZ])

    assert moved.shape == (50, 2 * FRAMES_PER_CODE)
    assert torch.allclose(moved[:, :8].diff(dim=1), voiced[:, :8].diff(dim=1), atol=1e-5)
    assert moved[:, :8].min() >= low - 1e-5
    assert moved[:, :8].max() <= high + 1e-5
    assert (moved - voiced)[:, 0].abs().mean() > 0.3


def test_batches_are_crops_of_the_examples_with_their_own_frames(examples: list[codec.Example]) -> None:
    crop = codec_nets.CROP_CODES * FRAMES_PER_CODE
    ((audio, mel, log2_f0, voiced, noise),) = codec_nets.batches(examples, 1, np.random.default_rng(0))

    assert audio.shape == noise.shape == (codec_nets.BATCH, crop * HOP)
    assert mel.shape == (codec_nets.BATCH, crop, MELS)
    assert log2_f0.shape == voiced.shape == (codec_nets.BATCH, crop)
    sources = [one for one in examples if mel[0].numpy().tobytes() in one.features.mel.tobytes()]
    assert len(sources) == 1
    assert audio[0].numpy().tobytes() in sources[0].waveform.tobytes()


def test_spectral_loss_is_zero_for_equal_and_grows_with_the_difference() -> None:
    sound = 0.1 * torch.randn(1, 4800, generator=torch.Generator().manual_seed(0))

    assert codec_nets.spectral_loss(sound, sound).item() == 0.0
    assert codec_nets.spectral_loss(1.5 * sound, sound) < codec_nets.spectral_loss(3.0 * sound, sound)


def test_vocoder_steps_lower_the_loss(examples: list[codec.Example], critic: PhoneCritic) -> None:
    torch.manual_seed(0)
    vocoder = codec.HarmonicNoiseVocoder()
    ((audio, *inputs),) = codec_nets.batches(examples, 1, np.random.default_rng(5))
    before = codec_nets.spectral_loss(vocoder(*inputs), audio).item()
    codec_nets.train_vocoder(vocoder, examples, critic, 15, np.random.default_rng(0))

    assert codec_nets.spectral_loss(vocoder(*inputs), audio).item() < 0.9 * before


def test_quantizer_steps_lower_the_error_of_the_mels(examples: list[codec.Example], critic: PhoneCritic) -> None:
    torch.manual_seed(0)
    quantizer = codec.fit_quantizer([one.features for one in examples], torch.Generator().manual_seed(0))
    quantizer.mel_codebooks.data *= 0.7
    features = examples[0].features

    def error() -> float:
        return float(np.abs(quantizer.dequantize(quantizer.quantize(features)).mel - features.mel).mean())

    before = error()
    codec_nets.train_quantizer(quantizer, examples, critic, 30, np.random.default_rng(0))
    assert error() < 0.95 * before
    assert torch.equal(quantizer.mel_codebooks.half().float(), quantizer.mel_codebooks)


def test_a_run_reproduces_and_its_file_opens_as_the_codec(examples: list[codec.Example], tmp_path: Path) -> None:
    for name in ("first", "again"):
        codec_weights.save(tmp_path / name, *codec.train(examples, codec.Steps(2, 3, 4)))
    trained = KmeansCodec(tmp_path / "first")
    trained.open()
    clips = [hum(0)]
    (codes,) = trained.encode(clips)
    (samples,) = trained.decode([codes.values])

    assert (tmp_path / "first").read_bytes() == (tmp_path / "again").read_bytes()
    assert codes.values.shape == (138, 8)
    assert 0.5 < np.std(samples) / np.std(clips[0]) < 2.0


def test_shifted_mels_start_later_and_stay_inside_their_clip() -> None:
    mel = np.arange(16 * MELS, dtype=np.float32).reshape(16, MELS)
    features = [codec.Features(one, np.zeros(16, np.float32), np.zeros(16, bool)) for one in (mel, mel + 10_000)]

    assert codec.stack_mels(features, 0).tolist() == [
        half.flatten().tolist() for one in features for half in (one.mel[:8], one.mel[8:])
    ]
    assert codec.stack_mels(features, 6).tolist() == [one.mel[6:14].flatten().tolist() for one in features]
