"""Tiny codecs of random weights, saved as their vendors do: what `from_pretrained` loads."""

from pathlib import Path
from typing import Any

import torch
from transformers import (
    DacConfig,
    DacModel,
    EncodecConfig,
    EncodecModel,
    MimiConfig,
    MimiModel,
    XcodecConfig,
    XcodecModel,
)


def mimi() -> Any:
    """24 kHz, 12.5 frames/s, 10 codebooks of 32."""
    transformer = {"num_hidden_layers": 1, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 2}
    config = MimiConfig(
        hidden_size=16,
        num_filters=2,
        codebook_size=32,
        codebook_dim=8,
        vector_quantization_hidden_dimension=8,
        num_quantizers=10,
        upsample_groups=16,
        **transformer,
    )
    return MimiModel(config)


def dac(sampling_rate: int = 44_100, ratios: tuple[int, ...] = (2, 4, 8, 8)) -> Any:
    """44.1 kHz, 86.1 frames/s, 9 codebooks of 64."""
    config = DacConfig(
        encoder_hidden_size=2,
        decoder_hidden_size=32,
        downsampling_ratios=ratios,
        codebook_size=64,
        codebook_dim=4,
        sampling_rate=sampling_rate,
    )
    return DacModel(config)


def encodec(**changes: Any) -> Any:
    """24 kHz, 75 frames/s, 2, 4, 8, 16 or 32 codebooks of 1024: narrower, the bandwidths would be others."""
    return EncodecModel(EncodecConfig(hidden_size=8, num_filters=2, num_lstm_layers=1, **changes))


def xcodec() -> Any:
    """16 kHz, 50 frames/s, 1, 2, 3, 4 or 8 codebooks of 1024."""
    acoustic = {"encoder_hidden_size": 2, "decoder_hidden_size": 32, "hidden_size": 8}
    semantic = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    semantic |= {"conv_dim": [8] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
    config = XcodecConfig(
        acoustic_model_config={"model_type": "dac"} | acoustic,
        semantic_model_config={"model_type": "hubert"} | semantic,
    )
    return XcodecModel(config)


MODELS = {"mimi": mimi, "dac": dac, "encodec": encodec, "xcodec": xcodec}


SCALES = {
    "mimi": {"layers.14.conv.weight": 0.05},  # the decoder's last
    "encodec": {"original0": 1.8, "embed": 0.2},
    "dac": {},
    "xcodec": {},
}
"""By the ends of names: random weights so wide that sounds get different codes, and codes sounds that are not cut."""


def write_codec(folder: Path, name: str, seed: int = 0, **changes: Any) -> Path:
    """The tiny codec of that name, in a folder as `save_pretrained` writes it."""
    torch.manual_seed(seed)
    model = MODELS[name](**changes)
    with torch.no_grad():
        for key, values in [*model.named_parameters(), *model.named_buffers()]:
            if key.endswith(("embed", "embed_sum", "codebook.weight")):  # fresh ones are zeros
                values.normal_()
            for end, scale in SCALES[name].items():
                if key.endswith(end):
                    values.mul_(scale)
    model.save_pretrained(folder)
    return folder
