"""The weights file keeps both models, in half precision."""

from pathlib import Path

import torch

from stages.backends import codec_weights
from stages.backends.codec_net import HarmonicNoiseVocoder
from stages.backends.codec_quantizer import Quantizer


def test_models_come_back_in_half_precision(tmp_path: Path) -> None:
    torch.manual_seed(0)
    quantizer = Quantizer(torch.randn(6), torch.randn(6, 4), torch.randn(2, 8, 4), torch.randn(1, 8, 3))
    vocoder = HarmonicNoiseVocoder()
    codec_weights.save(tmp_path / "codec", quantizer, vocoder)
    read_quantizer, read_vocoder = codec_weights.load(tmp_path / "codec")

    for table in codec_weights.TABLES:
        assert getattr(read_quantizer, table).tolist() == getattr(quantizer, table).half().float().tolist()
    read = read_vocoder.state_dict()
    assert read.keys() == vocoder.state_dict().keys()
    assert all(torch.equal(read[name], tensor.half().float()) for name, tensor in vocoder.state_dict().items())
    assert not read_vocoder.training
