"""CAM++ (Wang et al. 2023), the speaker encoder of VITA-QinYu's data, through funasr: 192 wide, at 16 kHz.

Chunking is that of the authors' own extraction (modelscope/3D-Speaker, infer_sv_batch.py): at most the first 90 s,
repeated from the start to a whole number of chunks of 10 s, whose vectors are averaged.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import RecipeError
from schemas.take import SAMPLE_RATE, Samples, Vector

MODEL = "iic/speech_campplus_sv_zh-cn_16k-common"
REVISION = "v2.0.2"
"""The revision of MODEL with the files that funasr reads."""
RATE_HZ = 16_000
CHUNK_S, LONGEST_S = 10, 90


class FunasrSpeaker:
    """SpeakerEncoder by CAM++. `model` is a local folder, or a name such as MODEL, downloaded when first opened.

    A folder holds what a ModelScope snapshot does: `config.yaml`, the weights, and `configuration.json`, which names
    them (without it they are in `model.pt`).
    """

    name = "campplus"
    width = 192

    def __init__(self, model: str, revision: str = REVISION) -> None:
        """Raises RecipeError for a setting that is no text: a recipe may hold a number there."""
        self._model_name = _text("model", model)
        self._revision = _text("revision", revision)
        self._model: Any = None

    @property
    def fingerprint(self) -> str:
        """Digest of the folder's files, or of the name and revision."""
        folder = Path(self._model_name)
        if not folder.is_dir():
            return hashlib.sha256(f"{self._model_name}@{self._revision}".encode()).hexdigest()
        digest = hashlib.sha256()
        for path in sorted(path for path in folder.iterdir() if path.is_file()):
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()

    def open(self) -> None:
        """Raises RecipeError where the model cannot be had, or is not a whole CAM++."""
        if self._model is not None:
            return
        from funasr import AutoModel

        try:
            model = AutoModel(
                model=self._model_name,
                model_revision=self._revision,
                device="cpu",
                ncpu=1,  # sums keep their order
                disable_update=True,
                disable_pbar=True,
                log_level="ERROR",
            )
            missing = _missing_weights(model)
        except Exception as error:  # whatever a hub, a file or a registry raises
            raise RecipeError(self._remedy(f"{type(error).__name__}: {error}".splitlines()[0])) from error
        if missing:
            raise RecipeError(self._remedy(f"its file lacks {len(missing)} of the net's weights, such as {missing[0]}"))
        self._model = model

    def close(self) -> None:
        self._model = None

    def embed(self, clips: Sequence[Samples]) -> list[Vector]:
        """Raises ValueError for a clip without samples."""
        return [self._embed(clip) for clip in clips]

    def _embed(self, clip: Samples) -> Vector:
        if self._model is None:
            raise RuntimeError("FunasrSpeaker is not open")
        vectors = [self._model.generate(input=[chunk])[0]["spk_embedding"][0].numpy() for chunk in chunks(clip)]
        mean = np.mean(vectors, axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _remedy(self, cause: str) -> str:
        return (
            f"backends.speaker: funasr cannot load the model '{self._model_name}' ({cause}). Where there is a network, "
            f"run `modelscope download --model {MODEL} --revision {REVISION} --local_dir DIR`, and set "
            f"backends.speaker.settings.model to DIR."
        )


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RecipeError(f"'settings.{name}' of the back end 'campplus' is not a text: mend it in the recipe.")
    return value


def chunks(clip: Samples) -> list[Any]:
    """float32 [CHUNK_S * RATE_HZ] each, in [-1, 1], from int16 [N] at 24 kHz."""
    import soxr

    if not len(clip):
        raise ValueError("a clip without samples has no speaker.")
    waveform = soxr.resample(clip[: LONGEST_S * SAMPLE_RATE].astype(np.float32) / 32768.0, SAMPLE_RATE, RATE_HZ)
    count = -(-len(waveform) // (CHUNK_S * RATE_HZ))
    return list(np.resize(waveform, (count, CHUNK_S * RATE_HZ)))


def _missing_weights(model: Any) -> list[str]:
    """Weights of the net that the file does not hold: funasr prints a line for each and goes on with random ones."""
    import torch

    stored = torch.load(model.kwargs["init_param"], map_location="cpu", weights_only=True)
    for wrapper in ("state_dict", "model_state_dict", "model"):
        stored = stored.get(wrapper, stored)
    return [name for name in model.model.state_dict() if name not in stored]
