"""The five tags as carriers: sounds without words, made by a source and a few resonances, to be voiced like any word.

A sound is a chain of short segments, each noise or a pulse train, shaped by the resonances of one mouth position. Its
phones are labelled as espeak-ng's are ("h" for noise, "@" for voice), so that analysis, timbre and f0 treat them like
the words around, and carry the tag. f0 is around `SOUND_F0_HZ`, the level of neutral speech.
Sources: laughter, Bachorowski, Smoski & Owren 2001, JASA 110(3) (4-6 syllables a second, an unvoiced onset and a
falling vowel each, getting weaker); coughs, Korpas, Sadlonova & Vrabec 1996, Pulm. Pharmacol. 9 (a burst, a middle
phase of noise, and a voiced end). Sizes of sighs, breaths and hums are ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np

from schemas.tags import Tag
from stages.backends.espeak_carrier import SILENCE, Carrier, CarrierPhone
from stages.backends.world_vocoder import Floats

SOUND_F0_HZ = 110.0
GAP_S = 0.09  # silence on either side of a sound
NOISE, VOICE = "h", "@"
LEVEL_DB: dict[Tag, float] = {"[laugh]": 0.0, "[sigh]": -7.0, "[breath]": -11.0, "[cough]": 1.0, "[hum]": -4.0}
"""Power of a sound against that of the words."""


@dataclass(frozen=True)
class Segment:
    """A stretch of one sound: voiced or noise, f0 in semitones above SOUND_F0_HZ and level in dB from start to end,
    and its resonances as (Hz, bandwidth in Hz)."""

    seconds: float
    voiced: bool
    f0_st: tuple[float, float]
    level_db: tuple[float, float]
    resonances: tuple[tuple[float, float], ...]


OPEN = ((700.0, 130.0), (1250.0, 150.0), (2600.0, 250.0), (3500.0, 300.0))
NEUTRAL = ((520.0, 150.0), (1500.0, 200.0), (2500.0, 250.0), (3500.0, 300.0))
INHALED = ((700.0, 400.0), (1800.0, 400.0), (3000.0, 500.0), (4200.0, 600.0))
NASAL = ((250.0, 60.0), (1050.0, 300.0), (2200.0, 400.0))


def sound_carrier(tag: Tag, words_power: float, rate_hz: int, random: np.random.Generator) -> Carrier:
    """The sound of a tag between two gaps; `words_power` is the mean square of the words' samples."""
    segments = SOUNDS[tag](random)
    sound = np.concatenate([_rendered(segment, rate_hz, random) for segment in segments])
    sound *= np.sqrt(words_power * 10 ** (LEVEL_DB[tag] / 10) / np.mean(sound**2))
    gap = np.zeros(round(GAP_S * rate_hz))
    borders_s = [*accumulate((segment.seconds for segment in segments), initial=GAP_S)]
    phones = [
        CarrierPhone(VOICE if segment.voiced else NOISE, start_s, end_s, tag=tag)
        for segment, (start_s, end_s) in zip(segments, pairwise(borders_s), strict=True)
    ]
    edges = CarrierPhone(SILENCE, 0.0, GAP_S), CarrierPhone(SILENCE, borders_s[-1], borders_s[-1] + GAP_S)
    return Carrier(np.concatenate([gap, sound, gap]), rate_hz, (edges[0], *phones, edges[1]), switched=False)


def _rendered(segment: Segment, rate_hz: int, random: np.random.Generator) -> Floats:
    """Float samples of a segment; a pulse train falls by 6 dB an octave, as a voice does at the lips."""
    from scipy.signal import lfilter

    count = round(segment.seconds * rate_hz)
    if segment.voiced:
        f0_hz = SOUND_F0_HZ * 2 ** (np.linspace(*segment.f0_st, count) / 12)
        pulses = np.diff(np.floor(np.cumsum(f0_hz) / rate_hz), prepend=0.0)
        source = 30.0 * lfilter([1.0], [1.0, -0.95], pulses) + 0.2 * random.standard_normal(count)
    else:
        source = random.standard_normal(count)
    for centre_hz, width_hz in segment.resonances:
        radius = np.exp(-np.pi * width_hz / rate_hz)
        turn = 2 * np.cos(2 * np.pi * centre_hz / rate_hz)
        source = lfilter([1 - turn * radius + radius**2], [1.0, -turn * radius, radius**2], source)
    shaped = source / np.sqrt(np.mean(source**2)) * 10 ** (np.linspace(*segment.level_db, count) / 20)
    ramp = np.minimum(1.0, np.arange(count) / (0.008 * rate_hz))
    return np.asarray(shaped * ramp * ramp[::-1])


def _laugh(random: np.random.Generator) -> list[Segment]:
    count = int(random.integers(3, 7))
    period_s = 1 / random.uniform(4.4, 5.6)
    top_st, fall_st = random.uniform(4.0, 7.0), random.uniform(4.0, 7.0)
    segments = []
    for place in range(count):
        start_st = top_st - fall_st * place / count
        weaker_db = -1.8 * place + random.normal(0.0, 0.7)
        vowel_s = period_s * random.uniform(0.46, 0.56)
        segments += [
            Segment(period_s - vowel_s, False, (0.0, 0.0), (weaker_db - 17.0, weaker_db - 14.0), OPEN),
            Segment(vowel_s, True, (start_st, start_st - 1.5), (weaker_db, weaker_db - 4.0), OPEN),
        ]
    return segments


def _sigh(random: np.random.Generator) -> list[Segment]:
    rise_s, fall_s = random.uniform(0.08, 0.14), random.uniform(0.6, 0.95)
    return [
        Segment(rise_s, False, (0.0, 0.0), (-12.0, 0.0), NEUTRAL),
        Segment(fall_s, False, (0.0, 0.0), (0.0, -24.0), NEUTRAL),
    ]


def _breath(random: np.random.Generator) -> list[Segment]:
    return [
        Segment(random.uniform(0.28, 0.42), False, (0.0, 0.0), (-16.0, 0.0), INHALED),
        Segment(random.uniform(0.05, 0.08), False, (0.0, 0.0), (0.0, -16.0), INHALED),
    ]


def _cough(random: np.random.Generator) -> list[Segment]:
    segments: list[Segment] = []
    for place in range(int(random.integers(1, 3))):
        weaker_db = -3.0 * place
        segments += [
            Segment(0.035, False, (0.0, 0.0), (weaker_db, weaker_db - 4.0), OPEN),
            Segment(random.uniform(0.07, 0.11), False, (0.0, 0.0), (weaker_db - 6.0, weaker_db - 12.0), NEUTRAL),
            Segment(random.uniform(0.06, 0.09), True, (3.0, -2.0), (weaker_db - 5.0, weaker_db - 12.0), OPEN),
            Segment(random.uniform(0.09, 0.14), False, (0.0, 0.0), (weaker_db - 18.0, weaker_db - 40.0), NEUTRAL),
        ]
    return segments


def _hum(random: np.random.Generator) -> list[Segment]:
    start_st, turn_st, end_st = random.uniform(-1.0, 1.0), random.uniform(1.5, 3.5), random.uniform(-3.0, -1.0)
    return [
        Segment(random.uniform(0.18, 0.28), True, (start_st, turn_st), (-6.0, 0.0), NASAL),
        Segment(random.uniform(0.28, 0.45), True, (turn_st, end_st), (0.0, -10.0), NASAL),
    ]


SOUNDS: dict[Tag, Callable[[np.random.Generator], list[Segment]]] = {
    "[laugh]": _laugh,
    "[sigh]": _sigh,
    "[breath]": _breath,
    "[cough]": _cough,
    "[hum]": _hum,
}


def trimmed(carrier: Carrier) -> Carrier:
    """The carrier without the silence after its last word."""
    if carrier.phones[-1].label != SILENCE:
        return carrier
    end_s = carrier.phones[-1].start_s
    return replace(carrier, samples=carrier.samples[: round(end_s * carrier.rate_hz)], phones=carrier.phones[:-1])


def joined(carriers: Sequence[Carrier]) -> Carrier:
    """Carriers of one rate one after another; silences that meet are one phone, and no gap is left between phones."""
    phones: list[CarrierPhone] = []
    start_s = 0.0
    for carrier in carriers:
        for phone in carrier.phones:
            moved = replace(phone, start_s=phone.start_s + start_s, end_s=phone.end_s + start_s)
            if phones and phones[-1].label == moved.label == SILENCE:
                moved = replace(moved, start_s=phones.pop().start_s)
            if phones:
                phones[-1] = replace(phones[-1], end_s=moved.start_s)
            phones.append(moved)
        start_s += len(carrier.samples) / carrier.rate_hz
    samples = np.concatenate([carrier.samples for carrier in carriers])
    return Carrier(samples, carriers[0].rate_hz, tuple(phones), any(carrier.switched for carrier in carriers))
