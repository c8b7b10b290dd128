"""A net that tells phones from the codec's log-mels, so that the codec learns what must stay audible.

It learns from the engine's own phone labels of the codec's practice clips, frame by frame, and is thrown away after the
training. It shares no weights, clips or objective with the recognizer, which judges the codec and never heard it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from schemas.take import Span
from stages.backends.codec_features import LOG_MEL_MEAN, LOG_MEL_SCALE, MELS, FloatArray
from stages.backends.convnext import ConvNeXtBlock

WIDTH, BLOCKS, KERNEL = 128, 5, 9
BATCH = 24
CROP = 200
"""Frames of a training example, 2 s."""
LEARNING_RATE = 2e-3
LEVEL_SPREAD = 0.5
"""Deviation of the level that examples are moved by, in nats."""
LABELS_HZ = 50

Labels = NDArray[np.int64]


class PhoneCritic(nn.Module):
    """Log-mels [B, F, MELS], a frame every 10 ms -> logits [B, F / 2, `phones`] and what each block makes of them."""

    def __init__(self, phones: int) -> None:
        super().__init__()
        self.enter = nn.Conv1d(MELS, WIDTH, 5, stride=2, padding=2)
        self.blocks = nn.ModuleList(ConvNeXtBlock(WIDTH, KERNEL, 2) for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(WIDTH)
        self.exit = nn.Linear(WIDTH, phones)

    def forward(self, mel: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = self.enter(((mel - LOG_MEL_MEAN) / LOG_MEL_SCALE).transpose(1, 2)).transpose(1, 2)
        hidden = []
        for block in self.blocks:
            x = block(x)
            hidden.append(x)
        return self.exit(self.norm(x)).float(), hidden

    def distance(self, heard: Tensor, wanted: Tensor) -> Tensor:
        """How differently two log-mels [B, F, MELS] sound: divergence of the phones, and of the blocks' outputs."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            with torch.no_grad():
                target, wanted_hidden = self(wanted)
            logits, hidden = self(heard)
        phones = functional.kl_div(logits.log_softmax(-1), target.log_softmax(-1), log_target=True, reduction="none")
        blocks = [(one - other).abs().mean() for one, other in zip(hidden, wanted_hidden, strict=True)]
        return phones.sum(dim=-1).mean() + torch.stack(blocks).mean()


def frame_labels(phones: Sequence[Span], frames: int, index: dict[str, int]) -> Labels:
    """The label of each 20 ms of a clip of so many 10 ms frames; 0 where nothing is said."""
    labels = np.zeros(frames // 2, dtype=np.int64)
    for phone in phones:
        labels[round(phone.start_s * LABELS_HZ) : round(phone.end_s * LABELS_HZ)] = index[phone.label]
    return labels


def train_critic(mels: Sequence[FloatArray], phones: Sequence[Sequence[Span]], steps: int, seed: int) -> PhoneCritic:
    """A critic fitted to log-mels [F, MELS] and what is said in them: AdamW, one cycle of the learning rate."""
    index = {label: place + 1 for place, label in enumerate(sorted({span.label for one in phones for span in one}))}
    labels = [frame_labels(spans, len(mel), index) for mel, spans in zip(mels, phones, strict=True)]
    long_enough = [place for place, mel in enumerate(mels) if len(mel) > CROP]
    weights = np.array([len(mels[place]) for place in long_enough], dtype=float)
    random = np.random.default_rng(seed)
    critic = PhoneCritic(len(index) + 1)
    optimizer = torch.optim.AdamW(critic.parameters(), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps, pct_start=0.1)
    for _ in tqdm(range(steps), desc="critic", unit="step", mininterval=5):
        crops, wanted = [], []
        for place in random.choice(long_enough, BATCH, p=weights / weights.sum()):
            start = 2 * int(random.integers((len(mels[place]) - CROP) // 2 + 1))
            crops.append(mels[place][start : start + CROP] + np.float32(random.normal(0, LEVEL_SPREAD)))
            wanted.append(labels[place][start // 2 : (start + CROP) // 2])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, _ = critic(torch.from_numpy(np.stack(crops)))
        loss = functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(np.stack(wanted)).flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(critic.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return critic.eval().requires_grad_(False)
