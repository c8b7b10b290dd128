from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import RecipeError
from schemas.recipe import BackendChoice, Setting
from schemas.take import SAMPLE_RATE, Samples
from stages.backends.by_language_transcriber import ByLanguageTranscriber
from stages.backends.funasr_transcriber import FunasrTranscriber
from stages.backends.registry import load
from stages.backends.whisper_transcriber import WhisperTranscriber
from tests.stages.backends.sensevoice_model import write_sensevoice
from tests.stages.backends.whisper_model import write_whisper


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("ears")
    return {
        "en": {"name": "whisper", "settings": {"model": str(write_whisper(folder / "tiny.pt")), "device": "cpu"}},
        "zh": {"name": "funasr", "settings": {"model": str(write_sensevoice(folder / "sense")), "device": "cpu"}},
    }


@pytest.fixture(scope="module")
def ears(settings: dict[str, Any]) -> Iterator[ByLanguageTranscriber]:
    made: ByLanguageTranscriber = load("transcription", BackendChoice(name="by-language", settings=settings))
    made.open()
    yield made
    made.close()


def noise(seconds: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 3000, round(seconds * SAMPLE_RATE)).astype(np.int16)


def test_each_clip_goes_to_the_ears_of_its_language_in_order(
    ears: ByLanguageTranscriber, settings: dict[str, Any]
) -> None:
    clips = [noise(1.0 + 0.2 * seed, seed) for seed in range(4)]
    texts = ["你好", "good morning", "再见", "see you"]
    together = ears.transcribe(clips, texts, ["zh", "en", "zh", "en"], [False, True, False, False])
    own = {}
    for language, kind in (("en", WhisperTranscriber), ("zh", FunasrTranscriber)):
        own[language] = kind(**settings[language]["settings"])
        own[language].open()
    alone = [
        own[language].transcribe([clip], [text], [language])[0]
        for clip, text, language in zip(clips, texts, ["zh", "en", "zh", "en"], strict=True)
    ]
    assert together == alone
    assert ears.transcribe([], [], []) == []


def test_the_fingerprint_is_of_both(settings: dict[str, Any], tmp_path: Path) -> None:
    def print_of(**changed: Any) -> str:
        return ByLanguageTranscriber(**(settings | changed)).fingerprint

    other = {"name": "whisper", "settings": {"model": str(write_whisper(tmp_path / "other.pt", "english"))}}
    assert print_of() == print_of()
    assert len({print_of(), print_of(en=other), print_of(zh=None), print_of(zh=settings["en"], en=settings["zh"])}) == 4


def test_a_language_without_ears_is_named(settings: dict[str, Any]) -> None:
    ears = ByLanguageTranscriber(en=settings["en"])
    with pytest.raises(RecipeError, match="names no back end for 'zh': add one"):
        ears.transcribe([noise(1)], ["你好"], ["zh"])


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, "names no back end: set 'en' or 'zh'"),
        ({"fr": "whisper"}, "has no setting 'fr'"),
        ({"en": "whispr"}, r"there is no back end 'whispr'; use one of: phone-ctc, whisper"),
        ({"en": "whisper"}, "'whisper' needs the setting 'model'"),
        ({"en": {"settings": {}}}, r"settings\.en: .* is no back end; write \{name"),
        ({"zh": 5}, r"settings\.zh: 5 is no back end"),
        ({"en": "by-language"}, r"settings\.en: 'by-language' cannot name itself"),
    ],
)
def test_wrong_settings_are_named_with_what_to_do(settings: dict[str, Setting], wanted: str) -> None:
    with pytest.raises(RecipeError, match=wanted):
        load("transcription", BackendChoice(name="by-language", settings=settings))
