"""The real whisper loader over a one-layer model of random weights: what it hears is garbage, how it is asked and what
becomes of its answers is not."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import whisper

from schemas.errors import RecipeError
from schemas.recipe import BackendChoice, Setting
from schemas.take import SAMPLE_RATE, Samples
from stages.backends.clips_16k import at_16_khz
from stages.backends.registry import load
from stages.backends.whisper_transcriber import WhisperTranscriber
from stages.backends.word_errors import units
from tests.stages.backends.whisper_model import write_whisper

TEXT = "good morning to you"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("whisper") / "tiny.pt")


@pytest.fixture(scope="module")
def ears(file: Path) -> Iterator[WhisperTranscriber]:
    made = WhisperTranscriber(str(file), device="cpu")
    made.open()
    yield made
    made.close()


def noise(seconds: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 3000, round(seconds * SAMPLE_RATE)).astype(np.int16)


def test_it_hears_what_the_net_says_greedily_of_the_clip(ears: WhisperTranscriber, file: Path) -> None:
    clip = noise(1.4, 5)
    net = whisper.load_model(str(file), "cpu")
    frames = whisper.log_mel_spectrogram(at_16_khz(clip), 80, padding=480_000)[:, :140]  # 1.4 s
    mel = whisper.pad_or_trim(frames, 3000)
    own = whisper.decode(net, mel, whisper.DecodingOptions(language="en", temperature=0.0, fp16=False))
    (heard,) = ears.transcribe([clip], [TEXT], ["en"])
    assert heard.hypothesis
    assert heard.hypothesis.split() == units(own.text, "en")[: len(heard.hypothesis.split())]
    assert heard.mean_log_probability == pytest.approx(own.avg_logprob, abs=1e-4)
    assert heard.no_speech_probability == pytest.approx(own.no_speech_prob, abs=1e-6)
    assert heard.compression_ratio == pytest.approx(own.compression_ratio)
    assert heard.reference == TEXT
    assert heard.repetition is not None
    assert (heard.tags, heard.language_agrees) == ((), None)


def test_it_is_asked_once_at_temperature_0_in_the_language_without_the_text_before(
    ears: WhisperTranscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    decode = whisper.decode
    monkeypatch.setattr(
        type(ears._model), "decode", lambda net, mel, options: asked.append(options) or decode(net, mel, options)
    )
    ears.transcribe([noise(40)], ["你好"], ["zh"])
    assert len(asked) >= 2  # windows of 30 s
    assert {(o.temperature, o.language, o.fp16, tuple(o.prompt)) for o in asked} == {(0.0, "zh", False, ())}


def test_a_hearing_depends_on_its_clip_alone(ears: WhisperTranscriber) -> None:
    clips = [noise(1.1, 0), noise(1.7, 1), np.zeros(SAMPLE_RATE, np.int16)]
    together = ears.transcribe(clips, [TEXT] * 3, ["en", "zh", "en"])
    assert len({heard.hypothesis for heard in together}) == 3
    assert ears.transcribe(clips[::-1], [TEXT] * 3, ["en", "zh", "en"]) == together[::-1]
    assert ears.transcribe(clips[1:2], [TEXT], ["zh"]) == together[1:2]
    assert ears.transcribe([], [], []) == []


@pytest.mark.parametrize("seconds", [1 / SAMPLE_RATE, 0.01, 40.0])
def test_very_short_and_very_long_clips_are_heard(ears: WhisperTranscriber, seconds: float) -> None:
    (heard,) = ears.transcribe([noise(seconds)], [TEXT], ["en"])
    assert heard.error_rate >= 0.5
    assert heard.length_ratio == len(heard.hypothesis.split()) / 4


def test_nothing_heard_is_a_rate_of_one_without_confidence(
    ears: WhisperTranscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ears, "_ask", lambda clip, language: {"text": "", "segments": []})
    (heard,) = ears.transcribe([noise(1)], [TEXT], ["en"])
    assert (heard.hypothesis, heard.error_rate, heard.length_ratio) == ("", 1.0, 0.0)
    assert (heard.compression_ratio, heard.mean_log_probability, heard.no_speech_probability) == (None, None, None)


def test_confidence_is_the_worst_segment_s_and_the_mean_over_tokens(
    ears: WhisperTranscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = [
        {"tokens": [1, 2, 3], "avg_logprob": -0.2, "compression_ratio": 1.5, "no_speech_prob": 0.3},
        {"tokens": [1], "avg_logprob": -1.0, "compression_ratio": 0.5, "no_speech_prob": 0.1},
    ]
    monkeypatch.setattr(ears, "_ask", lambda clip, language: {"text": TEXT, "segments": segments})
    (heard,) = ears.transcribe([noise(1)], [TEXT], ["en"])
    assert (heard.compression_ratio, heard.no_speech_probability) == (1.5, 0.3)
    assert heard.mean_log_probability == pytest.approx(-0.4)


def test_a_clip_without_samples_and_a_language_without_rules_are_errors(ears: WhisperTranscriber) -> None:
    with pytest.raises(ValueError, match="cannot be heard"):
        ears.transcribe([noise(0)], [TEXT], ["en"])
    with pytest.raises(ValueError, match="no rules to compare texts in 'fr'"):
        ears.transcribe([noise(1)], ["bonjour"], ["fr"])  # type: ignore[list-item]


def test_a_model_of_english_hears_no_mandarin(tmp_path: Path) -> None:
    ears = WhisperTranscriber(str(write_whisper(tmp_path / "tiny.en.pt", "english")), device="cpu")
    ears.open()
    (heard,) = ears.transcribe([noise(1)], [TEXT], ["en"])
    assert heard.hypothesis
    with pytest.raises(RecipeError, match=r"tiny\.en\.pt' hears English only, not 'zh': .*by-language"):
        ears.transcribe([noise(1)], ["你好"], ["zh"])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_dtype_that_whisper_cannot_run_in_is_refused(dtype: str, file: Path) -> None:
    with pytest.raises(RecipeError, match=rf"settings\.dtype: whisper does not run in torch\.{dtype} on 'cpu'"):
        WhisperTranscriber(str(file), device="cpu", dtype=dtype).open()


def test_the_fingerprint_is_of_the_file_not_of_its_place(file: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(file, tmp_path / "copy.pt"))
    assert WhisperTranscriber(str(copy)).fingerprint == WhisperTranscriber(str(file)).fingerprint
    copy.write_bytes(b"another")
    assert WhisperTranscriber(str(copy)).fingerprint != WhisperTranscriber(str(file)).fingerprint
    assert WhisperTranscriber("tiny").fingerprint != WhisperTranscriber("base").fingerprint


def test_weights_that_the_file_lacks_are_an_error(tmp_path: Path) -> None:
    broken = write_whisper(tmp_path / "broken.pt", leave_out="decoder.ln")
    with pytest.raises(RecipeError, match=r"whisper cannot load .*broken\.pt' \(RuntimeError: Error.* state_dict"):
        WhisperTranscriber(str(broken)).open()


def test_a_missing_model_names_what_to_do(tmp_path: Path) -> None:
    wanted = r"backends\.transcription: .*nowhere\.pt' \(RuntimeError: Model .* not found.*settings\.model to"
    with pytest.raises(RecipeError, match=wanted):
        WhisperTranscriber(str(tmp_path / "nowhere.pt")).open()


def test_a_download_is_announced_and_its_failure_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(whisper._MODELS, "tiny", "http://127.0.0.1:9/0/tiny.pt")
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(RecipeError, match=r"cannot load the model 'tiny' .*Connection refused"),
    ):
        WhisperTranscriber("tiny", device="cpu").open()
    assert f"whisper: 'tiny' is not in {tmp_path / 'whisper'}: downloading it" in caplog.text


@pytest.mark.parametrize("settings", [{"model": 5}, {"model": "tiny", "dtype": 16}])
def test_a_setting_that_is_no_text_is_named(settings: dict[str, Setting]) -> None:
    with pytest.raises(RecipeError, match=r"'settings\.(model|dtype)' of the back end 'whisper' is not a text"):
        load("transcription", BackendChoice(name="whisper", settings=settings))


def test_closed_ears_do_not_hear(file: Path) -> None:
    assert not torch.is_inference_mode_enabled()
    with pytest.raises(RuntimeError, match="not open"):
        WhisperTranscriber(str(file)).transcribe([noise(1)], [TEXT], ["en"])
