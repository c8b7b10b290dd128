"""A corpus of role-play on a small world: what its rows say of characters, tags and surroundings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.manifests import Manifest
from pipelines.show import rows_of
from schemas.roles import system_message
from schemas.script import Character
from tests import fakes
from tests.pipelines.conftest import fake_recipe
from tests.stages.backends.small_grammar import write_world


@pytest.fixture
def manifest(build: Callable[..., Any], tmp_path: Path) -> Manifest:
    script = {"name": "grammar", "settings": {"grammar": write_world(tmp_path / "grammar")}}
    perform = fake_recipe().perform.model_dump() | {"surroundings_share": 1.0}
    recipe = fake_recipe(
        kinds={"roleplay": {"dialogues": 8, "languages": {"en": 1}, "user_voices": 6, "assistant_voices": 6}},
        backends=fakes.BACKENDS | {"script": script},
        perform=perform,
        select={"max_rejected_share": 1.0},
    )
    made: Manifest = build(recipe)
    return made


def table(tmp_path: Path, manifest: Manifest, name: str) -> list[dict[str, Any]]:
    return list(rows_of(str(tmp_path / "corpus"), manifest, name))


def test_a_dialogue_opens_with_who_the_character_is(manifest: Manifest, tmp_path: Path) -> None:
    rows = table(tmp_path, manifest, "dialogues")
    assert rows
    for row in rows:
        told = row["characters"]["assistant"]
        who = Character(language="en", **{k: told[k] for k in Character.model_fields if k != "language"})
        assert row["messages"][0] == {"role": "system", "content": system_message(who)}
        assert told["description"] in row["messages"][0]["content"]
        assert told["speaker_vector"] == row["characters"]["user"]["speaker_vector"] == [0.5] * 4
        assert [message["role"] for message in row["messages"][1:]] == ["user", "assistant"]
        assert row["setting"] in ("a deck at night", "a dark hold")
        assert (told["world"], told["origin"]) == ("sea", "Reed Island")


def test_what_a_back_end_cannot_perform_is_dropped_and_said_so(manifest: Manifest, tmp_path: Path) -> None:
    rows = table(tmp_path, manifest, "utterances")
    assert {row["role"]: "[laugh]" in row["text"] for row in rows} == {"user": False, "assistant": True}
    assert all("[" not in row["spoken"] for row in rows)
    assert {row["role"]: row["dropped_tags"] for row in rows} == {"user": [], "assistant": ["[laugh]"]}
    assert {row["thought"] for row in rows if row["role"] == "user"} == {""}


def test_only_users_are_put_into_rooms(manifest: Manifest, tmp_path: Path) -> None:
    rooms = {"user": set(), "assistant": set()}
    for row in table(tmp_path, manifest, "utterances"):
        rooms[row["role"]].add(row["surroundings"]["noise"] if row["surroundings"] else None)
    assert rooms["assistant"] == {None}
    assert rooms["user"] <= {"white", "pink", "brown", "hum"}
    assert rooms["user"]


def test_the_books_have_the_kind(manifest: Manifest) -> None:
    assert list(manifest["books"]) == ["roleplay en"]
    assert manifest["books"]["roleplay en"]["dialogues"]["planned"] == 8
