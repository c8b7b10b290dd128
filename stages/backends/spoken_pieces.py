"""Long texts for engines that lose their way in them: cut at the ends of sentences, said one after another, joined."""

import re
import warnings
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from schemas.script import Language
from stages.backends.protocols import Performance

LONGEST: dict[Language, int] = {"en": 400, "zh": 120}
"""Characters of a piece: half a minute of speech, about the longest clips that such engines are trained on."""

PAUSE_MS = 250
"""Between two pieces; the silence that each brings at the joint is cut away."""
SILENCE_DBFS = -50.0

ENDS: dict[Language, tuple[str, ...]] = {
    "en": (r"(?<=[.!?])[\"')]*\s+", r"(?<=[,;:])\s+", r"\s+"),
    "zh": (r"(?<=[。！？])(?![。！？”’])|(?<=[。！？][”’])", r"(?<=[，；：、])", r"(?<=\S)(?=\S)"),
}
"""Where a text may be cut: at the ends of sentences; a sentence that is too long after a comma, at last anywhere
between words or characters."""


def pieces(text: str, language: Language) -> list[str]:
    """The text in pieces of at most LONGEST characters, but for a word that is longer, and marks without a word, which
    stay with the piece before; a short text is one piece."""
    return [text] if len(text) <= LONGEST[language] else _cut(text, language, ENDS[language])


def _cut(text: str, language: Language, ends: Sequence[str]) -> list[str]:
    most, glue = LONGEST[language], " " if language == "en" else ""
    packed: list[str] = []
    for part in _parts(text, ends[0]):
        for short in [part] if len(part) <= most or len(ends) == 1 else _cut(part, language, ends[1:]):
            mute = not any(character.isalnum() for character in short)
            if packed and (mute or len(packed[-1]) + len(glue) + len(short) <= most):
                packed[-1] += glue + short
            else:
                packed.append(short)
    return packed


def _parts(text: str, end: str) -> list[str]:
    """The text cut behind each end; closing quotes stay with what they close, spaces go."""
    borders = [0, *(match.end() for match in re.finditer(end, text)), len(text)]
    cut = (text[first:last].strip() for first, last in pairwise(borders))
    return [part for part in cut if part]


def joined(performances: Sequence[Performance]) -> Performance:
    """The pieces one after another, PAUSE_MS between them. Raises ValueError for pieces of different rates."""
    if len(performances) == 1:
        return performances[0]
    rates = sorted({performance.rate_hz for performance in performances})
    if len(rates) > 1:
        raise ValueError(f"the synthesizer gave the pieces of one text at {' and '.join(map(str, rates))} Hz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydub looks for ffmpeg, which PCM does not need
        from pydub import AudioSegment
        from pydub.silence import detect_leading_silence

    def edge_ms(segment: AudioSegment) -> int:
        return int(detect_leading_silence(segment, SILENCE_DBFS, chunk_size=5))

    whole = AudioSegment.empty()
    for place, performance in enumerate(performances):
        segment = AudioSegment(performance.samples.tobytes(), sample_width=2, frame_rate=rates[0], channels=1)
        first_ms = 0 if place == 0 else edge_ms(segment)
        last_ms = len(segment) if place == len(performances) - 1 else len(segment) - edge_ms(segment.reverse())
        if place:
            whole = whole.append(AudioSegment.silent(PAUSE_MS, frame_rate=rates[0]), crossfade=0)
        whole = whole.append(segment[first_ms:last_ms], crossfade=0) if place else segment[first_ms:last_ms]
    return Performance(np.frombuffer(whole.raw_data, np.int16).copy(), rates[0], ())
