"""A server on 127.0.0.1 that sings a `.ds` segment in a plain harmonic voice, and misbehaves as it is told.

with SingingServer() as server: ...                     # server.url is the base URL
server.forced = ["429", "", "stereo"]                    # faults of the next requests, in order; "" for none
"""

import io
import json
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from schemas.score import hertz
from tests.local_server import Handler, LocalServer

RATE_HZ = 44_100
PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
TAIL_S = 0.2


class SingingServer(LocalServer):
    """The endpoint, and what it was asked. Attributes may be changed while it runs."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.forced: list[str] = []
        self.always = ""
        """The fault of every request that meets no other."""
        self.unlucky = ""
        """Requests that hold this text always get a 500."""
        self.retry_after = "0.05"
        self.stall_s = 1.0
        self.keys: list[str | None] = []

    def fate(self, body: dict[str, Any], key: str | None) -> str:
        """The fault of a request ("" for none)."""
        self.keys.append(key)
        if self.unlucky and self.unlucky in json.dumps(body, ensure_ascii=False):
            return "500"
        return self.forced.pop(0) if self.forced else self.always


def sung(segment: dict[str, Any], rate_hz: int = RATE_HZ) -> NDArray[np.float32]:
    """The segment in six harmonics, float32 [N]: `note_seq` and `note_dur`, rests as silence, and a short tail."""
    durations = [float(value) for value in segment["note_dur"].split()]
    ends = np.round(np.cumsum(durations) * rate_hz).astype(int)
    f0_hz = np.zeros(ends[-1])
    for name, first, last in zip(segment["note_seq"].split(), [0, *ends], ends, strict=False):
        f0_hz[first:last] = 0.0 if name == "rest" else hertz(midi_of(name))
    phase = 2 * np.pi * np.cumsum(f0_hz) / rate_hz
    wave = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 7)) * (f0_hz > 0) * 0.2
    return np.concatenate([wave, np.zeros(int(TAIL_S * rate_hz))]).astype(np.float32)


def midi_of(name: str) -> int:
    """The MIDI number of a note: "C4" is 60."""
    return 12 * (int(name[-1]) + 1) + PITCHES.index(name[:-1])


def wav(wave: Any, rate_hz: int = RATE_HZ, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, wave, rate_hz, format="WAV", subtype=subtype)
    return file.getvalue()


AUDIO_FAULTS = ("truncated", "no_samples", "silence", "nan", "stereo", "short", "long", "rate", "broken")
"""Answers that are a WAV, and cannot be the song."""

OTHER_BODIES = {"html": b"<html>Sign in</html>", "json": b'{"error": "out of memory"}', "empty": b"", "flac": b"fLaC\0"}
"""Answers with status 200 that are no WAV."""


def spoiled(fault: str, wave: NDArray[np.float32]) -> bytes:
    """The song as a WAV with one of AUDIO_FAULTS, or sound: in floats ("float"), or as it should be (any other)."""
    if fault == "truncated":
        return wav(wave)[: len(wave)]
    if fault == "broken":
        return wav(wave)[:20] + bytes(24) + wav(wave)[44:]
    if fault == "rate":
        return wav(wave, 100)
    changed = {
        "no_samples": wave[:0],
        "silence": 0 * wave,
        "nan": np.where(np.arange(len(wave)) % 1000 == 0, np.float32(np.nan), wave),
        "stereo": np.stack([wave, wave], axis=1),
        "short": wave[: len(wave) // 2],
        "long": np.tile(wave, 9),
    }
    return wav(changed.get(fault, wave), subtype="FLOAT" if fault in ("nan", "float") else "PCM_16")


class _Handler(Handler):
    def answer(self, body: dict[str, Any], fault: str) -> None:
        singer: SingingServer = self.owner
        if self.path != "/sing":
            return self.send(404, b"no such path")
        if fault.isdigit():
            headers = {"Retry-After": singer.retry_after} if fault == "429" else {}
            return self.send(int(fault), f"status {fault} for {self.headers['Authorization']}".encode(), headers)
        if fault == "timeout":
            singer.closing.wait(singer.stall_s)
            return self.hang_up()
        if fault in OTHER_BODIES:
            return self.send(200, OTHER_BODIES[fault])
        data = spoiled(fault, sung(body["ds"][0]))
        if fault == "cut":
            self.head(200, len(data))
            self.wfile.write(data[: len(data) // 2])
            return self.hang_up()
        self.send(200, data, {"Content-Type": "audio/wav"})
