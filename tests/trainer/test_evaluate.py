"""Figures of a model: their arithmetic with stubs for ears, voices and codec, and one look with the real ones."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from schemas.take import SAMPLE_RATE
from schemas.tokens import TokenLayout
from stages.backends.protocols import Hearing
from tests import fakes
from tests.trainer import tiny
from trainer import evaluate as evaluating
from trainer.evaluate import Judge, Line, evaluate, score_of, table
from trainer.voices import Voices

CODEC = tiny.CODEC | {"num_codebooks": 8, "cardinality": 1024}


class Ears:
    """Hears the letters of what was to be said, and a phone "x" more where anything sounds."""

    def open(self) -> None:
        pass

    def transcribe(self, audio: Any, spoken: Any, languages: Any, sung: Any) -> list[Any]:
        return [
            heard("x " * bool(one.any()) + " ".join(text), " ".join(text))
            for one, text in zip(audio, spoken, strict=False)
        ]


class Encoder:
    """Every sound is of the first direction."""

    def open(self) -> None:
        pass

    def embed(self, audio: Any) -> list[Any]:
        return [np.eye(tiny.SPEAKER_SIZE, dtype=np.float32)[0] for _ in audio]


def heard(hypothesis: str, reference: str) -> Any:
    return SimpleNamespace(hypothesis=hypothesis, reference=reference)


def dialogue(name: str, user: str, language: str = "en", kind: str = "conversation", **changes: Any) -> Any:
    codes = CODEC
    turns = [
        tiny.turn(f"{name}-u", "user", user, codec=codes),
        tiny.turn(f"{name}-a", "assistant", f"answer {name}", codec=codes, **changes),
    ]
    return tiny.row(name, turns, kind, language=language, codec=codes)


def line(text: str, language: str = "en", **changes: Any) -> Line:
    row = dialogue(text, text, language)
    return Line(row, row["turns"][0] | changes)


@pytest.fixture
def folder(letters: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    fakes.install(monkeypatch)
    monkeypatch.setattr("trainer.generate.MAX_POSITIONS", 60)
    made = tiny.model(TokenLayout(len(letters), 8, 1024))
    made.config.codec = CODEC
    made.save_pretrained(tmp_path / "model")
    letters.save_pretrained(tmp_path / "model")
    Voices.of_corpus(tiny.write_corpus(tmp_path / "rows", {"train": tiny.dialogues()})).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"transcription": Ears, "speaker": Encoder}
    monkeypatch.setattr(evaluating, "load", lambda capability, _: made[capability]())


@pytest.fixture
def judge(folder: Path, stubs: None) -> Judge:
    return Judge(evaluating.Speaker.open(folder))


def test_phone_errors_are_over_all_phones_of_a_language_without_tones() -> None:
    lines = [line("a"), line("b"), line("c", "zh")]
    hearings = [heard("a b c", "a b d"), heard("", "e f g h i"), heard("m a 3", "m a 1")]
    assert evaluating._phone_error_rates(lines, hearings) == {
        "phone error rate, en": 0.75,
        "phone error rate, zh": 0.0,
    }


def test_each_line_goes_with_the_next_of_its_language() -> None:
    a, b, c, d = line("a"), line("b", "zh"), line("c"), line("d")
    assert evaluating._with_others([a, b, c, d]) == [(a, c), (b, b), (c, d), (d, a)]


def test_a_chat_opens_up_to_the_first_answer() -> None:
    turns = [tiny.turn(f"o{n}", role, role) for n, role in enumerate(["user", "user", "assistant", "user"])]
    opening = evaluating._opening(tiny.row("o", turns))
    assert [message.role for message in opening.messages] == ["system", "user", "user", "assistant"]


def test_shares() -> None:
    assert evaluating._share([True, False, False]) == 0.3333
    assert evaluating._share([]) is None


def test_a_column_is_a_score_again() -> None:
    column = tiny.score((60, 0.0, 1.0, "la"), (62, 1.0, 0.5, ""), score_start_s=0.3)
    column["notes"] = [
        note | {"slur": bool(n), "breath": not n, "end_s": 0.2} for n, note in enumerate(column["notes"])
    ]
    score = score_of(column)
    assert (score.tempo_bpm, score.tonic) == (60.0, "C")
    assert [(n.midi, n.syllable, n.slur, n.breath) for n in score.notes] == [
        (60, "la", False, True),
        (62, "", True, False),
    ]


def test_figures_of_speech_are_exact(judge: Judge) -> None:
    lines = [line("ab"), line("abcd")]
    decoded: list[Any] = []
    codec = judge.speaker.codec
    spy = SimpleNamespace(
        sample_rate=codec.sample_rate, decode=lambda codes: decoded.append(codes[0]) or codec.decode(codes)
    )
    judge.speaker.codec = spy
    silent = SimpleNamespace(samples=np.zeros(0, np.int16), rate_hz=16_000, reply=SimpleNamespace(ended=True))
    asked: list[Any] = []
    figures = judge.speech(lines, lambda voice, text: asked.append((voice, text)) or silent)
    assert figures["model"] == {"phone error rate, en": 0.0, "speaker similarity": None, "ended": 1.0}
    similarity = round(float(np.mean([one.speaker[0] for one in lines])), 4)
    assert figures["ceiling"] == {"phone error rate, en": 0.3333, "speaker similarity": similarity}
    assert "ended" not in figures["floor"]
    assert [codes.tolist() for codes in decoded] == [one.codes.tolist() for one in lines]
    assert asked == [(lines[0], lines[0]), (lines[1], lines[1]), (lines[0], lines[1]), (lines[1], lines[0])]


def test_what_is_written_down_is_counted_in_characters(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge.speaker.generator, "reply", lambda prompt, audio: None)
    monkeypatch.setattr(judge.speaker, "spelled", lambda reply: "abc")
    # edits 1 and 3 of 4 + 6 characters; of each other 3 and 3
    assert judge.recognition([line("abcd"), line("abcxyz")]) == {"en": {"model": 0.4, "floor": 0.6}}


def test_all_figures_are_there_of_unseen_sentences_alone(folder: Path, stubs: None, tmp_path: Path) -> None:
    rows = [dialogue("t0", "seen"), dialogue("t1", "unseen"), dialogue("t2", "new", kind="roleplay")]
    corpus = tiny.write_corpus(tmp_path / "c", {"train": [dialogue("a", "seen")], "test": rows}, num_codebooks=8)
    figures = evaluate(folder, corpus)
    assert figures["split"] == {"name": "test", "dialogues": 3, "unseen sentences": 5, "unseen songs": 0}
    assert set(figures["loss"]) == {"conversation", "roleplay", "reading", "tts", "asr"}
    written = table(figures)
    assert written.startswith("Split test: 3 dialogues, 5 unseen sentences, 0 unseen songs.\n\n| figure |")
    assert f"| {figures['replies']['roles']} roles: nearest to its own voice of all | " in written
    for task in ("reading", "tts", "singing"):
        for name, value in figures[task]["model"].items():
            sides = [figures[task][side].get(name, "") for side in ("ceiling", "floor")]
            assert f"| {task}: {name} | {value} | {sides[0]} | {sides[1]} |" in written
    for kind, share in figures["replies"]["well formed"].items():
        assert f"| replies: well formed, {kind} | {share} | | |" in written
    for task, losses in figures["loss"].items():
        assert f"| loss: {task} | {losses['loss']} | | |" in written
    assert f"| asr: character error rate, en | {figures['asr']['en']['model']} | |" in written


def test_the_real_ears_hear_nothing_in_silence(folder: Path) -> None:
    judge = Judge(evaluating.Speaker.open(folder))
    hearings = judge._hearings([line("hello there")], [np.zeros(0, np.int16)])
    assert isinstance(hearings[0], Hearing)
    assert hearings[0].reference
    assert judge._hearings([], []) == []
    noise = np.random.default_rng(0).integers(-3000, 3000, SAMPLE_RATE).astype(np.int16)
    assert np.linalg.norm(judge._vector(noise)) == pytest.approx(1.0, abs=1e-3)
