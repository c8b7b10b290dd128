import shutil
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import RecipeError
from stages.backends.voice_prompts import VoicePrompts
from tests.singing_server import wav
from tests.stages.backends.test_voice_sides import person
from tests.voice_folder import WORDS, write_voices


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_voices(tmp_path / "voices", each=4)


def test_every_character_keeps_a_clip_of_its_language_and_gender(folder: Path) -> None:
    prompts = VoicePrompts(str(folder))
    users = [prompts.of(person(f"en-u{number:03d}")) for number in range(30)]
    assistants = [prompts.of(person(f"en-a{number:03d}")) for number in range(30)]
    assert {prompt.name for prompt in users} == {"en/female/en-female-0", "en/female/en-female-2"}
    assert {prompt.name for prompt in assistants} == {"en/female/en-female-1", "en/female/en-female-3"}
    assert users[0] == prompts.of(person("en-u000"))
    assert (users[0].text, users[0].wav) == (WORDS["en"], (folder / f"{users[0].name}.wav").read_bytes())
    chinese = person("zh-u001").model_copy(update={"language": "zh", "gender": "male"})
    assert prompts.of(chinese).name.startswith("zh/male/")


def test_the_fingerprint_is_of_clips_and_words(folder: Path) -> None:
    first = VoicePrompts(str(folder)).fingerprint
    assert VoicePrompts(str(folder)).fingerprint == first
    shutil.copytree(folder, folder.parent / "elsewhere")
    assert VoicePrompts(str(folder.parent / "elsewhere")).fingerprint == first
    words = folder / "zh" / "male" / "zh-male-0.txt"
    words.write_text("别的话。")
    assert VoicePrompts(str(folder)).fingerprint != first


def test_a_language_that_is_not_there_is_named_with_its_place(folder: Path) -> None:
    shutil.rmtree(folder / "en")
    prompts = VoicePrompts(str(folder))
    assert prompts.first().name == "zh/female/zh-female-0"
    with pytest.raises(RecipeError, match=r"no voices of 'en' to clone for en-u001: add them in .*voices/en/female\.$"):
        prompts.of(person("en-u001"))


def test_an_empty_folder_has_no_first(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no voices to clone; put them in .*en/female and so on"):
        VoicePrompts(str(tmp_path)).first()


def test_what_is_wrong_with_a_folder(folder: Path) -> None:
    clip, words = folder / "en" / "male" / "en-male-0.wav", folder / "en" / "male" / "en-male-0.txt"
    sound = clip.read_bytes()
    for broken, cause in (
        (sound[:100], r"en-male-0.wav: the WAV is cut off: 100 of \d+ bytes\.$"),
        (b"fLaC", r"en-male-0.wav: it is no WAV\.$"),
        (wav(np.zeros((16_000, 2)), 16_000), r"en-male-0.wav: the WAV has 2 channels: send one\.$"),
        (wav(np.zeros(8_000), 16_000), r"en-male-0.wav: 0\.5 s long, outside 1 to 30 s\.$"),
        (wav(np.zeros(16_000 * 31), 16_000), r"en-male-0.wav: 31\.0 s long, outside 1 to 30 s\.$"),
    ):
        clip.write_bytes(broken)
        with pytest.raises(RecipeError, match=cause):
            VoicePrompts(str(folder))
    clip.write_bytes(sound)
    words.write_text(" \n")
    with pytest.raises(RecipeError, match=r"en-male-0.txt: missing or empty; write down what en-male-0.wav says"):
        VoicePrompts(str(folder))
    words.unlink()
    with pytest.raises(RecipeError, match=r"en-male-0.txt: missing or empty"):
        VoicePrompts(str(folder))
    for path in (folder / "en" / "male").glob("*.wav"):
        path.unlink()
    with pytest.raises(RecipeError, match=r"en/male: 0 voices; a user and an assistant need two at least"):
        VoicePrompts(str(folder))


def test_no_folder() -> None:
    for folder in ("/nowhere", "", 3):
        with pytest.raises(RecipeError, match=r"'settings.prompts' of the speech back end is no folder"):
            VoicePrompts(folder)
