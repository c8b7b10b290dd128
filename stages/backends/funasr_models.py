"""Models of funasr, from a folder laid out as a ModelScope snapshot or by name: whole, and without their code."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.backends.torch_weights import file_digest, lacking, only_weights


def fingerprint(model: str, revision: str) -> str:
    """Digest of the folder's files, or of the name and revision."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return hashlib.sha256(f"{model}@{revision}".encode()).hexdigest()
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return hashlib.sha256("".join(f"{path.name} {file_digest(path)}\n" for path in files).encode()).hexdigest()


def load_model(model: str, revision: str, device: str, remedy: Callable[[str], Exception], **configuration: Any) -> Any:
    """`funasr.AutoModel`, its net in evaluation mode on the device; a name that is not here is downloaded by funasr.
    `configuration` goes before what the model's own says.

    Raises `remedy(cause)` where it cannot be had or its file lacks weights of the net.
    """
    from funasr import AutoModel

    folder = Path(model).expanduser()
    try:
        with only_weights():
            loaded = AutoModel(
                model=str(folder) if folder.is_dir() else model,
                model_revision=revision,
                device=device,
                ncpu=1,  # sums keep their order
                trust_remote_code=False,  # whatever the model's own configuration says
                disable_update=True,
                disable_pbar=True,
                log_level="ERROR",
                **configuration,
            )
        missing = _missing_weights(loaded)
    except Exception as error:  # whatever a hub, a file or a registry raises
        raise remedy(f"{type(error).__name__}: {error}".splitlines()[0]) from error
    if missing:
        raise remedy(f"its file lacks {len(missing)} of the net's weights, such as {missing[0]}")
    return loaded


def _missing_weights(model: Any) -> list[str]:
    """Weights that the file does not hold: funasr prints a line for each, if any, and goes on with random ones."""
    import torch

    stored = torch.load(model.kwargs["init_param"], map_location="cpu", weights_only=True)
    for wrapper in ("state_dict", "model_state_dict", "model"):
        stored = stored.get(wrapper, stored)
    return lacking(model.model, stored)
