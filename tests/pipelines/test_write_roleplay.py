"""Builds of role-play whose scripts come from an endpoint that fails at every step; nothing is lost, all is counted."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.answers import spent
from pipelines.build import Build
from pipelines.script_chunks import script_usage
from schemas.recipe import Recipe
from tests import fakes
from tests.chat_server import ChatServer
from tests.pipelines import processes
from tests.pipelines.conftest import fake_recipe
from tests.pipelines.test_write import service
from tests.stages.backends.roleplay_plans import roleplay_grammar


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-test-0123456789abcdef")


@pytest.fixture
def grammar(tmp_path: Path) -> str:
    return roleplay_grammar(tmp_path / "grammar")


def recipe(server: ChatServer, grammar: str) -> Recipe:
    """Sixteen dialogues of at most eight characters, written and judged by the endpoint, performed by fakes."""
    asked = {"name": "openai", "service": service(server)}
    backends = fakes.BACKENDS | {
        "script": asked | {"settings": {"model": "m", "grammar": grammar}},
        "script_judge": asked | {"settings": {"model": "m"}},
    }
    kind = {"dialogues": 16, "languages": {"en": 0.5, "zh": 0.5}, "user_voices": 6, "assistant_voices": 4}
    return fake_recipe(kinds={"roleplay": kind}, backends=backends, chunk_dialogues=2)


def run(made: Recipe, out: Path) -> Any:
    return Build(made, str(out), f"{out}.work", workers=0).run()


def digests(out: Path) -> dict[str, str]:
    found = processes.digests(out, out.with_name(out.name + ".work"))
    return {name.replace(out.name, "corpus"): digest for name, digest in found.items()}


def test_a_fifth_of_faults_changes_no_byte_and_the_books_close(grammar: str, tmp_path: Path) -> None:
    with ChatServer() as sound, ChatServer(faults=0.2, seed=3) as faulty:
        run(recipe(sound, grammar), tmp_path / "faultless")
        manifest = run(recipe(faulty, grammar), tmp_path / "faulty")
        assert faulty.counts.total() - faulty.counts["requests"] >= 5
        assert manifest["dead"] == []
        assert list(manifest["books"]) == ["roleplay en", "roleplay zh"]
        for account in manifest["books"].values():
            assert account["dialogues"]["planned"] == account["dialogues"]["accepted"] == 8
        assert digests(tmp_path / "faulty") == digests(tmp_path / "faultless")
        usage = script_usage(f"{tmp_path / 'faulty'}.work")
        assert usage.requests == sum(faulty.answered.values())
        assert usage.usd == pytest.approx(faulty.usd) == spent(f"{tmp_path / 'faulty'}.work")
        profiles = [body for body in sound.bodies if body["response_format"]["json_schema"]["name"] == "profile"]
        assert len(profiles) == len({body["seed"] for body in profiles}) <= 8
        assert sound.counts["requests"] == len(profiles) + 16 * 3  # staging, dialogue, verdict
