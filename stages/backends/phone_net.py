"""The phone recognizer's net: a stride-2 convolution, ConvNeXt blocks over time, CTC over `schemas.phones.LABELS`.

10 ms feature frames in, 20 ms posterior frames out.
"""

from pathlib import Path

from torch import Tensor, nn

from schemas.phones import LABELS
from stages.backends.convnext import ConvNeXtBlock
from stages.backends.phone_features import NUM_FEATURES


class PhoneNet(nn.Module):
    """Features [B, T, NUM_FEATURES] -> log posteriors [B, (T + 1) // 2, len(LABELS)].

    Eight blocks with kernel 15 hear about a second to either side, so a tone is heard against its neighbours.
    """

    def __init__(self, channels: int = 160, blocks: int = 8, kernel: int = 15, expansion: int = 2) -> None:
        super().__init__()
        self.entry = nn.Conv1d(NUM_FEATURES, channels, 5, stride=2, padding=2)
        self.entry_norm = nn.LayerNorm(channels)
        self.blocks = nn.Sequential(*(ConvNeXtBlock(channels, kernel, expansion) for _ in range(blocks)))
        self.exit_norm = nn.LayerNorm(channels)
        self.exit = nn.Linear(channels, len(LABELS))

    def forward(self, features: Tensor) -> Tensor:
        x = self.entry_norm(self.entry(features.transpose(1, 2)).transpose(1, 2))
        logits: Tensor = self.exit(self.exit_norm(self.blocks(x)))
        return logits.float().log_softmax(-1)


def frames_out(frames_in: int) -> int:
    """Posterior frames for so many feature frames."""
    return (frames_in + 1) // 2


def load_phone_net(path: Path) -> PhoneNet:
    """The net with the weights of a safetensors file (stored as fp16, run as fp32), ready for inference."""
    from safetensors.torch import load_file

    net = PhoneNet()
    net.load_state_dict({name: weight.float() for name, weight in load_file(path).items()})
    return net.eval()


def save_phone_net(net: PhoneNet, path: Path) -> None:
    """Writes the weights as fp16."""
    from safetensors.torch import save_file

    save_file({name: weight.detach().half().contiguous() for name, weight in net.state_dict().items()}, path)
