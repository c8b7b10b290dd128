"""The embedded speech engine: espeak-ng says the words, WORLD gives them a voice and a delivery.

espeak-ng is GPLv3 and is loaded from its own package in a process of its own.
The steps are plain functions, so that a test can say something wrong on purpose: `carrier_request(line)` ->
`EspeakProcess.speak(request)` -> `render(line, carrier)`. A line with tags is rendered from several carriers joined,
its words' and its sounds' (`espeak_tags`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp, log, tanh
from typing import cast

import numpy as np

from schemas.errors import UnspeakableTextError
from schemas.script import Character
from schemas.seeds import generator
from schemas.tags import TAGS, Tag, split_tags
from schemas.take import SAMPLE_RATE, Line, Voice
from stages.backends.espeak_carrier import SILENCE, Carrier, CarrierRequest
from stages.backends.espeak_engine import EspeakEngine
from stages.backends.espeak_tags import joined, sound_carrier, trimmed
from stages.backends.espeak_text import carrier_text
from stages.backends.espeak_voice import design_voice
from stages.backends.protocols import Performance
from stages.backends.world_delivery import Delivery, designed_delivery, played_delivery
from stages.backends.world_expression import (
    UNVOICED,
    f0_contour,
    final_movement_st,
    phone_mask,
    roughened,
    timbre,
    whispered,
)
from stages.backends.world_mastering import master
from stages.backends.world_timing import retimed
from stages.backends.world_vocoder import FRAME_S, analyze, synthesize

ESPEAK_VOICES = {"en": "en-us+klatt4", "zh": "cmn+klatt4"}
BASE_RATE_WPM = {"en": 165, "zh": 205}  # of espeak-ng; both speak about 4.3 syllables a second, pauses included
MANDARIN_RANGE = 1.4  # espeak-ng's tones are flatter than speakers' tones
MANDARIN_RANGE_FREEDOM = 0.6  # exponent: in Mandarin the f0 range must leave the tones intact
MIN_RATE_WPM = 80
HASTE, MOST_HASTE = 1.15, 1.45
"""Rate ratios: from the first on a voice hastens less than it would, and never to the second, or nobody follows."""


class EspeakSpeech(EspeakEngine):
    """SpeechSynthesizer of the embedded engine: int16 at 24 kHz, phone labels as in espeak_carrier."""

    data = ("espeak_helper.py", "tables/voices.toml", "tables/delivery.toml")
    tags: Mapping[Tag, str] = {tag: tag for tag in TAGS}

    def design(self, character: Character) -> Voice:
        return design_voice(character)

    def synthesize(self, lines: Sequence[Line]) -> list[Performance]:
        """Raises UnspeakableTextError for a text that cannot be said in the line's language."""
        return [self._perform(line) for line in lines]

    def _perform(self, line: Line) -> Performance:
        carrier = self._tagged(line) if line.tagged else self._worded(line, line.spoken)
        return render(line, carrier)

    def _worded(self, line: Line, spoken: str) -> Carrier:
        """The carrier of words alone."""
        carrier = self.speak(carrier_request(line, spoken))
        if carrier.switched:
            raise UnspeakableTextError(f"espeak-ng would switch language in: {spoken}")
        if all(phone.label == SILENCE for phone in carrier.phones):
            raise UnspeakableTextError(f"espeak-ng finds nothing to say in: {spoken}")
        return carrier

    def _tagged(self, line: Line) -> Carrier:
        """The words between the tags, each stretch a carrier of its own, and the sounds of the tags."""
        random = generator(line.seed, "tags")
        pieces = [piece for piece in split_tags(line.tagged) if any(character.isalpha() for character in piece)]
        words = {piece: trimmed(self._worded(line, piece)) for piece in pieces if piece not in TAGS}
        power = float(np.mean(np.concatenate([carrier.samples for carrier in words.values()]) ** 2))
        rate_hz = next(iter(words.values())).rate_hz
        return joined([words.get(piece) or sound_carrier(cast(Tag, piece), power, rate_hz, random) for piece in pieces])


def delivery_of(line: Line) -> Delivery:
    """Everything that moves this take away from the carrier: voice, turn, how the speaker takes the text, chance."""
    text, take = generator("reading", line.character.character_id, line.spoken), generator(line.seed, "delivery")
    delivery = designed_delivery(line.voice) + played_delivery(line.turn, text, take)
    if line.language == "zh":
        delivery = replace(delivery, range_ratio=MANDARIN_RANGE * delivery.range_ratio**MANDARIN_RANGE_FREEDOM)
    ending_st = final_movement_st(line.spoken, line.language) * min(delivery.range_ratio, 1.0) ** 0.5
    return delivery + Delivery(final_st=ending_st)


def carrier_request(line: Line, spoken: str | None = None) -> CarrierRequest:
    """What espeak-ng is asked to say for a line, or for a stretch of its words; raises UnspeakableTextError."""
    rate_wpm = round(BASE_RATE_WPM[line.language] * _articulate(delivery_of(line).rate_ratio))
    return CarrierRequest(
        text=carrier_text(spoken or line.spoken, line.language),
        voice=ESPEAK_VOICES[line.language],
        rate_wpm=max(rate_wpm, MIN_RATE_WPM),
    )


def _articulate(rate_ratio: float) -> float:
    """The rate ratio, pressed below MOST_HASTE."""
    room = log(MOST_HASTE / HASTE)
    beyond = log(rate_ratio / HASTE) / room
    return HASTE * exp(room * tanh(beyond)) if beyond > 0 else rate_ratio


def render(line: Line, carrier: Carrier) -> Performance:
    """The carrier in the line's voice and delivery."""
    delivery = delivery_of(line)
    random = generator(line.seed, "performance")
    count = int(len(carrier.samples) / carrier.rate_hz / FRAME_S) + 2  # one more than dio may find
    voiced = phone_mask(carrier.phones, count, np.array([phone.label not in UNVOICED for phone in carrier.phones]))
    frames, phones = retimed(analyze(carrier.samples, carrier.rate_hz, voiced), carrier.phones, random)
    shaped = roughened(timbre(frames, delivery), delivery.shimmer_db, random)
    if line.turn.style == "whisper":
        shaped = whispered(shaped)
    else:
        f0_hz = f0_contour(frames.f0_hz, phones, line.voice.traits["f0_hz"], delivery, random)
        shaped = replace(shaped, f0_hz=f0_hz)
    samples, spans = master(synthesize(shaped), shaped.rate_hz, phones, delivery.loudness_db, random)
    return Performance(samples, SAMPLE_RATE, spans)
