"""A checkout of XY-Tokenizer with a toy in the place of its net: modules, class, methods, arguments and answers are
those of its sources, in both of their forms."""

from pathlib import Path
from textwrap import dedent

import torch
import yaml

QUANTIZER = '''
import torch
from torch import nn


class Levels(nn.Module):
    """The loudness of 80 ms, in as many digits of base 4 as there are codebooks."""

    def __init__(self, num_quantizers, codebook_size):
        super().__init__()
        self.num_quantizers, self.codebook_size = num_quantizers, codebook_size
        self.gain = nn.Parameter(torch.ones(1))
'''

MODEL = """
import torch
import yaml
from torch import nn

from .nn.quantizer import Levels


class XY_Tokenizer(nn.Module):
    def __init__(self, generator_params):
        super().__init__()
        {rates}
        self.quantizer = Levels(**generator_params["quantizer_kwargs"])
        self.nq = generator_params["quantizer_kwargs"]["num_quantizers"]

    @torch.inference_mode()
    def encode(self, wav_list, overlap_seconds=10{device}):
        return {{"codes_list": [self._codes(wav, {place}) for wav in wav_list]}}

    @torch.inference_mode()
    def decode(self, codes_list, overlap_seconds=10{device}):
        return {{"syn_wav_list": [self._sound(codes, {place}) for codes in codes_list]}}

    def _codes(self, wav, device):
        assert wav.ndim == 1 and wav.device == torch.device(device)
        frames = wav[: len(wav) // self.down * self.down].reshape(-1, self.down)
        loudness = (frames.abs().mean(1) * self.quantizer.gain * 4**self.nq).long()
        return torch.stack([loudness // 4 ** (self.nq - 1 - k) % 4 for k in range(self.nq)])

    def _sound(self, codes, device):
        assert codes.ndim == 2 and codes.device == torch.device(device)
        loudness = sum(codes[k] * 4 ** (self.nq - 1 - k) for k in range(self.nq)) / 4**self.nq
        return loudness.repeat_interleave(self.up) * (1 - 2 * (torch.arange(codes.shape[-1] * self.up) % 2))

    @classmethod
    def load_from_checkpoint(cls, config_path: str, ckpt_path: str):
        with open(config_path) as f:
            config = yaml.safe_load(f)
        model = cls(config["generator_params"])
        checkpoint = torch.load(ckpt_path, map_location="cpu", weights_only=False)
        model.load_state_dict(checkpoint["generator"] if "generator" in checkpoint else checkpoint)
        return model
"""

ALONE = {
    "rates": "self.sample_rate = generator_params['sample_rate']; self.down = self.up = 1280",
    "device": ', device=torch.device("cuda")',
    "place": "device",
}
IN_TTSD = {
    "rates": "self.down = generator_params['encoder_downsample_rate']; "
    "self.up = generator_params['decoder_upsample_rate']",
    "device": "",
    "place": '"cpu"',
}
RATES = {
    "alone": {"sample_rate": 16_000},
    "in TTSD": {
        "input_sample_rate": 16_000,
        "output_sample_rate": 24_000,
        "encoder_downsample_rate": 1280,
        "decoder_upsample_rate": 1920,
    },
}


def write_xy(folder: Path, form: str = "alone") -> dict[str, str]:
    """The settings that name the checkout, its configuration and its checkpoint."""
    package = folder / "xy_tokenizer"
    (package / "nn").mkdir(parents=True)
    (package / "nn" / "quantizer.py").write_text(dedent(QUANTIZER), "utf-8")
    (package / "model.py").write_text(dedent(MODEL).format(**(ALONE if form == "alone" else IN_TTSD)), "utf-8")
    for name in ("schemas", "utils"):  # what it must not put in the place of others
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise ImportError('of the checkout')\n", "utf-8")
    params = RATES[form] | {"quantizer_kwargs": {"num_quantizers": 8, "codebook_size": 1024}}
    (folder / "config.yaml").write_text(yaml.safe_dump({"generator_params": params}), "utf-8")
    torch.save({"generator": {"quantizer.gain": torch.ones(1)}}, folder / "xy_tokenizer.ckpt")
    named = {"config": "config.yaml", "checkpoint": "xy_tokenizer.ckpt"}
    return {"checkout": str(folder)} | {key: str(folder / name) for key, name in named.items()}
