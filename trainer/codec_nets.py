"""How the nets of the codec learn: those around the mel codebooks, together with these, and the vocoder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from schemas.take import Span
from stages.backends import codec_quantizer, codec_weights
from stages.backends.codec_features import (
    FRAMES_PER_CODE,
    HOP,
    MELS,
    Features,
    FloatArray,
    log_mel_tensor,
    stack_prosody,
)
from stages.backends.codec_net import HarmonicNoiseVocoder
from stages.backends.codec_quantizer import STACKED_MELS, Quantizer
from trainer.phone_critic import PhoneCritic

QUANTIZER_BATCH, QUANTIZER_CROP_CODES = 16, 32
QUANTIZER_RATE, CODEBOOK_RATE = 6e-4, 2e-3
CHANGE_WEIGHT = 0.5  # of the error of changes from frame to frame, against the error of the frames
COMMITMENT = 0.25  # of the distance of vectors from their codes

BATCH = 12
CROP_CODES = 12
LEARNING_RATE = 1.5e-3
LOSS_WINDOWS = (256, 512, 1024)
LOUDNESS_FLOOR = 1e-3  # of the spectral loss: about the power floor of the features


@dataclass(frozen=True)
class Example:
    """A practice clip: float [F * HOP] at 16 kHz, its features, and what the engine says it spoke."""

    waveform: FloatArray
    features: Features
    phones: tuple[Span, ...]


def train_quantizer(
    quantizer: Quantizer, examples: Sequence[Example], critic: PhoneCritic, steps: int, random: np.random.Generator
) -> None:
    """Nets and mel codebooks together; gradients pass the choice of codes as if it were none (van den Oord 2017)."""
    codebooks = quantizer.mel_codebooks
    nets = [parameter for parameter in quantizer.parameters() if parameter is not codebooks]
    optimizer = torch.optim.AdamW(
        [{"params": nets}, {"params": [codebooks], "weight_decay": 0.0}], QUANTIZER_RATE, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [QUANTIZER_RATE, CODEBOOK_RATE], steps, pct_start=0.08)
    bar = tqdm(stacked_batches(examples, steps, random), total=steps, desc="quantizer", unit="step", mininterval=5)
    for step, (mel, prosody) in enumerate(bar):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = quantizer.analyse(mel, prosody).float()
        with torch.no_grad():
            codes = codec_quantizer.encode_greedily(vectors.flatten(0, 1), codebooks)
        chosen = codec_quantizer.decode(codes, codebooks).view_as(vectors)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            heard = quantizer.synthesize(chosen + vectors - vectors.detach(), prosody).float()
        heard, wanted = (one.reshape(len(mel), -1, MELS) for one in (heard, mel))
        loss = (
            (heard - wanted).abs().mean()
            + CHANGE_WEIGHT * (heard.diff(dim=1) - wanted.diff(dim=1)).abs().mean()
            + COMMITMENT * (vectors - chosen.detach()).square().mean() * vectors.shape[2] / STACKED_MELS
            + COMMITMENT * (vectors.detach() - chosen).square().mean() * vectors.shape[2] / STACKED_MELS
            + critic.distance(heard, wanted)
        )
        descend(loss, quantizer, optimizer, schedule)
        if step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.4f}", mel=f"{(heard - wanted).abs().mean().item():.4f}")
    quantizer.load_state_dict(codec_weights.as_stored(quantizer))


def stacked_batches(
    examples: Sequence[Example], steps: int, random: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Crops drawn by duration, from any frame on: mel [B, T, 8 * MELS], prosody [B, T, 16] (`stack_prosody`)."""
    for crops in drawn_crops(examples, steps, QUANTIZER_BATCH, QUANTIZER_CROP_CODES * FRAMES_PER_CODE, random):
        mels = [one.features.mel[frames].reshape(-1, STACKED_MELS) for one, frames in crops]
        prosody = [stack_prosody(one.features.log2_f0[frames], one.features.voiced[frames]) for one, frames in crops]
        yield torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(prosody))


def drawn_crops(
    examples: Sequence[Example], steps: int, batch: int, frames: int, random: np.random.Generator
) -> Iterator[list[tuple[Example, slice]]]:
    """For each step, examples drawn by duration, and which of their frames; those that are too short are left out."""
    long_enough = [one for one in examples if len(one.features.mel) > frames]
    weights = np.array([len(one.features.mel) - frames for one in long_enough], dtype=float)
    for _ in range(steps):
        chosen = [long_enough[i] for i in random.choice(len(long_enough), batch, p=weights / weights.sum())]
        starts = [int(random.integers(len(one.features.mel) - frames)) for one in chosen]
        yield [(one, slice(start, start + frames)) for one, start in zip(chosen, starts, strict=True)]


def descend(
    loss: Tensor, net: nn.Module, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler
) -> None:
    """One step down the gradient, which is clipped."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    schedule.step()


def train_vocoder(
    vocoder: HarmonicNoiseVocoder,
    examples: Sequence[Example],
    critic: PhoneCritic,
    steps: int,
    random: np.random.Generator,
) -> None:
    """AdamW with a cosine schedule from LEARNING_RATE to zero."""
    optimizer = torch.optim.AdamW(vocoder.parameters(), LEARNING_RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    bar = tqdm(batches(examples, steps, random), total=steps, desc="vocoder", unit="step", mininterval=5)
    for step, (wanted, mel, log2_f0, voiced, noise) in enumerate(bar):
        heard = vocoder(mel, log2_f0, voiced, noise)
        loss = spectral_loss(heard, wanted) + critic.distance(log_mel_tensor(heard), log_mel_tensor(wanted))
        descend(loss, vocoder, optimizer, schedule)
        if step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.4f}")


def batches(examples: Sequence[Example], steps: int, random: np.random.Generator) -> Iterator[tuple[Tensor, ...]]:
    """Crops drawn by duration: audio [B, F * HOP], mel [B, F, MELS], log2 f0, voiced [B, F], noise [B, F * HOP]."""
    for crops in drawn_crops(examples, steps, BATCH, CROP_CODES * FRAMES_PER_CODE, random):
        rows = []
        for one, frames in crops:
            audio = one.waveform[frames.start * HOP : frames.stop * HOP]
            voiced = one.features.voiced[frames].astype(np.float32)
            noise = random.standard_normal(len(audio), dtype=np.float32)
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
