"""Clips with a fault on purpose: what the ears must catch, for the tests and the benchmark of the recognizer.

A fault of the engine is a carrier request that says something else than the line's text; a cut damages good audio.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from schemas.script import LANGUAGES, Language
from schemas.seeds import generator
from schemas.take import SAMPLE_RATE, Line
from stages.backends.espeak_carrier import SILENCE, CarrierRequest
from stages.backends.espeak_speech import EspeakSpeech, carrier_request, render
from stages.backends.espeak_text import mandarin_readings, mandarin_text
from trainer.clips import Clip, practice_line

POLYPHONES: dict[str, tuple[str, ...]] = {
    **{"长": ("chang2", "zhang3"), "行": ("xing2", "hang2"), "重": ("zhong4", "chong2"), "乐": ("le4", "yue4")},
    **{"得": ("de5", "dei3", "de2"), "都": ("dou1", "du1"), "为": ("wei4", "wei2"), "只": ("zhi3", "zhi1")},
    **{"还": ("hai2", "huan2"), "觉": ("jue2", "jiao4"), "了": ("le5", "liao3"), "着": ("zhe5", "zhao2")},
    **{"好": ("hao3", "hao4"), "种": ("zhong3", "zhong4"), "教": ("jiao4", "jiao1"), "便": ("bian4", "pian2")},
    **{"地": ("di4", "de5"), "数": ("shu4", "shu3"), "处": ("chu4", "chu3"), "中": ("zhong1", "zhong4")},
}
"""Characters with several readings; the fault says another one than the text calls for."""

SPELLED = ("xiong1", "qiong2", "jiong3")
"""Pinyin that espeak-ng 1.52 spells letter by letter in English."""
FOREIGN_WORDS = ("window", "coffee", "yesterday", "nothing", "people", "music", "orange", "letters")
FOREIGN_VOICE = "de+klatt4"

Fault = Callable[[Line, np.random.Generator], CarrierRequest | None]
"""A request that says a line wrongly, or None where the line has no place for the fault."""


def wrong_reading(line: Line, random: np.random.Generator) -> CarrierRequest | None:
    """One polyphone read as it should not be here."""
    tokens, places = _syllables(line)
    characters = [character for character in line.spoken if character.isalnum()]
    found = [(p, c) for p, c in zip(places, characters, strict=True) if tokens[p] in POLYPHONES.get(c, ())]
    if not found:
        return None
    place, character = found[int(random.integers(len(found)))]
    others = [reading for reading in POLYPHONES[character] if reading != tokens[place]]
    tokens[place] = others[int(random.integers(len(others)))]
    return replace(carrier_request(line), text=mandarin_text(tokens))


def spelled_out(line: Line, random: np.random.Generator) -> CarrierRequest | None:
    """One syllable spelled out in English."""
    return _with_word(line, SPELLED[int(random.integers(len(SPELLED)))], random)


def language_switch(line: Line, random: np.random.Generator) -> CarrierRequest | None:
    """One Mandarin syllable said as an English word; an English line said by a German voice."""
    if line.language == "en":
        return replace(carrier_request(line), voice=FOREIGN_VOICE)
    return _with_word(line, FOREIGN_WORDS[int(random.integers(len(FOREIGN_WORDS)))], random)


def dropped_last_word(line: Line, random: np.random.Generator) -> CarrierRequest | None:
    """The last word (English) or syllable (Mandarin) left out."""
    request = carrier_request(line)
    words = request.text.split()
    if len(words) < 2:
        return None
    mark = words[-1][-1] if words[-1][-1] in ",;:.!?" else ""
    return replace(request, text=" ".join(words[:-1]).rstrip(",;:.!?") + mark)


FAULTS: dict[str, tuple[Fault, tuple[Language, ...]]] = {
    "wrong reading of a polyphone": (wrong_reading, ("zh",)),
    "syllable spelled out in English": (spelled_out, ("zh",)),
    "language switch": (language_switch, LANGUAGES),
    "dropped last word": (dropped_last_word, LANGUAGES),
}


def _syllables(line: Line) -> tuple[list[str], list[int]]:
    """The engine's Mandarin tokens, and which of them are syllables."""
    tokens = list(mandarin_readings(line.spoken))
    return tokens, [place for place, token in enumerate(tokens) if token[-1].isdigit()]


def _with_word(line: Line, word: str, random: np.random.Generator) -> CarrierRequest:
    """The Mandarin line with a random syllable replaced by a word that espeak-ng reads as it stands."""
    request = carrier_request(line)
    syllables = request.text.split()
    place = int(random.integers(len(syllables)))
    mark = re.search(r"[,;:.!?]*$", syllables[place])
    syllables[place] = word + (mark.group() if mark else "")
    return replace(request, text=" ".join(syllables))


def faulty_clips(namespace: str, fault_name: str, count: int) -> Iterator[Clip]:
    """So many plain clips with the fault; their lines still carry the text that should have been said."""
    fault, languages = FAULTS[fault_name]
    engine = EspeakSpeech()
    engine.open()
    try:
        made = index = 0
        while made < count:
            line = practice_line(engine, namespace, index, style="plain")
            request = fault(line, generator("fault", fault_name, index)) if line.language in languages else None
            if request is not None:
                performance = render(line, engine.speak(request))
                yield Clip(line, performance.samples, performance.phones)
                made += 1
            index += 1
    finally:
        engine.close()


def _stretch(clip: Clip, start: float, end: float) -> tuple[float, float]:
    """From when to when a stretch of the clip's speech lasts, in s; given in shares of the time from its first phone to
    its last."""
    phones = [phone for phone in clip.phones if phone.label != SILENCE]
    first_s, length_s = phones[0].start_s, phones[-1].end_s - phones[0].start_s
    return first_s + start * length_s, first_s + end * length_s


def without(clip: Clip, start: float, end: float) -> Clip:
    """The clip without this stretch of its speech.

    What follows the last share goes too: a cut at the end takes the silence after the speech with it.
    """
    low, high = (round(time_s * SAMPLE_RATE) for time_s in _stretch(clip, start, end))
    rest = clip.samples[high:] if end < 1 else clip.samples[:0]
    return replace(clip, samples=np.concatenate([clip.samples[:low], rest]))


def repeated(clip: Clip, start: float, end: float) -> Clip:
    """The clip with this stretch of its speech said twice."""
    low, high = (round(time_s * SAMPLE_RATE) for time_s in _stretch(clip, start, end))
    return replace(clip, samples=np.concatenate([clip.samples[:high], clip.samples[low:]]))


@dataclass(frozen=True)
class Cut:
    """What is done to a stretch of a clip's speech."""

    do: Callable[[Clip, float, float], Clip]
    start: float
    end: float

    def __call__(self, clip: Clip) -> Clip:
        return self.do(clip, self.start, self.end)

    def audible(self, clip: Clip) -> bool:
        """Whether a whole phone is in the stretch: the middle of a short word, or a pause, need not hold one."""
        low_s, high_s = _stretch(clip, self.start, self.end)
        return any(low_s <= p.start_s and p.end_s <= high_s and p.label != SILENCE for p in clip.phones)


CUTS: dict[str, Cut] = {
    "20 % cut": Cut(without, 0.8, 1.0),
    "middle 15 % missing": Cut(without, 0.425, 0.575),
    "25 % repeated": Cut(repeated, 0.4, 0.65),
}
