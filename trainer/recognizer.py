"""Trains the embedded phone recognizer on the pipeline's own voices: `python -m trainer.recognizer`.

Practice clips are spoken by the embedded engine, labelled from the dictionaries (for English the CMUdict reading
nearest to what espeak-ng reports to have said), and learned with CTC. Half of the clips of every batch are augmented.
One seed and one thread: the same weights again on the same kind of processor. Another kind rounds differently (bf16)
and ends with other weights that hear as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from schemas.phones import INDEX
from schemas.seeds import generator
from schemas.tags import TAGS
from stages.backends.english_lexicon import english_lexicon
from stages.backends.phone_features import NUM_MELS, Features, log_mel, pitch, to_waveform
from stages.backends.phone_net import PhoneNet, frames_out, save_phone_net
from stages.backends.phone_transcriber import WEIGHTS
from stages.backends.reference_phones import (
    Lexicon,
    Phones,
    arpabet_from_espeak,
    nearest_readings,
    reference_words,
    without_tones,
)
from trainer.clips import Clip, make_carrier_clips, make_clips_parallel
from trainer.sung_clips import make_sung_clips

NAMESPACE = "recognizer"
CLIPS = 2_000
CARRIER_CLIPS = 4_000
SUNG_CLIPS = 1_200
REPEATS = 3
"""How often a clip counts for one carrier clip: carriers are many because they are cheap, voices are what is judged."""
STEPS = 6_000
BATCH = 32
LEARNING_RATE = 3e-3
WARMUP_SHARE = 0.1
WEIGHT_DECAY = 0.02
SEED = 11
PROCESSES = 2


@dataclass(frozen=True)
class Example:
    """A clip as the net learns it: log-mel [T, 80] with its mean still in, pitch [T, 3], label indices [S]."""

    mel: Features
    pitch: Features
    labels: NDArray[np.int64]


def spoken_phones(clip: Clip, lexicon: Lexicon) -> Phones:
    """The phones of a clip's text, in the readings nearest to what the engine says it spoke."""
    said = arpabet_from_espeak([span.label for span in clip.phones if span.label not in TAGS])
    words = reference_words(clip.line.spoken, clip.line.language, lexicon, lambda word: said)
    if clip.line.turn.song is not None:
        words = without_tones(words)
    return tuple(phone for reading in nearest_readings(words, said) for phone in reading)


def example(clip: Clip, lexicon: Lexicon) -> Example:
    waveform = to_waveform(clip.samples)
    mel = log_mel(waveform)
    labels = np.array([INDEX[phone] for phone in spoken_phones(clip, lexicon)], dtype=np.int64)
    return Example(mel, pitch(waveform, len(mel)), labels)


def augment(mel: Features, track: Features, random: np.random.Generator) -> tuple[Features, Features]:
    """Another room, microphone, vocal tract and tempo for a clip, worked out on its features."""
    frames = np.linspace(0, len(mel) - 1, round(len(mel) * random.uniform(0.88, 1.14)))
    bands = np.arange(NUM_MELS) * random.uniform(0.95, 1.05) + random.uniform(-2.0, 2.0)
    mel = _interpolate(_interpolate(mel, frames).T, np.clip(bands, 0, NUM_MELS - 1)).T
    track = _interpolate(track, frames) * np.float32(random.uniform(0.75, 1.3)) * (random.random() > 0.05)
    mel = _reverberate(mel, random) + _equalizer(random)
    return _mask(_add_noise(mel, random), random), track.astype(np.float32)


def _interpolate(values: NDArray[np.float32], positions: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows of `values` at fractional positions."""
    low = positions.astype(int)
    high = np.minimum(low + 1, len(values) - 1)
    share = (positions - low).astype(np.float32)[:, None]
    mixed: NDArray[np.float32] = values[low] * (1 - share) + values[high] * share
    return mixed


def _reverberate(mel: Features, random: np.random.Generator) -> Features:
    """A diffuse tail of T60 = 0.1 to 0.5 s, 6 to 20 dB below the direct sound."""
    from scipy.signal import lfilter

    decay = 10 ** (-6 * 0.01 / random.uniform(0.1, 0.5))
    level = 10 ** (-random.uniform(0.6, 2.0)) * (1 - decay)
    tail = lfilter([0, 0, level], [1, -decay], np.exp(mel), axis=0)
    return np.asarray(np.log(np.exp(mel) + tail), dtype=np.float32)


def _equalizer(random: np.random.Generator) -> Features:
    """[1, 80]: a smooth gain curve of about 5 dB."""
    waves = np.cos(
        np.pi * np.arange(1, 5)[:, None] * (np.arange(NUM_MELS) / NUM_MELS) + random.uniform(0, 6.28, (4, 1))
    )
    return np.asarray(random.normal(0, 0.5, (1, 4)) @ waves, dtype=np.float32)


def _add_noise(mel: Features, random: np.random.Generator) -> Features:
    """Steady noise of a random slope, 12 to 45 dB below the loudest mel energies."""
    loudest = np.quantile(mel, 0.98)
    slope = np.linspace(0, random.uniform(-3, 1), NUM_MELS)
    noise = loudest - random.uniform(12, 45) / 4.343 + slope + random.normal(0, 0.4, mel.shape)
    return np.logaddexp(mel, noise).astype(np.float32)


def _mask(mel: Features, random: np.random.Generator) -> Features:
    """SpecAugment (Park et al. 2019): two bands of frequency and two stretches of up to 80 ms set to the mean."""
    mel = mel.copy()
    mean = mel.mean(axis=0)
    for _ in range(2):
        low, width = int(random.integers(NUM_MELS)), int(random.integers(1, 12))
        mel[:, low : low + width] = mean[low : low + width]
        start, length = int(random.integers(len(mel))), int(random.integers(1, 9))
        mel[start : start + length] = mean
    return mel


def batches(examples: Sequence[Example], steps: int, random: np.random.Generator) -> Iterator[list[Example]]:
    """Batches of clips of like length, so that little is padding."""
    by_length = sorted(range(len(examples)), key=lambda i: len(examples[i].mel))
    groups = [by_length[start : start + BATCH] for start in range(0, len(by_length) - BATCH + 1, BATCH // 2)]
    for _ in range(steps):
        group = groups[int(random.integers(len(groups)))]
        chosen = [examples[i] for i in group]
        augmented = random.random(len(chosen)) < 0.5
        yield [_augmented(one, random) if again else one for one, again in zip(chosen, augmented, strict=True)]


def _augmented(one: Example, random: np.random.Generator) -> Example:
    return Example(*augment(one.mel, one.pitch, random), one.labels)


def collate(batch: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features [B, T, F] padded with zeros, their posterior frames [B], labels [B, S] and their lengths [B]."""
    rows = [np.concatenate([one.mel - one.mel.mean(axis=0), one.pitch], axis=1) for one in batch]
    features = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True)
    labels = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(one.labels) for one in batch], batch_first=True)
    frames = torch.tensor([frames_out(len(row)) for row in rows])
    return features, frames, labels, torch.tensor([len(one.labels) for one in batch])


def train(examples: Sequence[Example], steps: int = STEPS) -> PhoneNet:
    """A net fitted to the examples: AdamW, linear warm-up, cosine to zero."""
    torch.manual_seed(SEED)
    random = generator("recognizer training", SEED)
    net = PhoneNet().train()
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / steps))
    for batch in (bar := tqdm(batches(examples, steps, random), total=steps, desc="training")):
        features, frames, labels, lengths = collate(batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            posteriors = net(features)
        loss = functional.ctc_loss(posteriors.transpose(0, 1), labels, frames, lengths, zero_infinity=True)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return net.eval()


def _rate(progress: float) -> float:
    """Share of the peak learning rate at this share of the training."""
    if progress < WARMUP_SHARE:
        return (progress + 1e-3) / WARMUP_SHARE
    return 0.5 + 0.5 * float(np.cos(np.pi * (progress - WARMUP_SHARE) / (1 - WARMUP_SHARE)))


def practice_examples(clips: int, carrier_clips: int, sung_clips: int, processes: int = PROCESSES) -> list[Example]:
    """Examples of the recognizer's own namespaces: clips for voices and moods, songs, and carrier clips for breadth of
    words."""
    lexicon = english_lexicon()
    voiced = [example(clip, lexicon) for clip in make_clips_parallel(NAMESPACE, clips, processes)]
    carriers = make_clips_parallel(f"{NAMESPACE} carriers", carrier_clips, processes, make_carrier_clips)
    sung = make_clips_parallel(NAMESPACE, sung_clips, processes, make_sung_clips)
    return (voiced + [example(clip, lexicon) for clip in sung]) * REPEATS + [
        example(clip, lexicon) for clip in carriers
    ]


def main(weights: Path = WEIGHTS) -> None:
    torch.set_num_threads(1)
    save_phone_net(train(practice_examples(CLIPS, CARRIER_CLIPS, SUNG_CLIPS)), weights)


if __name__ == "__main__":
    main()
