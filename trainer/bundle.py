"""`python -m trainer.bundle MODEL`: makes a trained model the one that comes along, its weights in half precision."""

import shutil
import sys
from pathlib import Path

import torch

from trainer.model import SpokenModel
from trainer.speak import BUNDLED
from trainer.voices import FILE

BESIDE = ("tokenizer.json", "tokenizer_config.json", FILE, "training.json")


def bundle(model: Path, out: Path = BUNDLED) -> None:
    """Writes what `Speaker.open` needs, and the record of the training, to `out`."""
    SpokenModel.from_pretrained(model, dtype=torch.float16).save_pretrained(out)
    for name in BESIDE:
        shutil.copy(model / name, out / name)


if __name__ == "__main__":
    bundle(Path(sys.argv[1]))
