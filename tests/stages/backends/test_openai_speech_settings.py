from typing import Any

import pytest

from schemas.errors import RecipeError
from schemas.recipe import BackendChoice, Service
from stages.backends import registry
from stages.backends.openai_speech_settings import SpeechSettings

VOICES = {"female": ["nova", "alloy"], "male": ["echo", "onyx"]}
BARE: dict[str, Any] = {
    "model": "m",
    "mode": "named",
    "voices": VOICES,
    "design_model": "",
    "prompts": "",
    "response_format": "wav",
    "languages": None,
    "speeds": None,
    "tags": None,
    "instruct": True,
    "send_seed": False,
    "batch": 1,
    "extra_body": None,
}


def test_what_is_not_given_is_empty() -> None:
    settings = SpeechSettings.checked(BARE)
    assert settings.voices == {"female": ("nova", "alloy"), "male": ("echo", "onyx")}
    assert (settings.design_model, settings.languages, settings.speeds, settings.tags) == ("m", {}, {}, {})
    assert not settings.seeded


def test_designed_voices_always_have_seeds() -> None:
    assert SpeechSettings.checked(BARE | {"mode": "design", "voices": None}).seeded
    assert SpeechSettings.checked(BARE | {"send_seed": True}).seeded


def test_the_extra_body_may_hold_what_the_back_end_does_not_write() -> None:
    free = {
        "instructions": "Speak clearly.",
        "seed": 7,
        "language": "English",
        "speed": 1.2,
        "task_type": "CustomVoice",
    }
    assert SpeechSettings.checked(BARE | {"instruct": False, "extra_body": free}).extra_body == free


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ({"model": " "}, "'settings.model' of the speech back end is not a text"),
        ({"model": 3}, "'settings.model' of the speech back end is not a text"),
        ({"mode": "sing"}, "'settings.mode' .* is not one of: named, design, clone"),
        ({"mode": ["design"]}, "'settings.mode' .* is not one of: named, design, clone"),
        ({"mode": "design"}, "'settings.voices' .* is of no use in the mode 'design': delete it"),
        ({"design_model": "d"}, "'settings.design_model' .* is of no use in the mode 'named'"),
        ({"prompts": "here"}, "'settings.prompts' .* is of no use in the mode 'named'"),
        ({"mode": "clone", "voices": None, "design_model": "d"}, "'settings.design_model' .* in the mode 'clone'"),
        ({"response_format": "pcm"}, "'settings.response_format' .* is not one of: wav, flac, mp3, opus"),
        ({"languages": {"fr": "French"}}, "'settings.languages' .* is not a table of texts, for any of: en, zh"),
        ({"languages": {"en": 1}}, "'settings.languages' .* is not a table of texts"),
        ({"languages": ["en"]}, "'settings.languages' .* is not a table"),
        ({"tags": {"[yawn]": "(yawns)"}}, r"'settings.tags' .* is not a table of texts, for any of: \[laugh\]"),
        ({"speeds": {"fast": 5.0}}, "'settings.speeds' .* is not a table of numbers from 0.25 to 4"),
        ({"speeds": {"fast": True}}, "'settings.speeds' .* is not a table of numbers"),
        ({"speeds": {"hasty": 1.1}}, "'settings.speeds' .* is not a table for any of: slow, normal, fast"),
        ({"instruct": "yes"}, "'settings.instruct' .* is not true or false"),
        ({"send_seed": 1}, "'settings.send_seed' .* is not true or false"),
        ({"batch": 0}, "'settings.batch' .* is not a whole number from 1 to 32"),
        ({"batch": True}, "'settings.batch' .* is not a whole number from 1 to 32"),
        ({"batch": 8, "send_seed": True}, "'settings.batch' .* is not 1, as the lines of a batch have no seeds"),
        ({"batch": 8, "mode": "design", "voices": None}, "'settings.batch' .* is not 1, as the lines of a batch"),
        ({"extra_body": "x"}, "'settings.extra_body' .* is not a table"),
        ({"extra_body": {"input": "x"}}, "'settings.extra_body' .* is not without 'input', which the back end writes"),
        ({"extra_body": {"instructions": "x"}}, "is not without 'instructions', which"),
        ({"extra_body": {"voice": "x"}}, "is not without 'voice', which"),
        ({"extra_body": {"seed": 1}, "send_seed": True}, "is not without 'seed', which"),
        ({"extra_body": {"speed": 1.0}, "speeds": {"fast": 1.1}}, "is not without 'speed', which"),
        ({"extra_body": {"language": "Auto"}, "languages": {"en": "English"}}, "is not without 'language', which"),
        ({"extra_body": {"task_type": "Base"}, "mode": "design", "voices": None}, "is not without 'task_type', which"),
        ({"extra_body": {"ref_text": "a"}, "mode": "clone", "voices": None}, "is not without 'ref_text', which"),
    ],
)
def test_what_a_setting_may_not_be(wrong: dict[str, Any], cause: str) -> None:
    with pytest.raises(RecipeError, match=cause):
        SpeechSettings.checked(BARE | wrong)


def test_the_back_end_checks_what_the_recipe_says() -> None:
    choice = BackendChoice(name="openai-speech", settings={"model": "m"}, service=Service())
    with pytest.raises(RecipeError, match=r"'settings.voices' of the speech back end is not a table such as"):
        registry.load("speech", choice)
    with pytest.raises(RecipeError, match=r"'openai-speech' needs the setting 'model': add it"):
        registry.load("speech", BackendChoice(name="openai-speech"))
    choice = BackendChoice(name="openai-speech", settings={"model": "m", "mode": "clone"}, service=Service())
    with pytest.raises(RecipeError, match=r"'settings.prompts' of the speech back end is no folder"):
        registry.load("speech", choice)
