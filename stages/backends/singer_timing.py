"""When every phone of a song is sung: vowels on the beat, consonants before it, the last ones at the note's end.

Only the steady part of a vowel is stretched, so that what is heard of its neighbours in it keeps its pace. Times are
in seconds from beat 0; sources in the carrier's.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from stages.backends.espeak_carrier import SILENCE, CarrierPhone
from stages.backends.singer_syllables import SONORANTS, Syllable
from stages.backends.world_expression import UNVOICED
from stages.backends.world_vocoder import FRAME_S, Floats

LONGEST_ONSET_S, LONGEST_CODA_S, LONGEST_SONORANT_S = 0.16, 0.14, 0.09
CONSONANT_SHARE = 0.42  # of a note, for the consonants that end it and those that begin the next
ONTO_BEAT = dict.fromkeys(SONORANTS, 0.25) | {"w": 0.08, "j": 0.05, "l": 0.12, "z.": 0.33}
ONTO_BEAT |= {"b": 0.12, "d": 0.1, "g": 0.1}
"""Share of the last consonant before a vowel that lies on the beat: there the sound opens before espeak-ng's label."""
EARLY_S, EARLY_VOWEL_S = 0.002, 0.006
"""A vowel is heard so long after it begins: after a consonant, and where it sets in by itself."""
MOST_SHIFT = 0.2  # of a note: its vowel begins no further from the beat
CONSONANT_DEVIATION = 0.06  # standard deviation of log duration, from take to take
STEADY, FALLING, RISING, LONG = (0.35, 0.65), (0.18, 0.38), (0.6, 0.8), (0.12, 0.3)
"""Where a vowel may be stretched, as shares of it: a monophthong; one that ends, begins elsewhere; a triphthong."""
_FALLING_ENGLISH = ("eI", "aI", "OI", "aU", "oU", "@L", "A@", "o@", "O@", "i@", "i@3", "e@", "U@")
_FALLING_MANDARIN = ("ai", "ei", "Au", "ou", "ong", "@r")
STEADY_PARTS = (
    dict.fromkeys((*_FALLING_ENGLISH, *_FALLING_MANDARIN), FALLING)
    | dict.fromkeys(("iA", "iE", "uo", "u@", "yE", "y&", "y@"), RISING)
    | dict.fromkeys(("aI3", "aI@"), LONG)
)
HEAD_SHARE = 0.35  # of the sung vowel, at most, for its beginning and for its end
WALK_S, WALK_SHARE = 0.07, 0.12  # a knot of the walk in the steady part, and its deviation as a share of that part


@dataclass(frozen=True)
class SungPhone:
    """A phone where it is sung, and which moment of the carrier is heard at which: `source_s` at `target_s`."""

    phone: CarrierPhone
    target_s: tuple[float, ...]
    source_s: tuple[float, ...]
    nucleus: bool = False

    @property
    def voiced(self) -> bool:
        return self.phone.label not in UNVOICED


def moved(phone: CarrierPhone, seconds: float) -> CarrierPhone:
    """The phone so much later."""
    return replace(phone, start_s=phone.start_s + seconds, end_s=phone.end_s + seconds)


def later(item: SungPhone, seconds: float) -> SungPhone:
    """The phone sung so much later."""
    return replace(item, phone=moved(item.phone, seconds), target_s=tuple(at_s + seconds for at_s in item.target_s))


def without_gaps(phones: Sequence[CarrierPhone]) -> list[CarrierPhone]:
    """The phones in order of time, with silence between those that do not meet."""
    whole: list[CarrierPhone] = []
    for phone in sorted(phones, key=lambda phone: phone.start_s):
        if whole and phone.start_s > whole[-1].end_s + 1e-6:
            whole.append(CarrierPhone(SILENCE, whole[-1].end_s, phone.start_s))
        whole.append(phone)
    return whole


def frames_of(phone: CarrierPhone) -> slice:
    """The frames that lie in a phone; every frame between two phones that meet lies in one of them."""
    first, last = (max(0, math.ceil(at_s / FRAME_S - 1e-6)) for at_s in (phone.start_s, phone.end_s))
    return slice(first, last)


def timed(syllables: Sequence[Syllable], notes_s: Sequence[float], random: np.random.Generator) -> list[SungPhone]:
    """The phones of all syllables, in order and without overlap; `notes_s` are the onsets of all notes, slurs too."""
    onsets, codas = _scaled(
        syllables,
        [CONSONANT_SHARE * _last_note_s(syllable, notes_s) for syllable in syllables],
        [_lengths(syllable.onset, LONGEST_ONSET_S, random) for syllable in syllables],
        [_lengths(syllable.coda, LONGEST_CODA_S, random) for syllable in syllables],
    )
    starts_s = [
        syllable.stretch[0] + _late_s(syllable, onset) - float(onset.sum())
        for syllable, onset in zip(syllables, onsets, strict=True)
    ]
    sung: list[SungPhone] = []
    for index, (syllable, onset, coda) in enumerate(zip(syllables, onsets, codas, strict=True)):
        next_s = starts_s[index + 1] if index + 1 < len(syllables) else math.inf
        hanging_s = _unvoiced_end_s(syllable.coda, coda)
        coda_start_s = min(syllable.stretch[1] + hanging_s, next_s) - float(coda.sum())
        sung += _consonants(syllable.onset, onset, starts_s[index])
        sung.append(_nucleus(syllable.nucleus, starts_s[index] + float(onset.sum()), coda_start_s, random))
        sung += _consonants(syllable.coda, coda, coda_start_s)
    return sung


def _scaled(
    syllables: Sequence[Syllable], rooms_s: Sequence[float], onsets: Sequence[Floats], codas: Sequence[Floats]
) -> tuple[list[Floats], list[Floats]]:
    """The lengths of onsets and codas, shortened where there is no room: that of their last note, and a rest after."""
    codas = [
        lengths * _scale(room_s, lengths.sum() - _unvoiced_end_s(syllable.coda, lengths))
        for syllable, room_s, lengths in zip(syllables, rooms_s, codas, strict=True)
    ]
    scales = [1.0]
    for (syllable, following), room_s, coda, onset in zip(
        pairwise(syllables), rooms_s, codas, onsets[1:], strict=False
    ):
        gap_s = following.stretch[0] - syllable.stretch[1]
        scales.append(_scale(gap_s + room_s, coda.sum() + onset.sum()))
    return (
        [lengths * scale for lengths, scale in zip(onsets, scales, strict=True)],
        [lengths * scale for lengths, scale in zip(codas, (*scales[1:], 1.0), strict=True)],
    )


def _scale(room_s: float, wanted_s: float) -> float:
    """What brings the wanted length into the room; 1 where it is there."""
    return min(1.0, room_s / max(float(wanted_s), 1e-9))


def _last_note_s(syllable: Syllable, notes_s: Sequence[float]) -> float:
    """How long the last note of a syllable is, as far as it is the syllable's."""
    start_s, end_s = syllable.stretch
    return end_s - max(start_s, notes_s[bisect_left(notes_s, end_s - 1e-6) - 1])


def _late_s(syllable: Syllable, onset: Floats) -> float:
    """How long after the beat the vowel's label begins so that the vowel is heard on the beat."""
    if syllable.onset:
        late_s = ONTO_BEAT.get(syllable.onset[-1].label, 0.0) * float(onset[-1]) - EARLY_S
    else:
        late_s = -EARLY_VOWEL_S
    most_s = MOST_SHIFT * (syllable.stretch[1] - syllable.stretch[0])
    return min(max(late_s, -most_s), most_s)


def _lengths(phones: Sequence[CarrierPhone], longest_s: float, random: np.random.Generator) -> Floats:
    limits = np.array([LONGEST_SONORANT_S if phone.label in SONORANTS else longest_s for phone in phones])
    natural = np.array([phone.end_s - phone.start_s for phone in phones])
    chance = np.exp(CONSONANT_DEVIATION * np.clip(random.standard_normal(len(phones)), -2.0, 2.0))
    return np.asarray(np.minimum(natural * chance, limits))


def _unvoiced_end_s(phones: Sequence[CarrierPhone], lengths_s: Floats) -> float:
    """How long the unvoiced consonants last that end a coda: they may sound in the rest after the note."""
    length_s = 0.0
    for phone, seconds in zip(reversed(phones), reversed(lengths_s), strict=True):
        if phone.label not in UNVOICED:
            break
        length_s += float(seconds)
    return length_s


def _consonants(phones: Sequence[CarrierPhone], lengths_s: Floats, start_s: float) -> list[SungPhone]:
    sung = []
    for phone, seconds in zip(phones, lengths_s, strict=True):
        end_s = start_s + float(seconds)
        moved = replace(phone, start_s=start_s, end_s=end_s)
        sung.append(SungPhone(moved, (start_s, end_s), (phone.start_s, phone.end_s)))
        start_s = end_s
    return sung


def _nucleus(phone: CarrierPhone, start_s: float, end_s: float, random: np.random.Generator) -> SungPhone:
    """The vowel with its steady part stretched, along a small random walk."""
    natural_s, sung_s = phone.end_s - phone.start_s, end_s - start_s
    first, last = STEADY_PARTS.get(phone.label, STEADY)
    head_s = min(first * natural_s, HEAD_SHARE * sung_s)
    tail_s = min((1.0 - last) * natural_s, HEAD_SHARE * sung_s)
    count = max(2, round((sung_s - head_s - tail_s) / WALK_S))
    place = np.linspace(0.0, 1.0, count)
    place[1:-1] = np.clip(place[1:-1] + WALK_SHARE * random.standard_normal(count - 2), 0.0, 1.0)
    target = start_s + head_s + np.linspace(0.0, 1.0, count) * (sung_s - head_s - tail_s)
    source = phone.start_s + (first + place * (last - first)) * natural_s
    return SungPhone(
        replace(phone, start_s=start_s, end_s=end_s),
        (start_s, *map(float, target), end_s),
        (phone.start_s, *map(float, source), phone.end_s),
        nucleus=True,
    )
