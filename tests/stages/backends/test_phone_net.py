from pathlib import Path

import pytest
import torch

from schemas.phones import LABELS
from stages.backends.phone_features import NUM_FEATURES
from stages.backends.phone_net import PhoneNet, frames_out, load_phone_net, save_phone_net
from stages.backends.phone_transcriber import WEIGHTS


@pytest.mark.parametrize("frames", [1, 2, 7, 100])
def test_one_distribution_every_two_feature_frames(frames: int) -> None:
    posteriors = PhoneNet().eval()(torch.randn(2, frames, NUM_FEATURES))
    assert posteriors.shape == (2, frames_out(frames), len(LABELS))
    assert torch.allclose(posteriors.exp().sum(-1), torch.ones(2, frames_out(frames)), atol=1e-5)


def test_weights_survive_a_round_trip_at_half_precision(tmp_path: Path) -> None:
    net = PhoneNet().eval()
    save_phone_net(net, tmp_path / "net.safetensors")
    loaded = load_phone_net(tmp_path / "net.safetensors")
    for name, weight in net.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight.half().float()), name


def test_the_bundled_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size <= 4_000_000
