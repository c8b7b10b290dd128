"""The embedded audio codec: residual codebooks over log-mel and pitch, and a harmonic-plus-noise vocoder.

8 codebooks of 1024 at 12.5 frames/s (1 kbit/s), 16 kHz. Codebooks 0-5 refine 80 ms of log-mel, 6-7 refine its
f0 contour and voicing. The mel codebooks begin as residual k-means and are then trained together with a net before and
one after them, which see the neighbours of a code. Trained by `python -m trainer.codec`; no GPU was at hand, and an
auto-encoder of waveforms was not tried on one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from schemas.take import Codes, Samples
from stages.backends.codec_clips import check_codes

if TYPE_CHECKING:
    from stages.backends.codec_net import HarmonicNoiseVocoder
    from stages.backends.codec_quantizer import Quantizer

WEIGHTS = Path(__file__).parent / "weights" / "codec.safetensors"


class KmeansCodec:
    """AudioCodec "kmeans-hn". A clip of d seconds has T = ceil(d * 12.5) codes and decodes to T * 1280 samples.

    One clip at a time on one thread: codes and audio depend on the clip alone. `weights` is a file written by
    `trainer.codec`.
    """

    name = "kmeans-hn"
    sample_rate = 16_000
    frame_rate = 12.5
    num_codebooks = 8
    cardinality = 1024

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._weights = weights
        self._models: tuple[Quantizer, HarmonicNoiseVocoder] | None = None

    @property
    def fingerprint(self) -> str:
        """Digest of the weights."""
        return hashlib.sha256(self._weights.read_bytes()).hexdigest()

    def open(self) -> None:
        import torch

        from stages.backends.codec_weights import load

        torch.set_num_threads(1)  # sums in another order could change the codes
        self._models = load(self._weights)

    def close(self) -> None:
        self._models = None

    def encode(self, clips: Sequence[Samples]) -> list[Codes]:
        """int16 [N] at 24 kHz -> codes uint16 [T, 8]. Raises ValueError for an empty clip."""
        return [
            Codes(self._encode_one(clip), self.name, self.sample_rate, self.frame_rate, self.cardinality)
            for clip in clips
        ]

    def decode(self, codes: Sequence[NDArray[np.uint16]]) -> list[Samples]:
        """uint16 [T, 8] -> int16 [T * 1280] at 16 kHz. Raises ValueError for another shape or a code >= 1024."""
        return [self._decode_one(one) for one in codes]

    def _encode_one(self, clip: Samples) -> NDArray[np.uint16]:
        from stages.backends.codec_features import hear, to_waveform

        if clip.ndim != 1 or not len(clip):
            raise ValueError(f"encode got a clip of shape {clip.shape}; it must be [N] with N > 0: pass one mono take.")
        quantizer, _ = self._opened()
        return quantizer.quantize(hear(to_waveform(clip))).numpy().astype(np.uint16)

    def _decode_one(self, codes: NDArray[np.uint16]) -> Samples:
        import torch

        from stages.backends.codec_net import render

        check_codes(codes, self.num_codebooks, self.cardinality)
        quantizer, vocoder = self._opened()
        waveform = render(vocoder, quantizer.dequantize(torch.from_numpy(codes.astype(np.int64))))
        return (waveform.clip(-1.0, 1.0) * 32767.0).round().astype(np.int16)

    def _opened(self) -> tuple[Quantizer, HarmonicNoiseVocoder]:
        if self._models is None:
            raise RuntimeError("the codec is not open: call open() before encode() or decode().")
        return self._models
