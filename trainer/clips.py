"""Practice clips: random words by random voices in every mood, spoken by the pipeline's own synthesizer.

The recognizer, the codec and the calibration are made from such clips. A clip depends on (namespace, index) alone;
two namespaces share neither voices nor sentences, so what was fitted on one can be measured on another.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from schemas.script import AGES, EMOTIONS, GENDERS, LANGUAGES, PACES, Character, Language, Style, Turn
from schemas.seeds import derive_seed, generator
from schemas.tags import TAGS
from schemas.take import SAMPLE_RATE, Line, Samples, Span
from stages.backends.english_lexicon import english_lexicon
from stages.backends.espeak_carrier import Carrier
from stages.backends.espeak_speech import EspeakSpeech, carrier_request
from stages.backends.espeak_voice import VOICE_TABLE
from stages.normalize_text import normalize, normalize_tagged

WORDS = Path(__file__).with_name("practice_words.toml")
RARE_SHARE = {"en": 0.4, "zh": 0.5}
"""Share of words drawn from the dictionary rather than from the common ones: phonetic breadth."""
LONGEST_WORDS = {"en": 13, "zh": 8}
STYLE_SHARES: dict[Style, float] = {"plain": 0.86, "whisper": 0.07, "shout": 0.07}
NEUTRAL_SHARE = 0.3
MARKS = {"en": (", ", ".", "?", "!"), "zh": ("，", "。", "？", "！")}
DESCRIBED_SHARE = {"timbre": 0.8, "temperament": 0.8, "personality": 0.8, "identity": 0.3, "species": 0.12}
"""How often a part of a voice's description says something."""
WORD_GROUPS = {"temperament": "manner", "personality": "manner"}
"""Where the engine's table of voices keeps the words of a part that are not under its own name."""
CLIPS_A_VOICE = 4
TAG_SHARE = 0.02
"""Of the gaps between words: about every seventh clip has a tag."""
SLICE = 16
"""Clips that a process makes before it starts its engine afresh."""


@dataclass(frozen=True)
class Clip:
    """A practice line and what the synthesizer made of it: int16 [N] at 24 kHz, and its own phone labels."""

    line: Line
    samples: Samples
    phones: tuple[Span, ...]


Maker = Callable[[str, Sequence[int]], Iterator[Clip]]
"""(Namespace, indices) -> their clips."""


@cache
def vocabulary(language: Language) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Common words, and words of the dictionary."""
    common = tuple(tomllib.loads(WORDS.read_text())[language].split())
    if language == "en":
        return common, _inflected_words()
    from pypinyin.phrases_dict import phrases_dict

    return common, tuple(phrase for phrase in sorted(phrases_dict) if re.fullmatch(r"[\u4e00-\u9fff]{2,4}", phrase))


def _inflected_words() -> tuple[str, ...]:
    """Words that CMUdict lists with -s, -ed and -ing, and these forms: its many family names have no such forms."""
    listed = english_lexicon()
    families = (
        (word, word + "s", word.removesuffix("e") + "ed", word.removesuffix("e") + "ing")
        for word in sorted(listed)
        if word.isalpha()
    )
    return tuple(word for family in families if all(word in listed for word in family) for word in family)


def practice_text(random: np.random.Generator, language: Language) -> str:
    """Words in random order, with a comma or a tag at times: the ear must not learn to guess a sentence, nor to take a
    laugh for words."""
    common, rare = vocabulary(language)
    comma, *stops = MARKS[language]
    count = int(random.integers(1, LONGEST_WORDS[language] + 1))
    text = ""
    for position in range(count):
        words = rare if random.random() < RARE_SHARE[language] else common
        gap = comma if random.random() < 0.12 else " " if language == "en" else ""
        text += (gap if position else "") + words[int(random.integers(len(words)))]
        if random.random() < TAG_SHARE:
            text += f" {TAGS[int(random.integers(len(TAGS)))]}"
    return text + stops[int(random.integers(len(stops)))]


def practice_character(namespace: str, index: int, language: Language) -> Character:
    """The voice of a namespace with this index: users and assistants in turn."""
    random = generator("practice voice", namespace, language, index)
    return Character(
        character_id=f"practice-{namespace}-{language}-{'ua'[index % 2]}{index:04d}",
        name="",
        language=language,
        age=AGES[int(random.integers(len(AGES)))],
        gender=GENDERS[int(random.integers(len(GENDERS)))],
        pace=PACES[int(random.integers(len(PACES)))],
        **_description(random, language),
    )


@cache
def _voice_table() -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads(VOICE_TABLE.read_text(encoding="utf-8"))


def _description(random: np.random.Generator, language: Language) -> dict[str, str]:
    """The parts of a description, each empty or a word that the engine's table of voices knows."""
    parts = {}
    for part, share in DESCRIBED_SHARE.items():
        entries = _voice_table()[WORD_GROUPS.get(part, part)]
        listed = entries[int(random.integers(len(entries)))]["any"]
        words = [word for word in listed if word.isascii() == (language == "en")]
        parts[part] = str(random.choice(words)) if random.random() < share else ""
    return parts


def practice_line(
    engine: EspeakSpeech, namespace: str, index: int, *, style: Style | None = None, spoken: str | None = None
) -> Line:
    """The line of a namespace with this index; languages alternate. A style or a text may be prescribed."""
    language = LANGUAGES[index % len(LANGUAGES)]
    random = generator("practice line", namespace, index)
    character = practice_character(namespace, index // len(LANGUAGES) // CLIPS_A_VOICE, language)
    text = spoken or practice_text(random, language)
    drawn: Style = random.choice(list(STYLE_SHARES), p=list(STYLE_SHARES.values()))
    turn = Turn(
        role="user",
        text=text,
        intent="practice",
        emotion="neutral" if random.random() < NEUTRAL_SHARE else random.choice(EMOTIONS),
        intensity=int(random.integers(1, 4)),
        style=style or drawn,
        pace=random.choice(PACES),
    )
    return Line(
        dialogue_id=f"practice-{namespace}-{index:06d}",
        turn_index=0,
        attempt=0,
        seed=derive_seed("practice", namespace, index),
        kind="conversation",
        language=language,
        turn=turn,
        spoken=normalize(text, language),
        character=character,
        voice=engine.design(character),
        tagged=normalize_tagged(text, language),
    )


def make_clips(namespace: str, indices: Sequence[int], *, style: Style | None = None) -> Iterator[Clip]:
    """The clips of a namespace, in the order of the indices."""
    engine = EspeakSpeech()
    engine.open()
    try:
        for index in indices:
            line = practice_line(engine, namespace, index, style=style)
            performance = engine.synthesize([line])[0]
            yield Clip(line, performance.samples, performance.phones)
    finally:
        engine.close()


def make_carrier_clips(namespace: str, indices: Sequence[int]) -> Iterator[Clip]:
    """Clips of a namespace in espeak-ng's own voice, ten times cheaper: for breadth of words, not of voices.

    The carrier is played faster or slower, which moves its formants and pitch together, and asked for at a rate and
    pitch that give tempo and melody a spread of their own.
    """
    engine = EspeakSpeech()
    engine.open()
    try:
        for index in indices:
            line = practice_line(engine, namespace, index, style="plain")
            random = generator("carrier clip", namespace, index)
            speedup = random.uniform(0.85, 1.35)
            request = replace(
                carrier_request(line),
                rate_wpm=int(random.uniform(120, 230) / speedup),
                pitch=int(random.integers(25, 75)),
                pitch_range=int(random.integers(20, 90)),
            )
            yield _played(line, engine.speak(request), speedup)
    finally:
        engine.close()


def _played(line: Line, carrier: Carrier, speedup: float) -> Clip:
    """The carrier at 24 kHz, played `speedup` times as fast, peaks at half of full scale."""
    samples = soxr.resample(carrier.samples, carrier.rate_hz * speedup, SAMPLE_RATE)
    loud = np.int16(16_000) * samples / max(float(np.abs(samples).max()), 1e-3)
    phones = (Span(phone.label, phone.start_s / speedup, phone.end_s / speedup) for phone in carrier.phones)
    return Clip(line, np.asarray(loud, dtype=np.int16), tuple(phones))


def make_clips_parallel(namespace: str, count: int, processes: int, make: Maker = make_clips) -> list[Clip]:
    """The first `count` clips of a namespace, of whatever sort; the same whatever the number of processes."""
    slices = [range(start, min(start + SLICE, count)) for start in range(0, count, SLICE)]
    with get_context("spawn").Pool(processes) as pool:
        return [clip for part in pool.imap(partial(_listed, make, namespace), slices) for clip in part]


def _listed(make: Maker, namespace: str, indices: Sequence[int]) -> list[Clip]:
    return list(make(namespace, indices))
