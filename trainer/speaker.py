"""Trains the embedded speaker net on the pipeline's own voices: `python -m trainer.speaker`.

Every practice voice says a few clips, each in a mood, style and pace of its own. Out of a batch, the net has to find
for every clip the other one of its voice (Sohn 2016; the scale of the cosines is learned, as in Wan et al. 2018), and
besides to read off a clip the traits that its voice was designed with. A few hundred voices can be learned by heart, so
each is joined in its batch by one that is made of its other clips, new every time: played faster or slower, and with
the regions of the spectrum that the engine tells voices apart by turned up and down. It has the mood, the words and
much else of the first, and is not it.
One seed and one thread: the same weights again on the same kind of processor.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from schemas.seeds import generator
from schemas.take import Voice
from stages.backends.espeak_voice import TRAITS
from stages.backends.phone_features import FLOOR, HIGHEST_HZ, LOWEST_HZ, NUM_MELS, Features
from stages.backends.speaker_encoder import WEIGHTS
from stages.backends.speaker_features import MEL_CENTRE, MEL_SCALE, speaker_features
from stages.backends.speaker_net import WIDTH, SpeakerNet, save_speaker_net
from stages.backends.world_expression import REGION_OCTAVES, REGIONS_HZ
from trainer.clips import Clip, make_clips_parallel

NAMESPACE = "speaker"
CLIPS = 2_000
STEPS = 1_500
VOICES = 16
"""Voices of a batch; each, and a variant of each, is there with two clips."""
CROP = 200
"""Frames of a training example, 2 s; a shorter clip is said over and over."""
SPEED = 1.12
GAIN_DB = 4.0
"""How far a variant may lie from its voice: a factor either way, and a gain of each region either way."""
LEARNING_RATE = 3e-3
WARMUP_SHARE = 0.15
WEIGHT_DECAY = 0.05
MARGIN, SCALE = 0.1, 12.0
"""What a cosine to the own voice must be ahead of others, and what cosines are multiplied by at first."""
TRAITS_WEIGHT = 1.0
SEED = 17
PROCESSES = 2

COLUMNS = ("f0_hz", *TRAITS)


@dataclass(frozen=True)
class Example:
    """A clip as the net learns it: features [T, NUM_FEATURES], which voice it is, and the voice's traits [D].

    Traits are in the order of COLUMNS; of frequencies and ratios, their logarithms.
    """

    features: Features
    voice: int
    traits: NDArray[np.float32]


@dataclass(frozen=True)
class Variant:
    """Another voice, made of a voice's clips: played so much faster, with these gains of the regions."""

    speed: float
    gains_db: dict[str, float]

    @staticmethod
    def draw(random: np.random.Generator) -> "Variant":
        gains_db = random.uniform(-GAIN_DB, GAIN_DB, len(REGIONS_HZ))
        return Variant(SPEED ** random.uniform(-1, 1), dict(zip(REGIONS_HZ, gains_db.tolist(), strict=True)))

    def of(self, one: Example) -> Example:
        """The clip by the other voice, with the traits that this one has."""
        faster = dict.fromkeys(("f0_hz", "formant_ratio", "rate_ratio"), np.log(self.speed))
        moved = np.array([(faster | self.gains_db).get(name, 0.0) for name in COLUMNS], np.float32)
        return replace(one, features=played(one.features, self.speed, self.gains_db), traits=one.traits + moved)


class Objective(nn.Module):
    """Unit vectors [B, WIDTH] and traits [B, D] -> loss; rows 2 i and 2 i + 1 are of one voice.

    `traits` [N, D] gives the means and deviations of traits.
    """

    def __init__(self, traits: Tensor) -> None:
        super().__init__()
        self.reading = nn.Linear(WIDTH, traits.shape[1])
        self.log_scale = nn.Parameter(torch.tensor(SCALE).log())
        self.mean, self.deviation = traits.mean(dim=0), traits.std(dim=0).clamp(min=1e-3)

    def forward(self, vectors: Tensor, traits: Tensor) -> Tensor:
        rows = torch.arange(len(vectors))
        cosines = vectors @ vectors.T - MARGIN * functional.one_hot(rows ^ 1)
        logits = (self.log_scale.exp() * cosines).masked_fill(torch.eye(len(rows), dtype=torch.bool), -1e4)
        read = functional.mse_loss(self.reading(WIDTH**0.5 * vectors), (traits - self.mean) / self.deviation)
        return functional.cross_entropy(logits, rows ^ 1) + TRAITS_WEIGHT * read


def trait_row(voice: Voice) -> NDArray[np.float32]:
    """[D] in the order of COLUMNS."""
    values = [(name, voice.traits[name]) for name in COLUMNS]
    return np.array([np.log(v) if name.endswith(("_hz", "_ratio")) else v for name, v in values], np.float32)


def examples_of(clips: Iterable[Clip]) -> list[Example]:
    """The clips as examples, their voices numbered as they come."""
    numbers: dict[str, int] = {}
    return [
        Example(
            speaker_features(clip.samples),
            numbers.setdefault(clip.line.voice.voice_id, len(numbers)),
            trait_row(clip.line.voice),
        )
        for clip in clips
    ]


def played(features: Features, speed: float, gains_db: dict[str, float]) -> Features:
    """The clip so much faster, which moves all frequencies with it, then filtered; its level stays."""
    rows = np.arange(0, len(features) - 0.5, speed).round().astype(int)
    energies = np.exp(features[rows, :NUM_MELS] * MEL_SCALE + MEL_CENTRE) - FLOOR
    loudness = energies.sum()
    bands_hz = band_frequencies_hz()
    sources = np.interp(bands_hz / speed, bands_hz, np.arange(NUM_MELS))
    low = np.minimum(sources.astype(int), NUM_MELS - 2)
    share = sources - low
    energies = np.maximum(energies[:, low] * (1 - share) + energies[:, low + 1] * share, 0)
    gain_db = sum(
        db * np.exp(-0.5 * (np.log2(bands_hz / REGIONS_HZ[name]) / REGION_OCTAVES) ** 2)
        for name, db in gains_db.items()
    )
    energies *= 10 ** (np.asarray(gain_db) / 10)
    energies *= loudness / energies.sum()
    pitch = features[rows, NUM_MELS:].copy()
    pitch[:, 0] += np.log2(speed) * pitch[:, 1]
    mel = (np.log(energies + FLOOR) - MEL_CENTRE) / MEL_SCALE
    return np.concatenate([mel, pitch], axis=1).astype(np.float32)


def band_frequencies_hz() -> NDArray[np.float64]:
    """The centres of the mel bands."""
    lowest, highest = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    return np.asarray(700 * (10 ** (np.linspace(lowest, highest, NUM_MELS + 2)[1:-1] / 2595) - 1))


def cropped(features: Features, random: np.random.Generator) -> Features:
    """CROP frames from a random place."""
    start = int(random.integers(max(len(features) - CROP, 0) + 1))
    return features[(start + np.arange(CROP)) % len(features)]


def batches(examples: Sequence[Example], steps: int, random: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Features [4 VOICES, CROP, NUM_FEATURES] and traits [4 VOICES, D]; rows 2 i and 2 i + 1 are of one voice."""
    clips: dict[int, list[Example]] = {}
    for one in examples:
        clips.setdefault(one.voice, []).append(one)
    order: list[int] = []
    for _ in range(steps):
        while len(order) < VOICES:
            order += random.permutation(list(clips)).tolist()
        chosen, order = order[:VOICES], order[VOICES:]
        shown: list[Example] = []
        for voice in chosen:
            said = [clips[voice][index] for index in random.permutation(len(clips[voice]))]
            other = Variant.draw(random)
            shown += [*said[:2], *(other.of(one) for one in said[-2:])]
        features = np.stack([cropped(one.features, random) for one in shown])
        yield torch.from_numpy(features), torch.from_numpy(np.stack([one.traits for one in shown]))


def train(examples: Sequence[Example], steps: int = STEPS) -> SpeakerNet:
    """A net fitted to the examples, at least two a voice: AdamW, one cycle of the learning rate."""
    torch.manual_seed(SEED)
    random = generator("speaker training", SEED)
    net = SpeakerNet().train()
    objective = Objective(torch.from_numpy(np.stack([one.traits for one in examples])))
    optimizer = torch.optim.AdamW([*net.parameters(), *objective.parameters()], weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps, pct_start=WARMUP_SHARE)
    for features, traits in (bar := tqdm(batches(examples, steps, random), total=steps, desc="training")):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = net(features)
        loss = objective(vectors, traits)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return net.eval()


def main(weights: Path = WEIGHTS) -> None:
    torch.set_num_threads(1)
    save_speaker_net(train(examples_of(make_clips_parallel(NAMESPACE, CLIPS, PROCESSES))), weights)


if __name__ == "__main__":
    main()
