"""The trainer's commands as a user meets them: options, exit codes, what is printed, one clear paragraph."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch

from pipelines.command_line import main
from tests import fakes
from tests.trainer import tiny
from trainer import commands, speak, train
from trainer.model import SIZES
from trainer.train import Plan


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A size that trains in no time, on one core, with tokenizers of bytes."""
    monkeypatch.setitem(SIZES, "tiny", tiny.BACKBONE)
    monkeypatch.setattr(train, "train_tokenizer", lambda _: tiny.letters())
    monkeypatch.setattr(commands, "_all_cores", lambda: None)
    fakes.install(monkeypatch)


def paragraph(capsys: pytest.CaptureFixture[str]) -> str:
    """What went to stderr: a single line of ours."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("troupe:")]
    assert len(lines) == 1
    return lines[0]


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that would have been carried out."""
    made: list[Plan] = []
    record = {"steps": 7, "left out of the last epoch": {"counts": {"tts": 2, "asr": 1}, "first": list("abcd")}}
    monkeypatch.setattr(train, "train", lambda plan: made.append(plan) or record)
    return made


def test_train_does_what_its_defaults_say(plans: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "corpus", "--out", "model"]) == 0
    assert plans == [Plan("corpus", Path("model"))]
    said = capsys.readouterr()
    assert said.out == "model: 7 steps; speak with: troupe speak model 'Hello.' --out hello.wav\n"
    assert said.err.splitlines()[-2:] == [
        "troupe: 2 samples of tts are longer than 2048 positions and were left out, the first: a, b, c",
        "troupe: 1 samples of asr are longer than 2048 positions and were left out, the first: a, b, c",
    ]


def test_train_hands_on_every_option(plans: list[Plan]) -> None:
    options = "--size mini --stage 1 --steps 5 --learning-rate 0.5 --positions 64 --accumulate 2 --seed 9"
    others = ["--bf16", "--samples-every", "3", "--resume", "--weights", "tts=2, asr=0.5"]
    assert main(["train", "c", "--out", "m", *options.split(), *others]) == 0
    assert plans == [
        Plan(
            corpus="c",
            out=Path("m"),
            size="mini",
            stage="1",
            steps=5,
            learning_rate=0.5,
            positions=64,
            accumulate=2,
            seed=9,
            bf16=True,
            weights={"tts": 2.0, "asr": 0.5},
            samples_every=3,
            resume=True,
        )
    ]


def test_train_then_speak(corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model"
    given = ["--size", "tiny", "--steps", "2", "--positions", "256"]
    assert main(["train", corpus, "--out", str(out), *given]) == 0
    assert json.loads((out / "training.json").read_text("utf-8"))["steps"] == 2
    assert f"{out}: 2 steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--weights", "tts"], "--weights tts: write task=number, as in tts=2,asr=0.5."),
        (["--weights", "tts=two"], "--weights tts=two: write task=number"),
        (["--weights", "tts=-1"], "--weights tts=-1: write task=number"),
        (["--weights", "tts=nan"], "--weights tts=nan: write task=number"),
        (["--weights", "tts=inf"], "--weights tts=inf: write task=number"),
        (["--weights", "sing=1"], "--weights sing: there is no such task"),
        (["--stage", "9"], "--stage 9: there is no such stage"),
        (["--size", "huge"], "--size huge: give one of nano, mini, small"),
        (["--size", "tiny", "--resume"], "--resume: there is no checkpoint in"),
    ],
)
def test_what_cannot_be_trained_is_one_paragraph(
    corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], words: str
) -> None:
    assert main(["train", corpus, "--out", str(tmp_path / "model"), "--size", "tiny", "--steps", "1", *given]) == 2
    assert words in paragraph(capsys)


def test_rows_too_short_for_every_sample(corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--out", str(tmp_path / "model"), "--size", "tiny", "--steps", "1", "--positions", "5"]
    assert main(["train", corpus, *given]) == 2
    assert "has no sample of at most 5 positions" in capsys.readouterr().err


@pytest.fixture
def model(letters: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model of random weights on disk, whose replies are short."""
    from schemas.tokens import TokenLayout
    from trainer.voices import Voices

    torch.manual_seed(0)
    monkeypatch.setattr("trainer.generate.MAX_POSITIONS", 60)
    made = tiny.model(TokenLayout(len(letters), 8, 1024))
    made.config.codec = tiny.CODEC | {"num_codebooks": 8, "cardinality": 1024}
    folder = tmp_path / "speaks"
    made.save_pretrained(folder)
    letters.save_pretrained(folder)
    rows = tiny.write_corpus(tmp_path / "rows", {"train": tiny.dialogues()})
    Voices.of_corpus(rows).save(folder)
    return str(folder)


def test_speak_writes_a_file_and_says_what_was_spoken(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "hello.wav"
    assert main(["speak", model, "Hello.", "--out", str(out)]) == 0
    said = capsys.readouterr()
    seconds = soundfile.info(out).duration
    assert said.out == f"{out}: {seconds:.1f} s: Hello.\n"
    assert "troupe: the model did not come to an end and was cut off." in said.err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([""], "--task tts: there is nothing to say: give a text."),
        (["a", "--task", "sing"], "--song NAME goes with --task sing"),
        (["--song", "nosong"], "--song nosong: there is no such song; the songbook has: amazing-grace, "),
        (["a", "--role", "a pirate"], "--role 'a pirate': the model knows no such character; it knows: d2-assistant."),
    ],
)
def test_what_cannot_be_spoken_is_one_paragraph(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], words: str
) -> None:
    assert main(["speak", model, *given, "--out", str(tmp_path / "a.wav")]) == 2
    assert words in paragraph(capsys)
    assert not (tmp_path / "a.wav").exists()


def test_a_folder_for_the_sound_that_is_not_there(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["speak", model, "Hello.", "--out", str(tmp_path / "no" / "a.wav")]) == 2
    assert f"{tmp_path}/no/a.wav: cannot be written" in paragraph(capsys)


def test_the_model_that_comes_along_is_meant_by_nano(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert commands._folder("nano") == speak.BUNDLED
    (tmp_path / "nano").mkdir()
    assert commands._folder("nano") == Path("nano")
    assert commands._folder("other") == Path("other")


def test_weights_are_read_from_a_list() -> None:
    assert commands._weights("") == {}
    assert commands._weights("tts=2,asr=0.5,") == {"tts": 2.0, "asr": 0.5}


def test_asking_for_help_loads_no_torch() -> None:
    script = (
        "import argparse, sys; from trainer.commands import add_commands; "
        "add_commands(argparse.ArgumentParser().add_subparsers()); "
        "sys.exit(bool({'torch', 'transformers'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
