"""What every codec asks of its settings, clips and codes, and how samples become waveforms and waveforms samples."""

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import RecipeError
from schemas.take import SAMPLE_RATE, Samples

Waveform = NDArray[np.float32]


def text_setting(backend: str, name: str, value: Any) -> str:
    """Raises RecipeError for a setting that is no text: a recipe may hold a number there."""
    if not isinstance(value, str) or not value.strip():
        raise RecipeError(f"'settings.{name}' of the back end '{backend}' is not a text: mend it in the recipe.")
    return value


def whole_frames(clip: Samples, rate_hz: int, hop: int) -> Waveform:
    """int16 [N] at 24 kHz -> float32 [T * hop] at `rate_hz` in [-1, 1], T = ceil(seconds * rate_hz / hop); the last
    frame is filled up with silence. Raises ValueError for an empty clip."""
    import soxr

    if clip.ndim != 1 or not len(clip):
        raise ValueError(f"encode got a clip of shape {clip.shape}; it must be [N] with N > 0: pass one mono take.")
    waveform = soxr.resample(clip.astype(np.float32) / 32768.0, SAMPLE_RATE, rate_hz)
    frames = math.ceil(round(len(clip) / SAMPLE_RATE * (rate_hz / hop), 6))
    return fitted(waveform, frames * hop)


def fitted(waveform: Waveform, length: int) -> Waveform:
    """The waveform cut, or filled up with silence, to so many samples."""
    return np.pad(waveform[:length], (0, max(0, length - len(waveform))))


def to_samples(waveform: Waveform) -> Samples:
    """float32 [N] in [-1, 1] -> int16 [N]. Raises ValueError for what is no number: half precision may overflow."""
    if not np.isfinite(waveform).all():
        raise ValueError("the codec decoded to what is no number: set its dtype to 'float32'.")
    return (waveform.clip(-1.0, 1.0) * 32767.0).round().astype(np.int16)


def check_codes(codes: NDArray[np.uint16], num_codebooks: int, cardinality: int) -> None:
    """Raises ValueError for codes that are not uint16 [T, num_codebooks] below `cardinality` with T > 0."""
    if codes.ndim != 2 or codes.shape[1] != num_codebooks or not len(codes):
        raise ValueError(
            f"decode got codes of shape {codes.shape}; it must be [T, {num_codebooks}] with T > 0: "
            "pass one clip, frames first, all codebooks."
        )
    if codes.max() >= cardinality:
        raise ValueError(
            f"decode got the code {codes.max()}; codes must be below {cardinality}: "
            "take out padding and special tokens, and undo the delay, before decoding."
        )


def digest_of(paths: Iterable[Path]) -> str:
    """Digest of files, by name and content, wherever they lie."""
    found = []
    for path in paths:
        with path.open("rb") as file:
            found.append(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}")
    return hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest()
