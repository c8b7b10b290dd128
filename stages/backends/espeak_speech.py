"""The embedded speech engine: espeak-ng says the words, WORLD gives them a voice and a delivery.

espeak-ng is GPLv3 and is loaded from its own package in a process of its own.
The steps are plain functions, so that a test can say something wrong on purpose: `carrier_request(line)` ->
`EspeakProcess.speak(request)` -> `render(line, carrier)`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import fields, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from schemas.errors import UnspeakableTextError
from schemas.script import Character
from schemas.seeds import generator
from schemas.take import SAMPLE_RATE, Line, Voice
from stages.backends.espeak_carrier import SILENCE, Carrier, CarrierRequest, EspeakProcess
from stages.backends.espeak_text import carrier_text
from stages.backends.espeak_voice import ENGINE, design_voice
from stages.backends.protocols import Performance
from stages.backends.world_delivery import Delivery, varied, written_delivery
from stages.backends.world_expression import UNVOICED, f0_contour, final_movement_st, phone_mask, timbre, whispered
from stages.backends.world_mastering import master
from stages.backends.world_timing import retimed
from stages.backends.world_vocoder import FRAME_S, analyze, synthesize

ESPEAK_VOICES = {"en": "en-us+klatt4", "zh": "cmn+klatt4"}
BASE_RATE_WPM = {"en": 165, "zh": 160}
MANDARIN_RANGE = 1.4  # espeak-ng's tones are flatter than speakers' tones
MANDARIN_RANGE_FREEDOM = 0.6  # exponent: in Mandarin the f0 range must leave the tones intact
MIN_RATE_WPM, MAX_RATE_WPM = 80, 360
DATA = ("espeak_helper.py", "tables/voices.toml", "tables/delivery.toml")
"""The tables, and the helper, which no import reaches."""


class EspeakSpeech:
    """SpeechSynthesizer of the embedded engine: int16 at 24 kHz, phone labels as in espeak_carrier."""

    name = ENGINE

    def __init__(self) -> None:
        self._espeak: EspeakProcess | None = None

    @property
    def fingerprint(self) -> str:
        """Digest of the tables, the helper and the version of espeak-ng's package."""
        digest = hashlib.sha256(version("espeakng-loader").encode())
        for name in DATA:
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

    def design(self, character: Character) -> Voice:
        return design_voice(character)

    def synthesize(self, lines: Sequence[Line]) -> list[Performance]:
        """Raises UnspeakableTextError for a text that cannot be said in the line's language."""
        return [self._perform(line) for line in lines]

    def speak(self, request: CarrierRequest) -> Carrier:
        """What espeak-ng says to a request."""
        if self._espeak is None:
            raise RuntimeError("EspeakSpeech is not open")
        return self._espeak.speak(request)

    def _perform(self, line: Line) -> Performance:
        carrier = self.speak(carrier_request(line))
        if carrier.switched:
            raise UnspeakableTextError(f"espeak-ng would switch language in: {line.spoken}")
        if all(phone.label == SILENCE for phone in carrier.phones):
            raise UnspeakableTextError(f"espeak-ng finds nothing to say in: {line.spoken}")
        return render(line, carrier)


def delivery_of(line: Line) -> Delivery:
    """Everything that moves this take away from its voice's neutral: the turn, the voice's manner, chance."""
    traits = line.voice.traits
    manner = Delivery(**{f.name: traits[f.name] for f in fields(Delivery) if f.name in traits})
    delivery = varied(written_delivery(line.turn) + manner, generator(line.seed, "delivery"))
    if line.language == "zh":
        delivery = replace(delivery, range_ratio=MANDARIN_RANGE * delivery.range_ratio**MANDARIN_RANGE_FREEDOM)
    return delivery + Delivery(final_st=final_movement_st(line.spoken, line.language))


def carrier_request(line: Line) -> CarrierRequest:
    """What espeak-ng is asked to say for a line; raises UnspeakableTextError."""
    rate_wpm = round(BASE_RATE_WPM[line.language] * delivery_of(line).rate_ratio)
    return CarrierRequest(
        text=carrier_text(line.spoken, line.language),
        voice=ESPEAK_VOICES[line.language],
        rate_wpm=min(max(rate_wpm, MIN_RATE_WPM), MAX_RATE_WPM),
    )


def render(line: Line, carrier: Carrier) -> Performance:
    """The carrier in the line's voice and delivery."""
    delivery = delivery_of(line)
    random = generator(line.seed, "performance")
    count = int(len(carrier.samples) / carrier.rate_hz / FRAME_S) + 1
    voiced = phone_mask(carrier.phones, count, np.array([phone.label not in UNVOICED for phone in carrier.phones]))
    frames, phones = retimed(analyze(carrier.samples, carrier.rate_hz, voiced), carrier.phones, random)
    shaped = timbre(frames, delivery)
    if line.turn.style == "whisper":
        shaped = whispered(shaped)
    else:
        f0_hz = f0_contour(frames.f0_hz, phones, line.voice.traits["f0_hz"], delivery, random)
        shaped = replace(shaped, f0_hz=f0_hz)
    samples, spans = master(synthesize(shaped), shaped.rate_hz, phones, delivery.loudness_db, random)
    return Performance(samples, SAMPLE_RATE, spans)
