"""The weights file of the embedded codec: quantizer and vocoder, all but pitch in half precision."""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from stages.backends.codec_net import HarmonicNoiseVocoder
from stages.backends.codec_quantizer import Quantizer

EXACT = "prosody_codebooks"
"""In half precision, f0 would be rounded to 2 cents and more."""
TABLES = ("mel_mean", "mel_basis", "mel_codebooks", "prosody_codebooks")


def load(path: Path) -> tuple[Quantizer, HarmonicNoiseVocoder]:
    """Both models in single precision, in evaluation mode."""
    parts: dict[str, dict[str, Tensor]] = {"quantizer": {}, "vocoder": {}}
    for name, tensor in load_file(path).items():
        part, _, name = name.partition(".")
        parts[part][name] = tensor.float()
    quantizer = Quantizer(*(parts["quantizer"][table] for table in TABLES))
    vocoder = HarmonicNoiseVocoder()
    quantizer.load_state_dict(parts["quantizer"])
    vocoder.load_state_dict(parts["vocoder"])
    return quantizer.eval(), vocoder.eval()


def as_stored(model: nn.Module) -> dict[str, Tensor]:
    """The state of a model, rounded as in the file."""
    return {name: tensor if name == EXACT else tensor.half() for name, tensor in model.state_dict().items()}


def save(path: Path, quantizer: Quantizer, vocoder: HarmonicNoiseVocoder) -> None:
    """Writes both; the trainer rounds the quantizer beforehand, so that codes stay the same."""
    parts = {"quantizer": as_stored(quantizer), "vocoder": as_stored(vocoder)}
    save_file({f"{part}.{name}": t.contiguous() for part, state in parts.items() for name, t in state.items()}, path)
