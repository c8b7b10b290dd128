"""From a score to phrases, and from phrases to what espeak-ng is asked to say.

A phrase is what is said in one breath: words, each with the stretches of its syllables, first note to last slur.
"""

from dataclasses import dataclass

from schemas.score import Score
from schemas.script import Language
from stages.backends.espeak_carrier import CarrierRequest
from stages.backends.espeak_text import english_text, mandarin_readings, mandarin_text

Stretch = tuple[float, float]
"""Start and end in seconds from beat 0."""

MOST_WORDS = 12
"""Words in a phrase; a longer one is said in parts."""
SINGING_VOICES = {"en": "en-us+klatt4", "zh": "cmn+klatt4"}
RATE_WPM = 125
PITCH, CARRIER_F0_HZ = 70, 111.8
"""espeak-ng's pitch, at range 0, and the f0 at which the klatt voices then speak (measured)."""
LEVEL_TONE, NEUTRAL_TONE = "1", "5"


@dataclass(frozen=True)
class SungWord:
    """A word as it is said (a Mandarin syllable as pinyin with tone) and the stretches of its syllables."""

    said: str
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class Phrase:
    """Words of one breath; `breath` says whether a breath is taken before them."""

    words: tuple[SungWord, ...]
    breath: bool

    @property
    def stretches(self) -> list[Stretch]:
        return [stretch for word in self.words for stretch in word.stretches]


def phrases_of(score: Score) -> list[Phrase]:
    """The phrases of a score, their words as they are written. A breath within a word begins no phrase."""
    phrases: list[tuple[list[SungWord], bool]] = []
    open_word = False
    for note in score.notes:
        stretch = score.times_s(note)
        if not note.slur and not open_word and (note.breath or not phrases or len(phrases[-1][0]) == MOST_WORDS):
            phrases.append(([], note.breath))
        words = phrases[-1][0]
        if note.slur:
            *before, (start_s, _) = words[-1].stretches
            words[-1] = SungWord(words[-1].said, (*before, (start_s, stretch[1])))
            continue
        said = note.syllable.rstrip("-")
        if open_word:
            words[-1] = SungWord(words[-1].said + said, (*words[-1].stretches, stretch))
        else:
            words.append(SungWord(said, (stretch,)))
        open_word = note.syllable.endswith("-")
    return [Phrase(tuple(words), breath) for words, breath in phrases]


def readable(phrase: Phrase, language: Language) -> Phrase:
    """The phrase as espeak-ng is to read it. Raises UnspeakableTextError for what a Mandarin voice cannot say.

    The melody takes the place of Mandarin's tones, but for the neutral one, whose vowels differ.
    """
    if language == "en":
        return phrase
    readings = mandarin_readings("".join(word.said for word in phrase.words))
    levelled = [reading if reading.endswith(NEUTRAL_TONE) else reading[:-1] + LEVEL_TONE for reading in readings]
    words = (SungWord(said, word.stretches) for said, word in zip(levelled, phrase.words, strict=True))
    return Phrase(tuple(words), phrase.breath)


def request_of(phrase: Phrase, language: Language) -> CarrierRequest:
    """A readable phrase as one utterance without melody. Raises UnspeakableTextError for what cannot be said."""
    said = [word.said for word in phrase.words]
    return _request(english_text(" ".join(said)) if language == "en" else mandarin_text(said), language)


def hum_request(language: Language) -> CarrierRequest:
    """A closed-mouth hum."""
    return _request("[[mmm]]", language)


def _request(text: str, language: Language) -> CarrierRequest:
    return CarrierRequest(text, SINGING_VOICES[language], RATE_WPM, PITCH, 0)
