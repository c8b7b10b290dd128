from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter

from schemas.script import Character, Turn
from schemas.take import SAMPLE_RATE, Line, Samples, Voice


@pytest.fixture
def make_line() -> Callable[..., Line]:
    """Builds a line; fields of `Line` by keyword, and `style` of its turn."""

    def make(style: str = "plain", **changes: Any) -> Line:
        speaker = Character(
            character_id="c1",
            name="Ann",
            language="en",
            age="youth",
            gender="female",
            identity="student",
            personality="calm",
            temperament="warm",
            timbre="bright",
            pace="normal",
        )
        turn = Turn(role="user", text="Hello there.", intent="greet", style=style)
        line = Line("d1", 0, 0, 7, "conversation", "en", turn, "hello there", speaker, Voice("c1", "test", {}))
        return replace(line, **changes)

    return make


@pytest.fixture(scope="session")
def babble() -> Samples:
    """Two seconds of vowels, five a second, from a pulse train through three resonances: speech enough for a VAD."""
    count = 2 * SAMPLE_RATE
    f0_hz = 120 * 2 ** (np.sin(2 * np.pi * 0.8 * np.arange(count) / SAMPLE_RATE) / 6)
    source = np.diff(np.floor(np.cumsum(f0_hz) / SAMPLE_RATE), prepend=0)
    vowels = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480))
    syllables = np.split(source, 10)
    for index, syllable in enumerate(syllables):
        for formant_hz in vowels[index % len(vowels)]:
            radius = np.exp(-np.pi * 90 / SAMPLE_RATE)
            poles = [1, -2 * radius * np.cos(2 * np.pi * formant_hz / SAMPLE_RATE), radius**2]
            syllable = lfilter([1 - radius], poles, syllable)
        syllables[index] = syllable * np.hanning(len(syllable))
    speech = np.concatenate(syllables)
    return (10_000 * speech / np.abs(speech).max()).astype(np.int16)
