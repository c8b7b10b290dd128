"""A whisper of the real architecture with random weights, in the file that whisper's own loader reads."""

from pathlib import Path
from typing import Any

WIDTH = 32
VOCABULARIES = {"multilingual": 51_865, "english": 51_864}
"""Their sizes are how whisper tells its tokenizers apart."""


def dimensions(vocabulary: str = "multilingual") -> dict[str, int]:
    """One layer each side, narrow; the sizes that shape inputs are those of the published models."""
    return {
        "n_mels": 80,
        "n_audio_ctx": 1500,
        "n_audio_state": WIDTH,
        "n_audio_head": 2,
        "n_audio_layer": 1,
        "n_vocab": VOCABULARIES[vocabulary],
        "n_text_ctx": 64,
        "n_text_state": WIDTH,
        "n_text_head": 2,
        "n_text_layer": 1,
    }


def write_whisper(path: Path, vocabulary: str = "multilingual", leave_out: str | None = None) -> Path:
    """The file, written. Weights whose name begins with `leave_out` are left out."""
    import torch
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(0)
    dims = dimensions(vocabulary)
    net: Any = Whisper(ModelDimensions(**dims))
    with torch.no_grad():
        net.decoder.positional_embedding.normal_(0, 3)  # so that it does not say its last token again and again
        for part in (net.encoder.conv1, net.encoder.conv2, net.decoder.blocks[0].cross_attn.query):
            part.weight.mul_(30)  # so that another sound is another text
        net.decoder.blocks[0].cross_attn.out.weight.mul_(30)
    state = {
        name: weight for name, weight in net.state_dict().items() if not leave_out or not name.startswith(leave_out)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"dims": dims, "model_state_dict": state}, path)
    return path
