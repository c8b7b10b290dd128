"""From a song to what is needed to sound it: the carrier of its words, and when each moment of it is sung."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from schemas.errors import UnspeakableTextError
from schemas.score import Song
from schemas.script import Language
from stages.backends.espeak_carrier import SILENCE, Carrier, CarrierPhone, CarrierRequest
from stages.backends.espeak_tags import joined
from stages.backends.singer_syllables import Syllable, aligned, syllables_of
from stages.backends.singer_timing import EARLY_VOWEL_S, SungPhone, moved, timed
from stages.backends.singer_words import Phrase, Stretch, SungWord, hum_request, phrases_of, readable, request_of

TAIL_S = 0.03  # of the silence after a carrier's last phone
FIRST_BREATH_S = 0.6  # room for the breath before the first phrase

Speak = Callable[[CarrierRequest], Carrier]


@dataclass(frozen=True)
class Arrangement:
    """A carrier, the phones of a song in seconds from beat 0, and the stretches in which there is room for a breath."""

    carrier: Carrier
    sung: tuple[SungPhone, ...]
    breath_rooms_s: tuple[Stretch, ...]


def arranged(song: Song, language: Language, speak: Speak, random: np.random.Generator) -> Arrangement:
    """Raises UnspeakableTextError for words that cannot be said in the language."""
    phrases = phrases_of(song.score)
    if song.hummed:
        carriers = [_said(hum_request(language), speak)]
        hum = _middle(syllables_of(carriers[0].phones)[0].nucleus)
        syllables = [Syllable((), hum, (), stretch) for phrase in phrases for stretch in phrase.stretches]
    else:
        carriers, syllables = _worded([readable(phrase, language) for phrase in phrases], language, speak)
    sung = timed(syllables, [song.score.times_s(note)[0] for note in song.score.notes], random)
    return Arrangement(joined(carriers), tuple(sung), _breath_rooms(phrases, sung))


def _breath_rooms(phrases: Sequence[Phrase], sung: Sequence[SungPhone]) -> tuple[Stretch, ...]:
    """Before the first phone of each phrase that begins with a breath, since the phone before."""
    nuclei = [place for place, item in enumerate(sung) if item.nucleus]
    starts_s = [sung[place].phone.start_s for place in nuclei]
    rooms_s = []
    for phrase in phrases:
        index = bisect_left(starts_s, phrase.stretches[0][0] - EARLY_VOWEL_S)
        if phrase.breath and index < len(nuclei):
            first = nuclei[index]
            while (
                first and not sung[first - 1].nucleus and sung[first - 1].phone.end_s > sung[first].phone.start_s - 1e-6
            ):
                first -= 1
            start_s = sung[first].phone.start_s
            rooms_s.append((sung[first - 1].phone.end_s if first else start_s - FIRST_BREATH_S, start_s))
    return tuple(rooms_s)


def _middle(phone: CarrierPhone) -> CarrierPhone:
    """The middle half of a phone, clear of its neighbours."""
    quarter_s = (phone.end_s - phone.start_s) / 4
    return replace(phone, start_s=phone.start_s + quarter_s, end_s=phone.end_s - quarter_s)


def _worded(phrases: Sequence[Phrase], language: Language, speak: Speak) -> tuple[list[Carrier], list[Syllable]]:
    """The carriers of all phrases, and their syllables, in the time of the carriers joined."""
    carriers: list[Carrier] = []
    syllables: list[Syllable] = []
    for phrase in phrases:
        parts = _parts(phrase, language, speak)
        for carrier, placed in parts:
            offset_s = sum(len(one.samples) / one.rate_hz for one in carriers)
            carriers.append(carrier)
            syllables += [_later(syllable, offset_s) for syllable in placed]
    return carriers, syllables


def _parts(phrase: Phrase, language: Language, speak: Speak) -> list[tuple[Carrier, list[Syllable]]]:
    """The phrase in one carrier if it has the score's syllables, else each word in its own."""
    carrier = _said(request_of(phrase, language), speak)
    syllables = syllables_of(carrier.phones)
    if len(syllables) == len(phrase.stretches):
        return [(carrier, aligned(syllables, phrase.stretches))]
    return _by_words(phrase, language, speak)


def _by_words(phrase: Phrase, language: Language, speak: Speak) -> list[tuple[Carrier, list[Syllable]]]:
    """Each word in a carrier of its own; one without a nucleus is said with the next."""
    parts: list[tuple[Carrier, list[Syllable]]] = []
    waiting: tuple[SungWord, ...] = ()
    for word in phrase.words:
        waiting = (*waiting, word)
        together = Phrase(waiting, breath=False)
        carrier = _said(request_of(together, language), speak)
        if syllables := syllables_of(carrier.phones):
            parts.append((carrier, aligned(syllables, together.stretches)))
            waiting = ()
    if waiting:
        raise UnspeakableTextError(f"espeak-ng finds nothing to sing in: {' '.join(word.said for word in waiting)}")
    return parts


def _said(request: CarrierRequest, speak: Speak) -> Carrier:
    """The carrier without the pause at its end."""
    carrier = speak(request)
    if carrier.switched:
        raise UnspeakableTextError(f"espeak-ng would switch language in: {request.text}")
    said = [phone for phone in carrier.phones if phone.label != SILENCE]
    end_s = said[-1].end_s + TAIL_S if said else TAIL_S
    kept = carrier.samples[: round(end_s * carrier.rate_hz)]
    phones = [phone for phone in carrier.phones if phone.start_s < end_s - TAIL_S]
    end = CarrierPhone(SILENCE, end_s - TAIL_S, len(kept) / carrier.rate_hz)
    return replace(carrier, samples=kept, phones=(*phones, end))


def _later(syllable: Syllable, seconds: float) -> Syllable:
    """The syllable in the time of a carrier in which its own begins so late."""
    return Syllable(
        tuple(moved(phone, seconds) for phone in syllable.onset),
        moved(syllable.nucleus, seconds),
        tuple(moved(phone, seconds) for phone in syllable.coda),
        syllable.stretch,
    )
