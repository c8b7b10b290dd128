"""A process that owns espeak-ng: reads requests from stdin, forks once per utterance, writes carriers to stdout.

espeak-ng keeps state between utterances, so its output depends on what it said before; and it is not thread-safe.
Here the library is initialized once and never speaks in this process: every utterance is spoken by a child forked
from the same pristine state, hence the same request always gives the same bytes. The process ends when stdin
closes, so it cannot outlive its parent. It imports nothing of this project and no thread-starting library.

Messages are a 4-byte big-endian length and a body.
Request: JSON {"text", "voice", "rate_wpm", "pitch", "pitch_range"}.
Reply: JSON {"error": reason}, or {"rate_hz", "events": [[label, sample], ...]} and then, as a message of its own, the
int16 PCM. Labels are espeak-ng's phone mnemonics.
"""

import ctypes
import json
import os
import signal
import sys
from ctypes import CFUNCTYPE, POINTER, Structure, Union, byref, c_char, c_int, c_short, c_uint, c_void_p
from typing import Any, BinaryIO

import espeakng_loader

# Constants of espeak-ng's speak_lib.h.
SYNCHRONOUS = 2
PHONEME_EVENTS, DONT_EXIT = 0x0001, 0x8000
RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4
UTF8, PHONEMES, END_PAUSE = 1, 0x100, 0x1000
EVENT_END, EVENT_PHONEME = 0, 7
BUFFER_MS = 200
CARRIER_VOLUME = 40  # of 100, where klatt voices clip


class _EventId(Union):
    _fields_ = [("number", c_int), ("name", c_void_p), ("string", c_char * 8)]


class _Event(Structure):
    _fields_ = [
        ("type", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", _EventId),
    ]


_CALLBACK = CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))


def _load() -> tuple[ctypes.CDLL, int]:
    """The initialized library and its sample rate in Hz."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = espeakng_loader.get_data_path().encode()
    rate_hz = library.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, data, PHONEME_EVENTS | DONT_EXIT)
    if rate_hz <= 0:
        raise RuntimeError(f"espeak-ng did not initialize with the data in {espeakng_loader.get_data_path()}")
    return library, rate_hz


def _speak(library: ctypes.CDLL, request: dict[str, Any]) -> tuple[list[tuple[str, int]], bytes]:
    """Speaks one request in this process: events and PCM. Only ever called in a forked child."""
    pcm = bytearray()
    events: list[tuple[str, int]] = []

    def receive(samples: Any, count: int, batch: Any) -> int:
        if samples and count > 0:
            pcm.extend(ctypes.string_at(samples, 2 * count))
        index = 0
        while batch[index].type != EVENT_END:
            event = batch[index]
            if event.type == EVENT_PHONEME:
                events.append((event.id.string.decode("utf-8", "replace"), event.sample))
            index += 1
        return 0

    callback = _CALLBACK(receive)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(request["voice"].encode()) != 0:
        raise ValueError(f"espeak-ng has no voice '{request['voice']}'")
    library.espeak_SetParameter(VOLUME, CARRIER_VOLUME, 0)
    for parameter, key in ((RATE, "rate_wpm"), (PITCH, "pitch"), (RANGE, "pitch_range")):
        library.espeak_SetParameter(parameter, request[key], 0)
    text = request["text"].encode() + b"\0"
    code = library.espeak_Synth(text, len(text), 0, 1, 0, UTF8 | PHONEMES | END_PAUSE, byref(c_uint()), None)
    if code != 0:
        raise ValueError(f"espeak-ng refused the text with code {code}: {request['text']}")
    return events, bytes(pcm)


def _send(stream: BinaryIO, body: bytes) -> None:
    stream.write(len(body).to_bytes(4, "big") + body)


def _reply(stream: BinaryIO, library: ctypes.CDLL, rate_hz: int, request: dict[str, Any]) -> None:
    """In the child: speaks, then writes the whole reply at once."""
    try:
        events, pcm = _speak(library, request)
    except Exception as error:
        _send(stream, json.dumps({"error": str(error)}).encode())
    else:
        _send(stream, json.dumps({"rate_hz": rate_hz, "events": events}).encode())
        _send(stream, pcm)
    stream.flush()


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers requests until the stream ends."""
    library, rate_hz = _load()
    while header := requests.read(4):
        request = json.loads(requests.read(int.from_bytes(header, "big")))
        child = os.fork()
        if child == 0:
            _reply(replies, library, rate_hz, request)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status != 0:
            _send(replies, json.dumps({"error": f"espeak-ng crashed (status {status})"}).encode())
            replies.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's business; its end closes stdin
    serve(sys.stdin.buffer, sys.stdout.buffer)
