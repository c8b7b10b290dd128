"""A server on 127.0.0.1 that speaks in vowels of a voice's own pitch, and misbehaves as it is told. It knows two
protocols: `POST /v1/audio/speech` with the rules of vLLM-Omni, and the forms of CosyVoice (`/inference_zero_shot` …).

with SpeechServer() as server: ...                      # base URL of CosyVoice: server.url, of OpenAI: + "/v1"
server.forced = ["429", "", "stereo"]                   # faults of the next requests, in order; "" for none
server.share = 0.05                                     # of all requests, at random, meet one of `server.faults`
"""

import base64
import hashlib
import io
import json
import random
from collections import Counter
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.local_server import Handler, LocalServer
from tests.singing_server import OTHER_BODIES, wav

SECONDS_PER_LETTER, EDGE_S = 0.06, 0.1
MAX_INSTRUCTIONS = 500
TASKS = ("CustomVoice", "VoiceDesign", "Base")

TRANSPORT = ("408", "429", "500", "503", "timeout", "cut", "html", "json", "empty")
"""Answers that are no audio."""
WRONG_AUDIO = ("truncated", "no_samples", "silence", "nan", "stereo", "short", "long", "rate", "broken")
"""Answers that are a WAV, and cannot be the line."""
WRONG_PCM = ("no_samples", "silence", "short", "long", "odd")
"""Answers that are PCM, and cannot be the line."""

CONTAINERS = {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "mp3": ("MP3", None), "opus": ("OGG", "OPUS")}


class SpeechServer(LocalServer):
    """The endpoint, and what it was asked: `bodies` with the path and the digest of a clip. Attributes may be changed
    while it runs."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.rate_hz = 24_000
        self.fickle = False
        """Whether a designed voice is another one each time, whatever the seed."""
        self.batches = True
        """Whether it offers `/v1/audio/speech/batch`."""
        self.tasks: tuple[str, ...] = TASKS
        """What its model can do; another task is refused, as a server of vLLM-Omni serves one model."""
        self.forced: list[str] = []
        self.always = ""
        """The fault of every request that meets no other."""
        self.unlucky, self.unlucky_fault = "", "500"
        """Requests that hold this text always meet this fault."""
        self.unlucky_item = "nothing that anybody says"
        """Items of a batch that hold this text fail, alone in their batch."""
        self.share, self.faults = 0.0, TRANSPORT
        """So many requests meet a fault at random."""
        self.met: Counter[str] = Counter()
        """Those that did."""
        self.dies_after: int | None = None
        """After so many requests it is dead."""
        self.retry_after = "0.05"
        self.stall_s = 1.5
        self.keys: list[str | None] = []
        self._random = random.Random(8)

    def fate(self, body: dict[str, Any], key: str | None) -> str:
        """The fault of a request ("" for none)."""
        self.keys.append(key)
        if self.dies_after is not None and len(self.bodies) >= self.dies_after:
            self.dead = True
        if self.unlucky and self.unlucky in json.dumps(body, ensure_ascii=False, default=str):
            return self.unlucky_fault
        if self.forced:
            return self.forced.pop(0)
        if self._random.random() >= self.share:
            return self.always
        fault = self._random.choice(self.faults)
        self.met[fault] += 1
        return fault


def spoken(text: str, voice: str, seed: int, rate_hz: int) -> NDArray[np.float32]:
    """Vowels of the voice's pitch, float32 [N]: a syllable every three letters, whose level the seed draws."""
    letters = sum(character.isalnum() for character in text)
    seconds = np.arange(round((SECONDS_PER_LETTER * letters + 2 * EDGE_S) * rate_hz)) / rate_hz
    f0_hz = 90 + int(hashlib.sha256(voice.encode()).hexdigest(), 16) % 150
    levels = np.random.default_rng(seed).uniform(0.4, 1.0, letters // 3 + 2)
    place = np.maximum(seconds - EDGE_S, 0.0) / (3 * SECONDS_PER_LETTER)
    level = levels[np.minimum(place.astype(int), len(levels) - 1)] * np.sin(np.pi * (place % 1.0)) ** 2
    level *= (seconds > EDGE_S) & (seconds < seconds[-1] - EDGE_S)
    wave = sum(np.sin(2 * np.pi * harmonic * f0_hz * seconds) / harmonic for harmonic in range(1, 5))
    return np.asarray(0.2 * level * wave, dtype=np.float32)


def encoded(wave: Any, rate_hz: int, response_format: str) -> bytes:
    """A file of the speech in a format of the protocol."""
    file = io.BytesIO()
    kind, subtype = CONTAINERS[response_format]
    soundfile.write(file, wave, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


def changed(fault: str, wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """The speech with a fault that any format can have."""
    begin, short = len(wave) // 4, len(wave) // 12
    faulty = {
        "no_samples": wave[:0],
        "silence": 0 * wave,
        "short": wave[begin : begin + short],
        "long": np.tile(wave, 60),
    }
    return faulty.get(fault, wave)


def spoiled(fault: str, wave: NDArray[np.float32], rate_hz: int) -> bytes:
    """The speech as a WAV with one of WRONG_AUDIO."""
    if fault == "truncated":
        return wav(wave, rate_hz)[: len(wave)]
    if fault == "broken":
        return wav(wave, rate_hz)[:20] + bytes(24) + wav(wave, rate_hz)[44:]
    if fault == "nan":
        return wav(np.where(np.arange(len(wave)) % 1000 == 0, np.float32(np.nan), wave), rate_hz, "FLOAT")
    if fault == "stereo":
        return wav(np.stack([wave, wave], axis=1), rate_hz)
    return wav(changed(fault, wave), 100 if fault == "rate" else rate_hz)


def refusal(body: dict[str, Any], tasks: tuple[str, ...]) -> str:
    """Why vLLM-Omni would not say it; "" if it would."""
    task = body.get("task_type", "CustomVoice")
    if task not in tasks:
        return f"this checkpoint does not support task_type='{task}'"
    if not body.get("input", "").strip():
        return "Input text cannot be empty"
    if len(body.get("instructions", "")) > MAX_INSTRUCTIONS:
        return f"Instructions too long (max {MAX_INSTRUCTIONS} characters)"
    if task == "VoiceDesign" and not body.get("instructions"):
        return "VoiceDesign task requires 'instructions' to describe the voice"
    if task == "Base" and not (body.get("ref_audio", "").startswith("data:audio/wav;base64,") and body.get("ref_text")):
        return "Base task requires 'ref_audio' and 'ref_text' for voice cloning"
    return ""


def clip(wav_bytes: bytes) -> str:
    """A digest of what a clip sounds like. Raises what soundfile does for one that is none."""
    samples, _ = soundfile.read(io.BytesIO(wav_bytes), dtype="int16")
    return hashlib.sha256(samples.tobytes()).hexdigest()


class _Handler(Handler):
    def parsed(self, raw: bytes) -> dict[str, Any]:
        """Clips are replaced by their digests ("clip")."""
        kind = self.headers["Content-Type"]
        if kind == "application/json":
            body = json.loads(raw)
            if str(body.get("ref_audio", "")).startswith("data:audio/wav;base64,"):
                body["clip"] = clip(base64.b64decode(body["ref_audio"].partition(",")[2], validate=True))
        elif kind.startswith("multipart/form-data"):
            form = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + raw)
            named = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
            sound = named.pop("prompt_wav")
            assert sound.get_filename() == "prompt.wav"
            body = {name: part.get_payload(decode=True).decode() for name, part in named.items()}
            body["clip"] = clip(sound.get_payload(decode=True))
        else:
            body = dict(parse_qsl(raw.decode(), keep_blank_values=True))
        return body | {"path": self.path}

    def answer(self, body: dict[str, Any], fault: str) -> None:
        server: SpeechServer = self.owner
        if fault.isdigit():
            headers = {"Retry-After": server.retry_after} if fault == "429" else {}
            return self.send(int(fault), f"status {fault} for {self.headers['Authorization']}".encode(), headers)
        if fault == "timeout":
            server.closing.wait(server.stall_s)
            return self.hang_up()
        if fault in OTHER_BODIES:
            kinds = {"html": "text/html", "json": "application/json"}
            return self.send(200, OTHER_BODIES[fault], {"Content-Type": kinds.get(fault, "audio/wav")})
        if self.path == "/v1/audio/speech":
            return self._openai(body, fault)
        if self.path == "/v1/audio/speech/batch" and server.batches:
            return self._batch(body, fault)
        if self.path in FORMS:
            return self._cosyvoice(body, fault)
        self.send(404, b"no such path")

    def _openai(self, body: dict[str, Any], fault: str) -> None:
        server: SpeechServer = self.owner
        if why := refusal(body, server.tasks):
            return self.send(400, json.dumps({"error": {"message": why}}).encode())
        voice = body.get("clip") or body.get("voice") or body["instructions"] + str(len(server.bodies) * server.fickle)
        wave = spoken(body["input"], voice, body.get("seed", 0), server.rate_hz)
        sound = encoded(wave, server.rate_hz, body["response_format"])
        self._send_audio(spoiled(fault, wave, server.rate_hz) if fault in WRONG_AUDIO else sound, fault)

    def _batch(self, body: dict[str, Any], fault: str) -> None:
        """A fault of WRONG_AUDIO befalls the first item."""
        server: SpeechServer = self.owner
        results = []
        for index, item in enumerate(body["items"]):
            assert "seed" not in item
            why = refusal(item, server.tasks) or ("engine error" if server.unlucky_item in item["input"] else "")
            wave = spoken(item["input"], item.get("voice") or item["ref_audio"], 0, server.rate_hz)
            sound = encoded(wave, server.rate_hz, item["response_format"])
            if fault in WRONG_AUDIO and index == 0:
                sound = spoiled(fault, wave, server.rate_hz)
            success = {"status": "success", "audio_data": base64.b64encode(sound).decode(), "media_type": "audio/wav"}
            results.append({"index": index} | ({"status": "error", "error": why} if why else success))
        results.reverse()  # the index says whose they are
        self._send_audio(json.dumps({"id": "b", "results": results}).encode(), fault)

    def _cosyvoice(self, body: dict[str, Any], fault: str) -> None:
        server: SpeechServer = self.owner
        if missing := FORMS[self.path] - set(body):
            return self.send(422, json.dumps({"detail": f"missing: {missing}"}).encode())
        voice = body.get("clip") or body["spk_id"]
        wave = changed(fault, spoken(body["tts_text"], voice, 0, server.rate_hz))
        pcm = (wave * 32767).astype("<i2").tobytes()
        self._send_audio(pcm + b"\0" if fault == "odd" else pcm, fault)

    def _send_audio(self, data: bytes, fault: str) -> None:
        if fault == "cut":
            self.head(200, len(data))
            self.wfile.write(data[: len(data) // 2])
            return self.hang_up()
        self.send(200, data)


FORMS = {
    "/inference_zero_shot": {"tts_text", "prompt_text", "clip"},
    "/inference_cross_lingual": {"tts_text", "clip"},
    "/inference_instruct2": {"tts_text", "instruct_text", "clip"},
    "/inference_sft": {"tts_text", "spk_id"},
}
"""Path -> what its form must hold."""
