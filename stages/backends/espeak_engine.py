"""What the embedded engine's speech and singing share: a helper process of espeak-ng, and a fingerprint."""

import hashlib
from importlib.metadata import version
from pathlib import Path

from stages.backends.espeak_carrier import Carrier, CarrierRequest, EspeakProcess
from stages.backends.espeak_voice import ENGINE


class EspeakEngine:
    """espeak-ng between `open` and `close`; `data` are the files that shape the output and that no import reaches."""

    name = ENGINE
    data: tuple[str, ...]

    def __init__(self) -> None:
        self._espeak: EspeakProcess | None = None

    @property
    def fingerprint(self) -> str:
        """Digest of the data and the version of espeak-ng's package."""
        digest = hashlib.sha256(version("espeakng-loader").encode())
        for name in self.data:
            digest.update((Path(__file__).parent / name).read_bytes())
        return digest.hexdigest()

    def open(self) -> None:
        """Starts the helper process, unless another stage that shares this engine already has."""
        if self._espeak is None:
            self._espeak = EspeakProcess()

    def close(self) -> None:
        if self._espeak is not None:
            self._espeak.close()
            self._espeak = None

    def speak(self, request: CarrierRequest) -> Carrier:
        """What espeak-ng says to a request."""
        if self._espeak is None:
            raise RuntimeError(f"{type(self).__name__} is not open")
        return self._espeak.speak(request)
