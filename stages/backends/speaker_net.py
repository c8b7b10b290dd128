"""The speaker net: ConvNeXt blocks over time, attentive statistics pooling, and a unit vector that says who speaks.

10 ms feature frames in, one vector of WIDTH out, whatever the length. The pooling is that of Okabe et al. 2018: the
mean and the standard deviation over time of every channel, weighted by how much a frame tells of its speaker.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.backends.convnext import ConvNeXtBlock
from stages.backends.speaker_features import NUM_FEATURES

WIDTH = 128


class AttentiveStatistics(nn.Module):
    """[B, T, C] -> [B, 2 C]: mean and standard deviation over time, each channel with weights of its own."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.Linear(channels, hidden), nn.Tanh(), nn.Linear(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        weights = self.attention(x).softmax(dim=1)
        mean = (weights * x).sum(dim=1)
        variance = (weights * (x - mean.unsqueeze(1)).square()).sum(dim=1)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


class SpeakerNet(nn.Module):
    """Features [B, T, NUM_FEATURES] -> unit vectors [B, WIDTH]."""

    def __init__(self, channels: int = 128, blocks: int = 4, kernel: int = 9, expansion: int = 2) -> None:
        super().__init__()
        self.entry = nn.Conv1d(NUM_FEATURES, channels, 5, stride=2, padding=2)
        self.entry_norm = nn.LayerNorm(channels)
        self.blocks = nn.Sequential(*(ConvNeXtBlock(channels, kernel, expansion) for _ in range(blocks)))
        self.exit_norm = nn.LayerNorm(channels)
        self.pooling = AttentiveStatistics(channels, channels // 2)
        self.vector_norm = nn.LayerNorm(2 * channels)
        self.exit = nn.Linear(2 * channels, WIDTH)

    def forward(self, features: Tensor) -> Tensor:
        x = self.entry_norm(self.entry(features.transpose(1, 2)).transpose(1, 2))
        pooled = self.pooling(self.exit_norm(self.blocks(x)).float())
        return functional.normalize(self.exit(self.vector_norm(pooled)).float(), dim=1)


def load_speaker_net(path: Path) -> SpeakerNet:
    """The net with the weights of a safetensors file (stored as fp16, run as fp32), ready for inference."""
    from safetensors.torch import load_file

    net = SpeakerNet()
    net.load_state_dict({name: weight.float() for name, weight in load_file(path).items()})
    return net.eval()


def save_speaker_net(net: SpeakerNet, path: Path) -> None:
    """Writes the weights as fp16."""
    from safetensors.torch import save_file

    save_file({name: weight.detach().half().contiguous() for name, weight in net.state_dict().items()}, path)
