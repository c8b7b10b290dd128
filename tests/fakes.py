"""Back ends that answer at once, for tests of what lies around them: tones for speech, exact ears, a counting codec.

They fail where the file that TROUPE_FAKE_FAULTS names says so: {"speech": {"record id": "hang", ...}, ...}, read at
every call, so that a test can break and mend them while a build runs, in all its processes. Each take carries a mark
of its id in its first samples: by it the ears, the scorer and the codec know whose turn it is to fail.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from schemas.score import Note, Score, Song, hertz, lyric
from schemas.script import Character, DialoguePlan, Language, Script, Turn
from schemas.tags import Tag
from schemas.take import SAMPLE_RATE, Codes, Line, Samples, Vector, Voice
from stages.backends import registry
from stages.backends.protocols import Hearing, Performance, ScriptVerdict, Written

FAKES = {
    ("script", "fake"): "tests.fakes:FakeWriter",
    ("script_judge", "fake"): "tests.fakes:FakeJudge",
    ("speech", "fake"): "tests.fakes:ToneSpeech",
    ("singing", "fake"): "tests.fakes:ToneSinging",
    ("transcription", "fake"): "tests.fakes:ExactEars",
    ("quality", "fake"): "tests.fakes:FlatQuality",
    ("speaker", "fake"): "tests.fakes:OneSpeaker",
    ("codec", "fake"): "tests.fakes:CountingCodec",
}
BACKENDS = {capability: "fake" for capability, _ in FAKES}


def install(monkeypatch: Any) -> None:
    """Register the fakes for one test."""
    for key, place in FAKES.items():
        monkeypatch.setitem(registry.BACKENDS, key, place)


FAULTS = "TROUPE_FAKE_FAULTS"
MARK_SAMPLES = 4
Fault = Literal["raise", "hang", "nan", "silence", "length", "rate"]


def mark(record_id: str) -> Samples:
    """Four quiet samples that tell the record's id: int16 [4]."""
    return np.frombuffer(hashlib.sha256(record_id.encode()).digest()[:MARK_SAMPLES], np.uint8).astype(np.int16)


def fault_of(capability: str, record: str | Samples) -> str:
    """The fault that is asked for on a record, or on a clip of it; "" for none. Raises and hangs by itself."""
    path = os.environ.get(FAULTS)
    wanted = json.loads(Path(path).read_text()).get(capability, {}) if path and Path(path).exists() else {}
    for record_id, fault in wanted.items():
        mine = record == record_id if isinstance(record, str) else (record[:MARK_SAMPLES] == mark(record_id)).all()
        if mine and fault == "raise":
            raise RuntimeError(f"the fake {capability} breaks")
        if mine and fault == "hang":
            time.sleep(3600)
        if mine:
            return str(fault)
    return ""


class _Fake:
    name = "fake"
    fingerprint = "fake-1"

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass


class FakeWriter(_Fake):
    """Two turns each, in singing a song too; every text names its dialogue in letters, so that no two are alike."""

    def write(self, plans: Sequence[DialoguePlan]) -> list[Written | Exception]:
        return [self._written(plan) for plan in plans]

    def _written(self, plan: DialoguePlan) -> Any:
        fault = fault_of("script", plan.dialogue_id)
        script = self._script(plan)
        if fault == "silence":
            return None
        if fault == "length":
            return Written(script.model_copy(update={"plan": plan.model_copy(update={"dialogue_id": "another"})}))
        return Written(script)

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
        return Script(plan=plan, topic="test", turns=turns + self._sung(plan), writer=self.name)

    def _sung(self, plan: DialoguePlan) -> tuple[Turn, ...]:
        if plan.kind != "singing":
            return ()
        syllable = {"en": "la", "zh": "啦"}[plan.language]
        notes = (Note(midi=60 + 2 * n, onset_beats=n, duration_beats=1, syllable=syllable) for n in range(3))
        score = Score(tempo_bpm=60, tonic="C", notes=tuple(notes))
        song = Song(song_id=plan.scene, title="La", origin="test", source="test", licence="CC0-1.0", score=score)
        return (Turn(role="assistant", text=lyric(score), intent="sing", song=song),)


class FakeJudge(_Fake):
    """Finds everything perfect."""

    def judge(self, scripts: Sequence[Script]) -> list[Any]:
        return [self._verdict(fault_of("script_judge", script.dialogue_id)) for script in scripts]

    def _verdict(self, fault: str) -> Any:
        scores = {"": 1.0, "nan": math.nan, "length": 7.0}
        return ScriptVerdict(None, scores[fault]) if fault in scores else None


class ToneSpeech(_Fake):
    """A second and a half of a tone; the frequency tells the attempt. It can sigh, and nothing else of the kind."""

    tags: Mapping[Tag, str] = {"[sigh]": "[sigh]"}

    def __init__(self, seconds_per_line: float = 0.0) -> None:
        self.seconds_per_line = seconds_per_line

    def design(self, character: Character) -> Voice:
        fault = fault_of("voice", character.character_id)
        return Voice(f"fake-{character.character_id}", "fake", {"pitch_hz": math.nan if fault == "nan" else 200.0})

    def synthesize(self, lines: Sequence[Line]) -> list[Performance]:
        return [self._tone(line) for line in lines]

    def _tone(self, line: Line) -> Performance:
        time.sleep(self.seconds_per_line)
        seconds = np.arange(int(1.5 * SAMPLE_RATE)) / SAMPLE_RATE
        wave: Any = (8000 * np.sin(2 * np.pi * (200 + 20 * line.attempt) * seconds)).astype(np.int16)
        wave[:MARK_SAMPLES] = mark(line.take_id)
        fault = fault_of("speech", line.take_id)
        wave = {"nan": wave * np.nan, "silence": 0 * wave, "length": wave[:100]}.get(fault, wave)
        return Performance(wave, 1 if fault == "rate" else SAMPLE_RATE, ())


class ToneSinging(_Fake):
    """Tones of the score's pitches, beat 0 a fifth of a second into the take."""

    lead_s = 0.2

    def sing(self, lines: Sequence[Line]) -> list[Performance]:
        return [self._tones(line) for line in lines]

    def _tones(self, line: Line) -> Performance:
        song = line.turn.song
        assert song is not None
        wave = np.zeros(int((2 * self.lead_s + song.score.duration_s) * SAMPLE_RATE))
        for note in song.score.notes:
            start_s, end_s = song.score.times_s(note)
            first, last = (round((self.lead_s + at) * SAMPLE_RATE) for at in (start_s, end_s))
            cycles = np.arange(last - first) / SAMPLE_RATE * hertz(note.midi)
            wave[first:last] = 6000 * np.sin(2 * np.pi * cycles)
        samples: Any = wave.astype(np.int16)
        samples[:MARK_SAMPLES] = mark(line.take_id)
        fault = fault_of("singing", line.take_id)
        samples = {"nan": samples * np.nan, "silence": 0 * samples, "length": samples[:100]}.get(fault, samples)
        return Performance(samples, 1 if fault == "rate" else SAMPLE_RATE, (), self.lead_s)


class ExactEars(_Fake):
    """Hears what was to be said."""

    def transcribe(
        self, clips: Sequence[Samples], texts: Sequence[str], languages: Sequence[Language], sung: Sequence[bool] = ()
    ) -> list[Hearing]:
        heard = [self._hearing(fault_of("transcription", clip), text) for clip, text in zip(clips, texts, strict=True)]
        return [hearing for hearing in heard if hearing is not None]

    def _hearing(self, fault: str, text: str) -> Hearing | None:
        return (
            None
            if fault == "length"
            else Hearing(text, text, math.nan if fault == "nan" else 0.0, 1.0, 0.0, 0.0, 0.0, tags=("HAPPY",))
        )


class FlatQuality(_Fake):
    def score(self, clips: Sequence[Samples]) -> list[dict[str, float]]:
        scored = [self._scores(fault_of("quality", clip)) for clip in clips]
        return [scores for scores in scored if scores]

    def _scores(self, fault: str) -> dict[str, float]:
        scores = {"dnsmos_ovrl": 4.0, "dnsmos_sig": 4.0, "dnsmos_bak": 4.0, "dnsmos_p808": 4.0}
        return {} if fault == "length" else scores | ({"dnsmos_ovrl": math.nan} if fault == "nan" else {})


class OneSpeaker(_Fake):
    """Everybody sounds the same."""

    width = 4

    def embed(self, clips: Sequence[Samples]) -> list[Vector]:
        return [vector for clip in clips for vector in self._vectors(fault_of("speaker", clip))]

    def _vectors(self, fault: str) -> list[Vector]:
        vector = np.full(self.width, math.nan if fault == "nan" else 0.5, np.float32)
        return [] if fault == "length" else [vector]


class CountingCodec(_Fake):
    sample_rate = 16_000
    frame_rate = 12.5
    num_codebooks = 8
    cardinality = 1024

    def encode(self, clips: Sequence[Samples]) -> list[Codes]:
        return [self._codes(-(-len(clip) * 125 // (SAMPLE_RATE * 10)), fault_of("codec", clip)) for clip in clips]

    def _codes(self, frames: int, fault: str) -> Codes:
        frames -= fault == "length"
        values: Any = (np.arange(frames * 8) % 1024).astype(np.uint16).reshape(frames, 8)
        values = values * np.nan if fault == "nan" else values
        rate = 1 if fault == "rate" else self.sample_rate
        return Codes(values, self.name, rate, self.frame_rate, self.cardinality)

    def decode(self, codes: Sequence[NDArray[np.uint16]]) -> list[Samples]:
        return [np.ones(len(c) * 1280, dtype=np.int16) for c in codes]
