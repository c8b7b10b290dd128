"""The weights file of the embedded codec: safetensors, half precision, the quantizer's tables and the vocoder."""

from dataclasses import fields
from pathlib import Path

from safetensors.torch import load_file, save_file

from stages.backends.codec_net import HarmonicNoiseVocoder
from stages.backends.codec_quantizer import Quantizer

TABLES = tuple(table.name for table in fields(Quantizer))


def load(path: Path) -> tuple[Quantizer, HarmonicNoiseVocoder]:
    """Both models in single precision, the vocoder in evaluation mode."""
    tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    quantizer = Quantizer(**{name: tensors.pop(name) for name in TABLES})
    vocoder = HarmonicNoiseVocoder()
    vocoder.load_state_dict({name.removeprefix("vocoder."): tensor for name, tensor in tensors.items()})
    return quantizer, vocoder.eval()


def save(path: Path, quantizer: Quantizer, vocoder: HarmonicNoiseVocoder) -> None:
    """Writes both in half precision; the trainer rounds the tables beforehand, so that codes stay the same."""
    tensors = {name: getattr(quantizer, name) for name in TABLES}
    tensors |= {f"vocoder.{name}": tensor for name, tensor in vocoder.state_dict().items()}
    save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, path)
