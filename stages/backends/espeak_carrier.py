"""Carrier speech from espeak-ng: waveform and phone times, from a helper process shared by all threads.

Phone labels are espeak-ng's mnemonics without stress marks; every pause is `SILENCE`, and syllable borders are no
phones. Mandarin labels carry no tone. Source of the mnemonics: espeak-ng, phsource/ph_english_us and ph_cmn.
"""

import json
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.tags import Tag

SILENCE = "sil"
STRESS_MARKS = "',%"
PAUSES = ("_:", "_")
SYLLABLE_BORDER = "_|"
SHORTEST_S = 0.008  # a shorter phone has no audio of its own
COLOURED_S = 0.08
_HELPER = Path(__file__).with_name("espeak_helper.py")


@dataclass(frozen=True)
class CarrierRequest:
    """What espeak-ng is asked to say: `pitch` and `pitch_range` in espeak's 0-99 scale."""

    text: str
    voice: str
    rate_wpm: int
    pitch: int = 50
    pitch_range: int = 50


@dataclass(frozen=True)
class CarrierPhone:
    """A phone of the carrier, in seconds; stress is 0 (none), 1 (secondary) or 2 (primary).

    A phone that belongs to the sound of a tag carries the tag.
    """

    label: str
    start_s: float
    end_s: float
    stress: int = 0
    tag: Tag | None = None


@dataclass(frozen=True)
class Carrier:
    """Float samples [N] in -1..1, their phones without gaps, and whether espeak-ng switched language."""

    samples: NDArray[np.float64]
    rate_hz: int
    phones: tuple[CarrierPhone, ...]
    switched: bool


class EspeakProcess:
    """A client of the helper process. `speak` may be called from any thread; a dead helper is restarted once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = self._start()

    def speak(self, request: CarrierRequest) -> Carrier:
        """Raises ValueError with espeak-ng's complaint, RuntimeError where the helper dies twice on a request."""
        with self._lock:
            try:
                header, pcm = self._exchange(request)
            except (BrokenPipeError, EOFError):
                self._stop()
                self._process = self._start()
                try:
                    header, pcm = self._exchange(request)
                except (BrokenPipeError, EOFError) as error:
                    raise RuntimeError(f"the espeak-ng helper died twice on: {request.text}") from error
        if "error" in header:
            raise ValueError(header["error"])
        return _carrier(header, pcm)

    def close(self) -> None:
        with self._lock:
            self._stop()

    @staticmethod
    def _start() -> "subprocess.Popen[bytes]":
        # -P keeps the helper's folder off sys.path, where a vendor file could shadow a library.
        command = [sys.executable, "-P", str(_HELPER)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _stop(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):  # it may have died with a request in the pipe
                    stream.close()
        self._process.kill()
        self._process.wait()

    def _exchange(self, request: CarrierRequest) -> tuple[dict[str, Any], bytes]:
        stdin = self._process.stdin
        assert stdin is not None
        body = json.dumps(asdict(request)).encode()
        stdin.write(len(body).to_bytes(4, "big") + body)
        stdin.flush()
        header = json.loads(self._read())
        return header, b"" if "error" in header else self._read()

    def _read(self) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None
        size = stdout.read(4)
        if len(size) < 4:
            raise EOFError
        body = stdout.read(int.from_bytes(size, "big"))
        if len(body) < int.from_bytes(size, "big"):
            raise EOFError
        return body


def _carrier(header: dict[str, Any], pcm: bytes) -> Carrier:
    samples = np.frombuffer(pcm, dtype=np.int16).astype(np.float64) / 32768.0
    rate_hz = int(header["rate_hz"])
    marks = [(label, sample / rate_hz) for label, sample in header["events"]]
    switched = any("(" in label for label, _ in marks)
    marks = [(label, at) for label, at in marks if "(" not in label]
    ends = [at for _, at in marks[1:]] + [len(samples) / rate_hz]
    phones: list[CarrierPhone] = []
    for (label, start_s), end_s in zip(marks, ends, strict=True):
        phone = _phone(label, start_s, end_s)
        if phones and (phone is None or phone.label == phones[-1].label == SILENCE):
            phones[-1] = replace(phones[-1], end_s=end_s)
        elif phone is not None and end_s - start_s >= SHORTEST_S:
            phones.append(phone)
        elif phone is not None and phones and phone.label != SILENCE:
            phones[-1:] = _split(phones[-1], phone)
    return Carrier(samples, rate_hz, tuple(phones), switched)


def _split(vowel: CarrierPhone, coda: CarrierPhone) -> list[CarrierPhone]:
    """The vowel and the coda that espeak-ng rendered in it (dark l): the last third, COLOURED_S at most."""
    border_s = coda.end_s - min((coda.end_s - vowel.start_s) / 3, COLOURED_S)
    return [replace(vowel, end_s=border_s), replace(coda, start_s=border_s)]


def _phone(label: str, start_s: float, end_s: float) -> CarrierPhone | None:
    """The labelled phone; None for a syllable border, whose time belongs to the phone before it."""
    if label == SYLLABLE_BORDER:
        return None
    if label in PAUSES:
        return CarrierPhone(SILENCE, start_s, end_s)
    stress = 2 if label.startswith("'") else 1 if label.startswith(",") else 0
    return CarrierPhone(label.strip(STRESS_MARKS), start_s, end_s, stress)
