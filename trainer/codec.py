"""Train the embedded codec on the pipeline's own voices and songs: `python -m trainer.codec`.

Features -> principal components -> residual k-means -> nets before and after the codebooks, with the codebooks ->
vocoder on the features as heard -> vocoder on the features as quantized, so that it learns to mend what the codes lose.
Nets learn to keep the spectrum and, by a critic of their own (`trainer.phone_critic`), the phones.
One seed; single-threaded, so reproducible on the same kind of processor.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from schemas.seeds import generator
from schemas.take import Samples, Span
from stages.backends import codec_quantizer, codec_weights
from stages.backends.codec_features import (
    F0_CEILING_HZ,
    F0_FLOOR_HZ,
    FRAMES_PER_CODE,
    MELS,
    VOICING_WEIGHT,
    Features,
    hear,
    stack_prosody,
    to_waveform,
)
from stages.backends.codec_net import HarmonicNoiseVocoder
from stages.backends.codec_quantizer import Quantizer
from stages.backends.kmeans_codec import WEIGHTS
from trainer.clips import Clip, make_clips_parallel
from trainer.codec_nets import Example, train_quantizer, train_vocoder
from trainer.phone_critic import train_critic
from trainer.sung_clips import make_sung_clips

NAMESPACE = "codec"
SEED = 20250

CLIPS, SONGS = 1_800, 700

COMPONENTS = 96
CARDINALITY = 1024
MEL_BOOKS = 6
PROSODY_BOOKS = 2
SHIFTS = (0, 4)  # k-means also sees the mels from so many frames later: twice the vectors
KMEANS_ROUNDS = 8
TRANSPOSITION_OCTAVES = 1.5  # contours are also quantized this much higher or lower, for voices not yet cast, and songs

CRITIC_STEPS = 1_000
QUANTIZER_STEPS = 10_000
VOCODER_STEPS = 4_000


def listen(clip: Samples, phones: tuple[Span, ...] = ()) -> Example:
    """int16 [N] at 24 kHz -> what is trained on."""
    waveform = to_waveform(clip)
    return Example(waveform, hear(waveform), phones)


def fit_quantizer(features: Sequence[Features], random: torch.Generator) -> Quantizer:
    """Principal components and codebooks, the nets still untrained."""
    stacked = stack_mels(features, shift=0)
    mean = stacked.mean(dim=0)
    basis = torch.linalg.eigh((stacked - mean).T @ (stacked - mean)).eigenvectors.flip(1)[:, :COMPONENTS]
    vectors = torch.cat([(stack_mels(features, shift) - mean) @ basis for shift in SHIFTS])
    mel_books = codec_quantizer.fit(vectors, MEL_BOOKS, CARDINALITY, KMEANS_ROUNDS, random)
    prosody = torch.cat([torch.from_numpy(stack_prosody(one.log2_f0, one.voiced)) for one in features])
    prosody_books = fit_codebooks(torch.cat([prosody, transpose(prosody, random)]), PROSODY_BOOKS, random)
    return Quantizer(mean, basis, mel_books, prosody_books)


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
        replace(one, features=quantizer.dequantize(quantizer.quantize(one.features)))
        for one in tqdm(examples, desc="quantizing", unit="clip", mininterval=5)
    ]


@dataclass(frozen=True)
class Steps:
    """How long each net is trained."""

    critic: int = CRITIC_STEPS
    quantizer: int = QUANTIZER_STEPS
    vocoder: int = VOCODER_STEPS


def train(examples: Sequence[Example], steps: Steps) -> tuple[Quantizer, HarmonicNoiseVocoder]:
    """The whole recipe; a quarter of the vocoder's steps see the features as heard, the rest as quantized."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    critic = train_critic([one.features.mel for one in examples], [one.phones for one in examples], steps.critic, SEED)
    quantizer = fit_quantizer([one.features for one in examples], torch.Generator().manual_seed(SEED))
    train_quantizer(quantizer, examples, critic, steps.quantizer, generator(SEED, "quantizer"))
    torch.manual_seed(SEED)
    vocoder = HarmonicNoiseVocoder()
    early = steps.vocoder // 4
    train_vocoder(vocoder, examples, critic, early, generator(SEED, "as heard"))
    quantized = requantize(examples, quantizer)
    train_vocoder(vocoder, quantized, critic, steps.vocoder - early, generator(SEED, "as quantized"))
    return quantizer.eval(), vocoder.eval()


def practice_examples(clips: int, songs: int, processes: int) -> list[Example]:
    """What the codec's own namespace says and sings."""
    made: list[Clip] = make_clips_parallel(NAMESPACE, clips, processes)
    made += make_clips_parallel(NAMESPACE, songs, processes, make_sung_clips)
    return [listen(clip.samples, clip.phones) for clip in tqdm(made, desc="features", unit="clip", mininterval=5)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="weights file to write (default: the bundled one)")
    parser.add_argument("--clips", type=int, default=CLIPS, help="spoken practice clips to train on")
    parser.add_argument("--songs", type=int, default=SONGS, help="sung practice clips to train on")
    parser.add_argument("--processes", type=int, default=1, help="processes that make the clips")
    options = parser.parse_args()
    examples = practice_examples(options.clips, options.songs, options.processes)
    codec_weights.save(options.out, *train(examples, Steps()))


if __name__ == "__main__":
    main()
