import json
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import RecipeError
from schemas.script import Character
from tests.trainer.tiny import person, row, turn, write_corpus
from trainer.samples import CHAT_SYSTEM
from trainer.voices import FILE, Known, Voices

DRAGON = "Your Name: Smok\nYour Voice Embedding: <|speaker|>.\nYour Role Description: a sleepy dragon of the hills"


def dialogue(name: str, who: str, kind: str = "conversation", language: str = "en", system: str = "") -> dict:
    people = {"user": person("u"), "assistant": person(who, description=f"{who}, a sleepy dragon" if system else who)}
    turns = [turn(f"{name}-u", "user", "hi"), turn(f"{name}-a", "assistant", "hello")]
    return row(name, turns, kind, system, language=language, characters=people)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    rows = [
        dialogue("d0", "Smok", "roleplay", "en", DRAGON),
        dialogue("d1", "Ann"),
        dialogue("d2", "Ann"),
        dialogue("d3", "Li", "singing", "zh"),
    ]
    return write_corpus(tmp_path_factory.mktemp("voices") / "c", {"train": rows, "test": [dialogue("t", "Bob")]})


@pytest.fixture(scope="module")
def voices(corpus: str) -> Voices:
    return Voices.of_corpus(corpus)


def test_every_assistant_is_there_once(voices: Voices, corpus: str) -> None:
    ann = person("Ann")
    assert [known.name for known in voices.known] == ["Smok", "Ann", "Li"]
    character = Character(language="en", **{name: ann[name] for name in Character.model_fields if name in ann})
    vector = [round(float(value), 5) for value in np.float32(ann["speaker_vector"])]
    assert voices.known[1] == Known("conversation", "Ann", CHAT_SYSTEM, character, vector)
    assert voices.known[0].system == DRAGON
    assert (voices.known[2].language, voices.known[2].kind) == ("zh", "singing")
    assert voices.known[1].speaker.dtype == np.float32
    assert np.allclose(voices.known[1].speaker, ann["speaker_vector"])
    assert [known.name for known in Voices.of_corpus(corpus, "test").known] == ["Bob"]


def test_saved_and_loaded_they_are_the_same(voices: Voices, tmp_path: Path) -> None:
    voices.save(tmp_path)
    assert Voices.load(tmp_path) == voices
    entries = json.loads((tmp_path / FILE).read_text("utf-8"))
    assert [entry["character"]["name"] for entry in entries] == ["Smok", "Ann", "Li"]


@pytest.mark.parametrize(
    ("wanted", "name"), [("Smok", "Smok"), ("smok", "Smok"), ("ANN", "Ann"), ("a sleepy dragon", "Smok")]
)
def test_a_role_by_name_or_description(voices: Voices, wanted: str, name: str) -> None:
    assert voices.role(wanted).name == name


def test_a_role_that_nobody_plays(voices: Voices) -> None:
    with pytest.raises(
        RecipeError, match=r"--role 'a loud pirate': the model knows no such character; it knows: Smok\."
    ):
        voices.role("a loud pirate")


def test_a_model_that_knows_no_character(voices: Voices) -> None:
    with pytest.raises(RecipeError, match=r"--role 'dragon': the model was trained on no role-play; train it on some"):
        Voices(voices.known[1:]).role("dragon")


def test_the_first_voice_of_a_language_and_kind(voices: Voices) -> None:
    assert voices.first("en").name == "Ann"
    assert voices.first("en", "roleplay").name == "Smok"
    assert voices.first("en", "singing").name == "Smok"
    assert voices.first("zh").name == "Li"
    assert Voices(voices.known[:2]).first("zh").name == "Ann"
