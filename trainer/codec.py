"""Train the embedded codec on the pipeline's own voices: `python -m trainer.codec`.

Features -> principal components -> residual k-means -> vocoder on the features as heard -> vocoder on the features
as quantized, so that it learns to mend what the codes lose. One seed; single-threaded, so reproducible.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from schemas.seeds import generator
from schemas.take import Samples
from stages.backends import codec_quantizer, codec_weights
from stages.backends.codec_features import (
    F0_CEILING_HZ,
    F0_FLOOR_HZ,
    FRAMES_PER_CODE,
    HOP,
    MELS,
    VOICING_WEIGHT,
    Features,
    FloatArray,
    hear,
    stack_prosody,
    to_waveform,
)
from stages.backends.codec_net import HarmonicNoiseVocoder
from stages.backends.codec_quantizer import Quantizer
from stages.backends.kmeans_codec import WEIGHTS
from trainer.clips import make_clips_parallel
from trainer.sung_clips import make_sung_clips

NAMESPACE = "codec"
SEED = 20250

COMPONENTS = 96
CARDINALITY = 1024
MEL_BOOKS = 6
PROSODY_BOOKS = 2
SHIFTS = (0, 2, 4, 6)  # k-means also sees the mels from so many frames later: four times the vectors, -0.2 dB error
KMEANS_ROUNDS = 8
TRANSPOSITION_OCTAVES = 1.5  # contours are also quantized this much higher or lower, for voices not yet cast, and songs

BATCH = 12
CROP_CODES = 12
LEARNING_RATE = 1.5e-3
LOSS_WINDOWS = (256, 512, 1024)
LOUDNESS_FLOOR = 1e-3  # of the spectral loss: about the power floor of the features


@dataclass(frozen=True)
class Example:
    """A practice clip: float [F * HOP] at 16 kHz and its features."""

    waveform: FloatArray
    features: Features


def listen(clip: Samples) -> Example:
    """int16 [N] at 24 kHz -> what is trained on."""
    waveform = to_waveform(clip)
    return Example(waveform, hear(waveform))


def fit_quantizer(features: Sequence[Features], random: torch.Generator) -> Quantizer:
    """Principal components and codebooks, rounded to the half precision they are stored in."""
    stacked = stack_mels(features, shift=0)
    mean = stacked.mean(dim=0)
    basis = torch.linalg.eigh((stacked - mean).T @ (stacked - mean)).eigenvectors.flip(1)[:, :COMPONENTS]
    vectors = torch.cat([(stack_mels(features, shift) - mean) @ basis for shift in SHIFTS])
    mel_books = fit_codebooks(vectors, MEL_BOOKS, random)
    prosody = torch.cat([torch.from_numpy(stack_prosody(one.log2_f0, one.voiced)) for one in features])
    prosody_books = fit_codebooks(torch.cat([prosody, transpose(prosody, random)]), PROSODY_BOOKS, random)
    return Quantizer(*(table.half().float() for table in (mean, basis, mel_books, prosody_books)))


def stack_mels(features: Sequence[Features], shift: int) -> Tensor:
    """All mels from frame `shift` on, cut into codes: [N, FRAMES_PER_CODE * MELS]."""
    ends = [len(one.mel) - (FRAMES_PER_CODE - shift if shift else 0) for one in features]
    mels = [torch.from_numpy(one.mel[shift:end]) for one, end in zip(features, ends, strict=True)]
    return torch.cat(mels).reshape(-1, FRAMES_PER_CODE * MELS)


def fit_codebooks(vectors: Tensor, books: int, random: torch.Generator) -> Tensor:
    """Residual k-means, then a refit of all codebooks to the codes that the beam search chooses."""
    codebooks = codec_quantizer.fit(vectors, books, CARDINALITY, KMEANS_ROUNDS, random)
    codes = torch.cat([codec_quantizer.encode(part, codebooks) for part in torch.split(vectors, 256)])
    return codec_quantizer.refit(vectors, codebooks, codes)


def transpose(prosody: Tensor, random: torch.Generator) -> Tensor:
    """The voiced rows of [T, 16], moved up or down at random within what the pitch tracker can hear."""
    voiced = prosody[prosody[:, FRAMES_PER_CODE:].amax(dim=1) > VOICING_WEIGHT / 2].clone()
    contour = voiced[:, :FRAMES_PER_CODE]
    shift = (2.0 * torch.rand(len(voiced), 1, generator=random) - 1.0) * TRANSPOSITION_OCTAVES
    low, high = np.log2([F0_FLOOR_HZ, F0_CEILING_HZ])
    shift = shift.clamp(low - contour.amin(1, True), high - contour.amax(1, True))
    voiced[:, :FRAMES_PER_CODE] += shift
    return voiced


def requantize(examples: Sequence[Example], quantizer: Quantizer) -> list[Example]:
    """The same audio with the features that the decoder will get."""
    return [
        Example(one.waveform, quantizer.dequantize(quantizer.quantize(one.features)))
        for one in tqdm(examples, desc="quantizing", unit="clip", mininterval=5)
    ]


def train_vocoder(
    vocoder: HarmonicNoiseVocoder, examples: Sequence[Example], steps: int, random: np.random.Generator
) -> None:
    """AdamW with a cosine schedule from LEARNING_RATE to zero."""
    optimizer = torch.optim.AdamW(vocoder.parameters(), LEARNING_RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    bar = tqdm(batches(examples, steps, random), total=steps, desc="vocoder", unit="step", mininterval=5)
    for step, (target, mel, log2_f0, voiced, noise) in enumerate(bar):
        loss = spectral_loss(vocoder(mel, log2_f0, voiced, noise), target)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vocoder.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.4f}")


def batches(examples: Sequence[Example], steps: int, random: np.random.Generator) -> Iterator[tuple[Tensor, ...]]:
    """Crops drawn by duration: audio [B, F * HOP], mel [B, F, MELS], log2 f0, voiced [B, F], noise [B, F * HOP]."""
    crop = CROP_CODES * FRAMES_PER_CODE
    long_enough = [one for one in examples if len(one.features.mel) > crop]
    weights = np.array([len(one.features.mel) - crop for one in long_enough], dtype=float)
    for _ in range(steps):
        rows = []
        for index in random.choice(len(long_enough), BATCH, p=weights / weights.sum()):
            one = long_enough[index]
            start = int(random.integers(len(one.features.mel) - crop))
            frames = slice(start, start + crop)
            audio = one.waveform[start * HOP : (start + crop) * HOP]
            voiced = one.features.voiced[frames].astype(np.float32)
            noise = random.standard_normal(crop * HOP, dtype=np.float32)
            rows.append((audio, one.features.mel[frames], one.features.log2_f0[frames], voiced, noise))
        yield tuple(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))


def spectral_loss(heard: Tensor, wanted: Tensor) -> Tensor:
    """Multi-resolution STFT loss (Yamamoto et al. 2020): log magnitudes plus relative distance of magnitudes."""
    total = torch.zeros(())
    for size in LOSS_WINDOWS:
        window = torch.hann_window(size)
        spectra = [
            torch.stft(signal, size, size // 4, window=window, return_complex=True).abs() / window.square().sum().sqrt()
            for signal in (heard, wanted)
        ]
        ours, theirs = (spectrum + LOUDNESS_FLOOR for spectrum in spectra)
        total = total + (ours.log() - theirs.log()).abs().mean() + (ours - theirs).norm() / theirs.norm()
    return total / len(LOSS_WINDOWS)


def train(clips: Sequence[Samples], steps: int) -> tuple[Quantizer, HarmonicNoiseVocoder]:
    """The whole recipe; a quarter of the vocoder's steps see the features as heard, the rest as quantized."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    examples = [listen(clip) for clip in tqdm(clips, desc="features", unit="clip", mininterval=5)]
    quantizer = fit_quantizer([one.features for one in examples], torch.Generator().manual_seed(SEED))
    vocoder = HarmonicNoiseVocoder()
    train_vocoder(vocoder, examples, steps // 4, generator(SEED, "as heard"))
    train_vocoder(vocoder, requantize(examples, quantizer), steps - steps // 4, generator(SEED, "as quantized"))
    return quantizer, vocoder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="weights file to write (default: the bundled one)")
    parser.add_argument("--clips", type=int, default=1000, help="spoken practice clips to train on")
    parser.add_argument("--songs", type=int, default=250, help="sung practice clips to train on")
    parser.add_argument("--steps", type=int, default=2400, help="steps of the vocoder")
    parser.add_argument("--processes", type=int, default=1, help="processes that make the clips")
    options = parser.parse_args()
    spoken = make_clips_parallel(NAMESPACE, options.clips, options.processes)
    sung = make_clips_parallel(NAMESPACE, options.songs, options.processes, make_sung_clips)
    codec_weights.save(options.out, *train([clip.samples for clip in spoken + sung], options.steps))


if __name__ == "__main__":
    main()
