"""CAM++ (Wang et al. 2023), the speaker encoder of VITA-QinYu's data, through funasr: 192 wide, at 16 kHz.

Chunking is that of the authors' own extraction (modelscope/3D-Speaker, infer_sv_batch.py): at most the first 90 s,
repeated from the start to a whole number of chunks of 10 s, whose vectors are averaged.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.errors import RecipeError
from schemas.take import SAMPLE_RATE, Samples, Vector
from stages.backends import funasr_models
from stages.backends.codec_clips import text_setting
from stages.backends.torch_placement import Placement

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

    def __init__(self, model: str, revision: str = REVISION, device: str = "auto") -> None:
        """Raises RecipeError for a setting that is no text: a recipe may hold a number there."""
        self._model_name = text_setting(self.name, "model", model)
        self._revision = text_setting(self.name, "revision", revision)
        self._placement = Placement(text_setting(self.name, "device", device), "float32")
        self._model: Any = None

    @property
    def fingerprint(self) -> str:
        """Digest of the folder's files, or of the name and revision."""
        return funasr_models.fingerprint(self._model_name, self._revision)

    def open(self) -> None:
        """Raises RecipeError where the model cannot be had, or is not a whole CAM++."""
        if self._model is not None:
            return
        device, _ = self._placement.resolved()
        self._model = funasr_models.load_model(
            self._model_name, self._revision, str(device), lambda cause: RecipeError(self._remedy(cause))
        )

    def close(self) -> None:
        self._model = None

    def embed(self, clips: Sequence[Samples]) -> list[Vector]:
        """Raises ValueError for a clip without samples."""
        return [self._embed(clip) for clip in clips]

    def _embed(self, clip: Samples) -> Vector:
        if self._model is None:
            raise RuntimeError("FunasrSpeaker is not open")
        found = [self._model.generate(input=[chunk])[0]["spk_embedding"][0] for chunk in chunks(clip)]
        vectors = [vector.cpu().numpy() for vector in found]
        mean = np.mean(vectors, axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _remedy(self, cause: str) -> str:
        return (
            f"backends.speaker: funasr cannot load the model '{self._model_name}' ({cause}). Where there is a network, "
            f"run `modelscope download --model {MODEL} --revision {REVISION} --local_dir DIR`, and set "
            f"backends.speaker.settings.model to DIR."
        )


def chunks(clip: Samples) -> list[Any]:
    """float32 [CHUNK_S * RATE_HZ] each, in [-1, 1], from int16 [N] at 24 kHz."""
    import soxr

    if not len(clip):
        raise ValueError("a clip without samples has no speaker.")
    waveform = soxr.resample(clip[: LONGEST_S * SAMPLE_RATE].astype(np.float32) / 32768.0, SAMPLE_RATE, RATE_HZ)
    count = -(-len(waveform) // (CHUNK_S * RATE_HZ))
    return list(np.resize(waveform, (count, CHUNK_S * RATE_HZ)))
