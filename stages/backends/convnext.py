"""ConvNeXt blocks over time (Liu et al. 2022, in one dimension): what all embedded nets are made of.

Depthwise convolution, layer norm, a widening and a narrowing linear map, and a learned gain on the residual.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConvNeXtBlock(nn.Module):
    """[B, T, C] -> [B, T, C]."""

    def __init__(self, channels: int, kernel: int, expansion: int) -> None:
        super().__init__()
        # Conv2d with a height of one: on a CPU its depthwise kernels train twice as fast as Conv1d's (torch 2.13).
        self.depthwise = nn.Conv2d(channels, channels, (1, kernel), padding=(0, kernel // 2), groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, expansion * channels)
        self.narrow = nn.Linear(expansion * channels, channels)
        self.gain = nn.Parameter(torch.full((channels,), 0.3))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x.transpose(1, 2).unsqueeze(2)).squeeze(2).transpose(1, 2)
        y = self.narrow(functional.gelu(self.widen(self.norm(y))))
        return x.addcmul(self.gain, y)
