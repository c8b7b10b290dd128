"""DNSMOS P.835 and P.808 by Microsoft's `speechmos` package, which carries its networks.

Reddy et al., "DNSMOS P.835: A non-intrusive perceptual objective speech quality metric", ICASSP 2022. The scores
are mean opinion scores, 1 to 5. They do not follow damage done by a codec: use them on synthesis only.
"""

from collections.abc import Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.take import SAMPLE_RATE, Samples
from stages.backends.librosa_cache import compile_librosa

RATE_HZ = 16_000
WINDOW = int(9.01 * RATE_HZ)
"""Samples per window: the networks were trained on 9.01 s."""
HOP = 9 * RATE_HZ

_NAMES = {"ovrl_mos": "dnsmos_ovrl", "sig_mos": "dnsmos_sig", "bak_mos": "dnsmos_bak", "p808_mos": "dnsmos_p808"}


class DnsmosQuality:
    """QualityScorer: gives dnsmos_ovrl, dnsmos_sig, dnsmos_bak and dnsmos_p808.

    One window costs about 0.2 s of CPU time whatever it holds, so windows barely overlap, whereas speechmos
    itself moves by 1 s and doubles a short clip first (up to nine windows). Where it would take one window too,
    the scores are the same.
    """

    name = "dnsmos"

    def __init__(self) -> None:
        self._model: Any = None

    @property
    def fingerprint(self) -> str:
        """Digest of the models."""
        return sha256(b"".join(path.read_bytes() for path in _model_paths())).hexdigest()

    def open(self) -> None:
        import onnxruntime
        from speechmos.dnsmos import DNSMOS

        compile_librosa()  # which DNSMOS uses

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # DNSMOS() would build its sessions with a thread per core, which neither scales nor repeats bit by bit.
        model = DNSMOS.__new__(DNSMOS)
        model.onnx_sess, model.p808_onnx_sess = (
            onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            for path in _model_paths()
        )
        self._model = model

    def close(self) -> None:
        self._model = None

    def score(self, clips: Sequence[Samples]) -> list[dict[str, float]]:
        """Mean scores over the windows of each int16 [N] clip at 24 kHz, by names of `Measures`."""
        return [self._score(clip) for clip in clips]

    def _score(self, clip: Samples) -> dict[str, float]:
        scores = [self._model(window, RATE_HZ, False) for window in windows(_at_16_khz(clip))]
        return {name: float(np.mean([score[key] for score in scores])) for key, name in _NAMES.items()}


def windows(audio: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Audio [N] as windows [WINDOW]: a short clip is repeated to fill one; the last of several ends with the clip."""
    if len(audio) <= WINDOW:
        return [np.resize(audio, WINDOW)]
    starts = [*range(0, len(audio) - WINDOW, HOP), len(audio) - WINDOW]
    return [audio[start : start + WINDOW] for start in starts]


def _at_16_khz(clip: Samples) -> NDArray[np.float32]:
    import soxr

    audio: NDArray[np.float32] = soxr.resample(clip.astype(np.float32) / 32768.0, SAMPLE_RATE, RATE_HZ)
    return np.clip(audio, -1.0, 1.0)


def _model_paths() -> tuple[Path, Path]:
    """The P.835 network (signal, background, overall) and the P.808 network."""
    spec = find_spec("speechmos")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'speechmos'", name="speechmos")
    folder = Path(spec.origin).parent / "dnsmos_models"
    return folder / "sig_bak_ovr.onnx", folder / "model_v8.onnx"
