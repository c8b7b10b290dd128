"""Back ends that answer at once, for tests of what lies around them: tones for speech, exact ears, a counting codec."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.script import Character, DialoguePlan, Language, Script, Turn
from schemas.take import SAMPLE_RATE, Codes, Line, Samples, Voice
from stages.backends import registry
from stages.backends.protocols import Hearing, Performance

FAKES = {
    ("script", "fake"): "tests.fakes:FakeWriter",
    ("speech", "fake"): "tests.fakes:ToneSpeech",
    ("transcription", "fake"): "tests.fakes:ExactEars",
    ("quality", "fake"): "tests.fakes:FlatQuality",
    ("codec", "fake"): "tests.fakes:CountingCodec",
}
BACKENDS = {capability: "fake" for capability, _ in FAKES}


def install(monkeypatch: Any) -> None:
    """Register the fakes for one test."""
    for key, place in FAKES.items():
        monkeypatch.setitem(registry.BACKENDS, key, place)


class _Fake:
    name = "fake"
    fingerprint = "fake-1"

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass


class FakeWriter(_Fake):
    """Two turns each; every text names its dialogue in letters, so that no two are near-duplicates."""

    def write(self, plans: Sequence[DialoguePlan]) -> list[Script]:
        return [self._script(plan) for plan in plans]

    def _script(self, plan: DialoguePlan) -> Script:
        digits = f"{plan.seed:019d}"
        spelled = [chr(ord("a") + int(d)) * 2 for d in digits]
        words = {"en": " ".join(spelled), "zh": "".join(chr(0x4E00 + int(d) * 7) for d in digits)}[plan.language]
        question, answer = {"en": ("tell me {} please", "here is {} for you"), "zh": ("请说{}吧", "好的{}")}[
            plan.language
        ]
        turns = (
            Turn(role="user", text=question.format(words), intent="ask"),
            Turn(role="assistant", text=answer.format(words), intent="answer", emotion="happy", intensity=2),
        )
        return Script(plan=plan, topic="test", turns=turns, writer=self.name)


class ToneSpeech(_Fake):
    """A second and a half of a tone; the frequency tells the attempt."""

    def __init__(self, seconds_per_line: float = 0.0) -> None:
        self.seconds_per_line = seconds_per_line

    def design(self, character: Character) -> Voice:
        return Voice(f"fake-{character.character_id}", "fake", {"pitch_hz": 200.0})

    def synthesize(self, lines: Sequence[Line]) -> list[Performance]:
        return [self._tone(line) for line in lines]

    def _tone(self, line: Line) -> Performance:
        time.sleep(self.seconds_per_line)
        seconds = np.arange(int(1.5 * SAMPLE_RATE)) / SAMPLE_RATE
        wave = 8000 * np.sin(2 * np.pi * (200 + 20 * line.attempt) * seconds)
        return Performance(wave.astype(np.int16), SAMPLE_RATE, ())


class ExactEars(_Fake):
    """Hears what was to be said."""

    def transcribe(
        self, clips: Sequence[Samples], texts: Sequence[str], languages: Sequence[Language]
    ) -> list[Hearing]:
        return [Hearing(text, text, 0.0, 1.0, 0.0, 0.0, 0.0) for text in texts]


class FlatQuality(_Fake):
    def score(self, clips: Sequence[Samples]) -> list[dict[str, float]]:
        scores = {"dnsmos_ovrl": 4.0, "dnsmos_sig": 4.0, "dnsmos_bak": 4.0, "dnsmos_p808": 4.0}
        return [dict(scores) for _ in clips]


class CountingCodec(_Fake):
    sample_rate = 16_000
    frame_rate = 12.5
    num_codebooks = 8
    cardinality = 1024

    def encode(self, clips: Sequence[Samples]) -> list[Codes]:
        return [self._codes(-(-len(clip) * 125 // (SAMPLE_RATE * 10))) for clip in clips]

    def _codes(self, frames: int) -> Codes:
        values = (np.arange(frames * 8) % 1024).astype(np.uint16).reshape(frames, 8)
        return Codes(values, self.name, self.sample_rate, self.frame_rate, self.cardinality)

    def decode(self, codes: Sequence[NDArray[np.uint16]]) -> list[Samples]:
        return [np.ones(len(c) * 1280, dtype=np.int16) for c in codes]
