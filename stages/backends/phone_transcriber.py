"""The embedded ears: a phone recognizer with bundled weights (trainer/recognizer.py), compared with dictionaries.

It reports what it heard as phones, and two scores to gate on: `gap`, how much likelier its own reading of the whole
clip is than the reference, and `worst_gap`, the same for the worst word or syllable alone, so that one wrong
syllable in a long line shows.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from schemas.phones import BLANK, INDEX, LABELS, TONES
from schemas.script import LANGUAGES, Language
from schemas.take import Samples
from stages.backends import phone_features, phone_scores
from stages.backends.english_lexicon import english_lexicon, english_reading
from stages.backends.espeak_carrier import EspeakProcess
from stages.backends.phone_scores import LogPosteriors
from stages.backends.protocols import Hearing
from stages.backends.reference_phones import Phones, ReferenceWord, nearest_readings, reference_words, without_tones

if TYPE_CHECKING:
    from stages.backends.phone_net import PhoneNet

WEIGHTS = Path(__file__).parent / "weights" / "recognizer.safetensors"
NEVER = -100.0
"""Log probability of what cannot be."""
GAP_CEILING = 20.0
"""Nats per phone where the reference does not even fit into the clip; a wrong text costs about 10."""


class PhoneTranscriber:
    """Transcriber over phones; sees one clip at a time. Runs torch on one thread, so that sums keep their order."""

    name = "phone-ctc"

    def __init__(self) -> None:
        self._net: PhoneNet | None = None
        self._espeak: EspeakProcess | None = None

    @property
    def fingerprint(self) -> str:
        """Digest of the weights."""
        return hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()

    def open(self) -> None:
        if self._net is not None:
            return
        import torch

        from stages.backends.phone_net import load_phone_net

        torch.set_num_threads(1)
        self._net = load_phone_net(WEIGHTS)

    def close(self) -> None:
        self._net = None
        if self._espeak is not None:
            self._espeak.close()
            self._espeak = None

    def transcribe(
        self, clips: Sequence[Samples], texts: Sequence[str], languages: Sequence[Language], sung: Sequence[bool] = ()
    ) -> list[Hearing]:
        """Raises UnspeakableTextError for a text without a reading in its language."""
        return [self._hear(*each) for each in zip(clips, texts, languages, sung or [False] * len(clips), strict=True)]

    def posteriors(self, clip: Samples) -> LogPosteriors:
        """Log posteriors [T, len(LABELS)] of int16 [N] at 24 kHz, one row every 20 ms."""
        import torch

        if self._net is None:
            raise RuntimeError("PhoneTranscriber is not open")
        with torch.inference_mode():
            result: LogPosteriors = self._net(torch.from_numpy(phone_features.phone_features(clip))[None])[0].numpy()
        return result

    def words(self, text: str, language: Language) -> tuple[ReferenceWord, ...]:
        """What a text should sound like. Raises UnspeakableTextError for one without a reading in its language, and
        ValueError for a language without phones."""
        if language not in LANGUAGES:
            raise ValueError(f"there are no phones for '{language}'; there are for: {', '.join(LANGUAGES)}.")
        return reference_words(text, language, english_lexicon(), self._pronounce)

    def _hear(self, clip: Samples, text: str, language: Language, sung: bool) -> Hearing:
        words = self.words(text, language)
        posteriors = self.posteriors(clip)
        return compare(toneless(posteriors), without_tones(words)) if sung else compare(posteriors, words)

    def _pronounce(self, word: str) -> Phones:
        """The engine's own phones for an English word that CMUdict lacks."""
        if self._espeak is None:
            self._espeak = EspeakProcess()
        return english_reading(word, self._espeak)


def compare(posteriors: LogPosteriors, words: Sequence[ReferenceWord]) -> Hearing:
    """What was heard against the nearest readings of the words."""
    from rapidfuzz.distance import Levenshtein

    own = phone_scores.greedy_labels(posteriors)
    heard = [LABELS[label] for label in own]
    readings = nearest_readings(words, heard)
    reference = [phone for reading in readings for phone in reading]
    gap, worst_gap = _gaps(posteriors, own, [[INDEX[phone] for phone in reading] for reading in readings])
    return Hearing(
        hypothesis=" ".join(heard),
        reference=" ".join(reference),
        error_rate=Levenshtein.distance(heard, reference) / len(reference),
        length_ratio=len(heard) / len(reference),
        fallback_share=sum(word.fallback for word in words) / len(words),
        gap=gap,
        worst_gap=worst_gap,
    )


def toneless(posteriors: LogPosteriors) -> LogPosteriors:
    """The posteriors with the share of the tones given to the blank: in a song the melody takes their place."""
    tones = [INDEX[tone] for tone in TONES]
    blank = INDEX[BLANK]
    without = posteriors.copy()
    without[:, blank] = np.logaddexp.reduce(posteriors[:, [blank, *tones]], axis=1)
    without[:, tones] = NEVER
    return without


def _gaps(posteriors: LogPosteriors, own: Sequence[int], words: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Gap of the whole clip per phone and of its worst word per phone of that word; both at most GAP_CEILING."""
    reference = [label for word in words for label in word]
    try:
        deficits = phone_scores.word_deficits(phone_scores.floored(posteriors), words)
    except ValueError:  # more phones than frames
        return GAP_CEILING, GAP_CEILING
    lost = phone_scores.ctc_loss(posteriors, reference) - phone_scores.ctc_loss(posteriors, own)
    worst = float(np.max(deficits / [len(word) for word in words]))
    return min(lost / len(reference), GAP_CEILING), min(worst, GAP_CEILING)
