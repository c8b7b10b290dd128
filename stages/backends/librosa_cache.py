"""librosa, compiled by one process at a time: `python -m stages.backends.librosa_cache` does it ahead.

numba compiles parts of librosa at its first import and keeps them beside the package. Two processes that write that
cache at once can leave halves that do not fit each other, and every later process then dies of a segmentation fault
(seen with numba 0.68: the wrapper of a gufunc from one process, its kernel from the other).
"""

import os
import tempfile
from functools import cache
from pathlib import Path

LOCK = Path(tempfile.gettempdir()) / f"troupe-librosa-cache-{os.getuid()}.lock"
TONE_HZ = 200.0
RATE_HZ = 24_000


@cache
def compile_librosa() -> None:
    """Have everything compiled that this project uses of librosa, once in a process, one process at a time."""
    import numpy as np
    from filelock import FileLock

    with FileLock(LOCK):
        import librosa

        tone = np.sin(2 * np.pi * TONE_HZ * np.arange(RATE_HZ // 2) / RATE_HZ)
        librosa.pyin(tone, fmin=60.0, fmax=700.0, sr=RATE_HZ, frame_length=2048, hop_length=480)
        librosa.power_to_db(librosa.feature.melspectrogram(y=tone.astype(np.float32), sr=RATE_HZ), ref=np.max)


if __name__ == "__main__":
    compile_librosa()
