"""Breaths: noise before phrases, as far as the song leaves room for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stages.backends.espeak_carrier import CarrierPhone
from stages.backends.espeak_tags import GAP_S, NOISE, sound_carrier
from stages.backends.singer_carrier import Arrangement
from stages.backends.world_vocoder import Floats

BREATH_GAP_S = 0.03  # on either side of a breath
SHORTEST_BREATH_S = 0.1
RISE_S = 0.05
QUIETER = 0.5  # amplitude of a breath against one among spoken words; louder ones cost DNSMOS


@dataclass(frozen=True)
class Breath:
    """A breath: its phone in seconds from beat 0, and its samples for words of unit power."""

    phone: CarrierPhone
    samples: Floats
    rate_hz: int


def breaths_of(arrangement: Arrangement, random: np.random.Generator) -> list[Breath]:
    """A breath at the end of each of the arrangement's rooms that is long enough; a long one loses its beginning."""
    rate_hz, breaths = arrangement.carrier.rate_hz, []
    gap = round(GAP_S * rate_hz)
    for room_start_s, room_end_s in arrangement.breath_rooms_s:
        sound = sound_carrier("[breath]", 1.0, rate_hz, random).samples[gap:-gap]
        end_s = room_end_s - BREATH_GAP_S
        length = min(len(sound), int((end_s - BREATH_GAP_S - room_start_s) * rate_hz))
        if length >= SHORTEST_BREATH_S * rate_hz:
            sound = QUIETER * sound[-length:] * np.minimum(1.0, np.arange(length) / (RISE_S * rate_hz))
            phone = CarrierPhone(NOISE, end_s - length / rate_hz, end_s, tag="[breath]")
            breaths.append(Breath(phone, sound, rate_hz))
    return breaths


def with_breaths(samples: Floats, breaths: Sequence[Breath], lead_s: float) -> Floats:
    """The song [N], which begins `lead_s` before beat 0, with its breaths at the level of its words."""
    level = np.sqrt(np.mean(samples**2))
    whole = samples.copy()
    for breath in breaths:
        start = round((breath.phone.start_s + lead_s) * breath.rate_hz)
        whole[start : start + len(breath.samples)] += level * breath.samples
    return whole
