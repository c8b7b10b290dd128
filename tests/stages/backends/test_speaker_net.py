from pathlib import Path

import pytest
import torch

from stages.backends.speaker_encoder import WEIGHTS, SpeakerNetEncoder
from stages.backends.speaker_features import NUM_FEATURES
from stages.backends.speaker_net import WIDTH, AttentiveStatistics, SpeakerNet, load_speaker_net, save_speaker_net


@pytest.mark.parametrize("frames", [1, 2, 7, 300])
def test_one_unit_vector_whatever_the_length(frames: int) -> None:
    vectors = SpeakerNet().eval()(torch.randn(3, frames, NUM_FEATURES))
    assert vectors.shape == (3, WIDTH)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(3), atol=1e-5)


def test_the_encoder_is_as_wide_as_its_net() -> None:
    assert SpeakerNetEncoder.width == WIDTH


def test_even_attention_gives_plain_mean_and_deviation() -> None:
    pooling = AttentiveStatistics(4, 2)
    torch.nn.init.zeros_(pooling.attention[2].weight)
    x = torch.randn(2, 50, 4)
    expected = torch.cat([x.mean(dim=1), x.std(dim=1, correction=0)], dim=1)
    assert torch.allclose(pooling(x), expected, atol=1e-4)


def test_the_order_of_distant_frames_does_not_matter() -> None:
    """What a clip says first or last is not part of who says it; only what lies within reach of the kernels is."""
    net, halves = SpeakerNet().eval(), torch.randn(1, 400, NUM_FEATURES)
    turned = torch.cat([halves[:, 200:], halves[:, :200]], dim=1)
    assert (net(halves) @ net(turned).T).item() > 0.98


def test_weights_survive_a_round_trip_at_half_precision(tmp_path: Path) -> None:
    net = SpeakerNet().eval()
    save_speaker_net(net, tmp_path / "net.safetensors")
    loaded = load_speaker_net(tmp_path / "net.safetensors")
    for name, weight in net.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight.half().float()), name


def test_the_bundled_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size <= 4_000_000
