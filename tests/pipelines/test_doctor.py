"""The doctor names what is missing, unset or broken, with the remedy, and what answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.doctor import Diagnosis, examine
from schemas.recipe import Recipe
from stages.backends import registry
from tests import fakes
from tests.chat_server import ChatServer
from tests.pipelines.conftest import fake_recipe
from tests.singing_server import SingingServer
from tests.stages.backends.small_grammar import write_grammar, write_world


def diagnoses(recipe: Recipe | None = None) -> dict[tuple[str, str], Diagnosis]:
    return {(one.capability, one.name): one for one in examine(recipe)}


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Registers nothing but these back ends."""

    def register(*keys: tuple[str, str]) -> None:
        places = {key: registry.BACKENDS[key] for key in keys}
        monkeypatch.setattr(registry, "BACKENDS", places)

    return register


def test_every_embedded_back_end_answers() -> None:
    chosen = [one for one in examine(None) if one.chosen]
    assert len(chosen) == 8
    assert {one.state for one in chosen} == {"answers"}, [str(one) for one in chosen]


def test_what_is_missing_unset_or_broken_is_named_with_its_remedy(
    only: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    only(*fakes.FAKES, ("script", "openai"))
    monkeypatch.setitem(registry.EXTRAS, ("codec", "fake"), ("codecs", ("no_such_package",)))
    monkeypatch.setenv(fakes.FAULTS, str(tmp_path / "faults.json"))
    faults = {name: {} for name in ("script", "script_judge", "voice", "speech", "transcription", "quality", "codec")}
    (tmp_path / "faults.json").write_text(json.dumps(faults | {"script": {"conversation-en-train-000000": "raise"}}))
    found = diagnoses(fake_recipe())
    assert found["script", "openai"].state == "not configured"
    assert "needs the setting 'model': add it" in found["script", "openai"].words
    assert not found["script", "openai"].chosen
    assert found["codec", "fake"].state == "not installed"
    assert "pip install 'troupe[codecs]'" in found["codec", "fake"].words
    assert found["script", "fake"].state == "broken"
    assert "RuntimeError: the fake script breaks" in found["script", "fake"].words
    assert found["speech", "fake"].state == "answers"
    assert found["speech", "fake"].chosen


def test_a_singing_server_is_asked_for_one_note(only: Any) -> None:
    only(("singing", "http"))
    with SingingServer() as server:
        choice = {"name": "http", "service": {"base_url": server.url, "timeout_s": 0.5}}
        recipe = fake_recipe(backends=fakes.BACKENDS | {"singing": choice})
        assert diagnoses(recipe)["singing", "http"].state == "answers"
        assert len(server.bodies) == 1
        server.dead = True
        dead = diagnoses(recipe)["singing", "http"]
        assert (dead.state, server.url in dead.words) == ("broken", True)
    unnamed = diagnoses()["singing", "http"]
    assert unnamed.state == "not configured"
    assert "name it in backends.singing.service.base_url" in unnamed.words


def test_an_endpoint_is_asked_one_word(only: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    only(("script", "openai"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ChatServer() as server:
        choice = {"name": "openai", "settings": {"model": "m"}, "service": {"base_url": server.url, "timeout_s": 0.5}}
        recipe = fake_recipe(backends=fakes.BACKENDS | {"script": choice})
        assert diagnoses(recipe)["script", "openai"].state == "answers"
        assert server.counts["requests"] == 1
        assert server.bodies[0]["max_tokens"] <= 16
        server.unauthorized = True
        refused = diagnoses(recipe)["script", "openai"]
        assert refused.state == "broken"
        assert "OPENAI_API_KEY" in refused.words
        server.dead = True
        dead = diagnoses(recipe)["script", "openai"]
        assert dead.state == "broken"
        assert server.url in dead.words
    hosted = fake_recipe(backends=fakes.BACKENDS | {"script": {"name": "openai", "settings": {"model": "m"}}})
    unset = diagnoses(hosted)["script", "openai"]
    assert unset.state == "not configured"
    assert "OPENAI_API_KEY" in unset.words


def recipe_of(grammar: str, *kinds: str, language: str = "en") -> Recipe:
    """On the embedded writer and judge, with the grammar of a folder."""
    chosen = {"script": {"name": "grammar", "settings": {"grammar": grammar}}, "script_judge": "rules"}
    plans = {kind: {"dialogues": 100, "languages": {language: 1.0}} for kind in kinds}
    return fake_recipe(kinds=plans, backends=fakes.BACKENDS | chosen)


SCRIPTS = (("script", "grammar"), ("script_judge", "rules"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_scenes_tried_are_those_of_the_recipe_s_own_grammar(only: Any, tmp_path: Path, language: str) -> None:
    only(*SCRIPTS)
    found = diagnoses(recipe_of(write_world(tmp_path), "conversation", "roleplay", language=language))
    assert [(one.chosen, one.state) for one in found.values()] == [(True, "answers")] * 2


def test_a_grammar_without_worlds_is_named_where_the_recipe_has_role_play(only: Any, tmp_path: Path) -> None:
    only(*SCRIPTS)
    grammar = write_grammar(tmp_path)
    assert diagnoses(recipe_of(grammar, "conversation"))["script", "grammar"].state == "answers"
    found = diagnoses(recipe_of(grammar, "conversation", "roleplay"))["script", "grammar"]
    assert found.state == "broken"
    assert found.words == f"{tmp_path}/en/worlds holds no world, and role-play needs one for 'en'."


def test_a_back_end_that_the_recipe_does_not_name_is_tried_on_the_bundled_grammar(only: Any, tmp_path: Path) -> None:
    only(("script", "fake"), ("script", "grammar"))
    recipe = fake_recipe(kinds={"roleplay": {"dialogues": 4}}, backends=fakes.BACKENDS)
    assert {one.state for one in diagnoses(recipe).values()} == {"answers"}
    openai = {"name": "openai", "settings": {"model": "m", "grammar": write_grammar(tmp_path)}}
    elsewhere = diagnoses(fake_recipe(backends=fakes.BACKENDS | {"script": openai}))["script", "grammar"]
    assert (elsewhere.chosen, elsewhere.state) == (False, "answers")
