"""The weights file keeps both models, in half precision but for pitch."""

from pathlib import Path

import torch

from stages.backends import codec_weights
from stages.backends.codec_net import HarmonicNoiseVocoder
from stages.backends.codec_quantizer import STACKED_MELS, STACKED_PROSODY, Quantizer


def test_models_come_back_as_stored_pitch_exactly(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tables = torch.randn(STACKED_MELS), torch.randn(STACKED_MELS, 4), torch.randn(2, 8, 4)
    models = Quantizer(*tables, torch.randn(1, 8, STACKED_PROSODY)), HarmonicNoiseVocoder()
    codec_weights.save(tmp_path / "codec", *models)

    for model, read in zip(models, codec_weights.load(tmp_path / "codec"), strict=True):
        state = read.state_dict()
        assert state.keys() == model.state_dict().keys()
        assert all(torch.equal(state[name], tensor.float()) for name, tensor in codec_weights.as_stored(model).items())
        assert not read.training
    assert torch.equal(models[0].prosody_codebooks, codec_weights.load(tmp_path / "codec")[0].prosody_codebooks)
    assert not torch.equal(models[0].mel_codebooks, codec_weights.load(tmp_path / "codec")[0].mel_codebooks)
