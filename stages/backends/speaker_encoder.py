"""The embedded speaker encoder: a small net with bundled weights (trainer/speaker.py)."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.take import Samples, Vector
from stages.backends.speaker_features import speaker_features

if TYPE_CHECKING:
    from stages.backends.speaker_net import SpeakerNet

WEIGHTS = Path(__file__).parent / "weights" / "speaker.safetensors"


class SpeakerNetEncoder:
    """SpeakerEncoder of the embedded engine's voices; hears one clip at a time.

    Runs torch on one thread, so that sums keep their order.
    """

    name = "speaker-net"
    width = 128

    def __init__(self) -> None:
        self._net: SpeakerNet | None = None

    @property
    def fingerprint(self) -> str:
        """Digest of the weights."""
        return hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()

    def open(self) -> None:
        if self._net is not None:
            return
        import torch

        from stages.backends.speaker_net import load_speaker_net

        torch.set_num_threads(1)
        self._net = load_speaker_net(WEIGHTS)

    def close(self) -> None:
        self._net = None

    def embed(self, clips: Sequence[Samples]) -> list[Vector]:
        return [self._embed(clip) for clip in clips]

    def _embed(self, clip: Samples) -> Vector:
        import torch

        if self._net is None:
            raise RuntimeError("SpeakerNetEncoder is not open")
        with torch.inference_mode():
            vector: Vector = self._net(torch.from_numpy(speaker_features(clip))[None])[0].numpy()
        return vector
